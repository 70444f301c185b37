"""The words that captions are made of; options stand between bars, likelier ones several times."""

from __future__ import annotations

NAMES = {
    "red": "red red red crimson scarlet ruby",
    "green": "green green green lime emerald",
    "blue": "blue blue blue navy azure cobalt",
    "yellow": "yellow yellow yellow gold golden lemon",
    "magenta": "magenta magenta magenta fuchsia pink purple",
    "cyan": "cyan cyan cyan turquoise aqua teal",
    "orange": "orange orange orange tangerine amber",
    "white": "white white white ivory",
    "black": "black black black ebony",
    "circle": "circle circle ball disc disk dot sphere",
    "square": "square square square box block",
    "triangle": "triangle",
    "star": "star",
    "ring": "ring ring donut hoop annulus",
    "cross": "cross cross plus",
    "small": "small small tiny little mini",
    "large": "large large big huge giant",
    None: "",
    "object": "object thing shape figure something sprite",
}
GO = ["move", "move", "move", "slide", "glide", "drift", "travel", "go", "float", "fly", "head", "shift"]
WAYS = {
    "left": (
        "left|left|to the left|leftward|leftwards|from right to left|towards the left|toward the left side"
    ),
    "right": "right|right|to the right|rightward|rightwards|from left to right|towards the right",
    "up": "up|up|upward|upwards|to the top|towards the top|from bottom to top|from the bottom to the top",
    "down": "down|down|downward|downwards|to the bottom|towards the bottom|from top to bottom",
}
VERBS = {
    "up": "rise|ascend|climb|rise up|ascend",
    "down": "fall|descend|drop|sink|fall down",
    "grow": (
        "grow|grow|expand|enlarge|swell|inflate|get bigger|get larger|become bigger|increase in size|zoom in"
    ),
    "shrink": "shrink|shrink|contract|deflate|get smaller|become smaller|decrease in size|zoom out",
    "spin": "spin|spin|rotate|turn|revolve|twirl|whirl|spin around|turn around|rotate in place|spin in place",
    "blink": (
        "blink|blink|flash|flicker|"
        "strobe|flash on and off|turn on and off|appear and disappear|blink on and off"
    ),
    "still": (
        "stay still|remain still|stand still|stay motionless|stay in place|rest|sit still|not move|stay put"
    ),
}
BEFORE = {
    "left": "left-moving|leftward-moving|leftward-sliding",
    "right": "right-moving|rightward-moving|rightward-sliding",
    "up": "rising|ascending|upward-moving|climbing",
    "down": "falling|descending|downward-moving|dropping",
    "grow": "growing|expanding|swelling",
    "shrink": "shrinking|contracting",
    "spin": "spinning|rotating|turning|revolving",
    "blink": "blinking|flashing|flickering",
    "still": "still|static|stationary|motionless|unmoving|fixed|immobile",
}
ON = ["on", "on", "on", "against", "over", "in front of", "with"]
BACKDROP = "background|background|background|backdrop|field|surface"
BACKDROPS = {
    "black": "{a} black {b}|{a} plain black {b}|black|a dark {b}|{a} solid black {b}",
    "white": "{a} white {b}|{a} plain white {b}|white|{a} solid white {b}",
    "grey": "{a} grey {b}|{a} gray {b}|grey|{a} plain gray {b}|{a} solid grey {b}",
    "gradient": (
        "{a} gradient {b}|a gradient|{a} graded {b}|{a} fading {b}|{a} smooth gradient {b}|{a} shaded {b}"
    ),
    "stripes": (
        "{a} striped {b}|stripes|{a} stripy {b}|{a} {b} of stripes|{a} {b} with stripes|{a} banded {b}"
    ),
    "noise": (
        "{a} noisy {b}|noise|{a} noise {b}|random noise|"
        "{a} grainy {b}|static noise|{a} {b} of noise|tv static"
    ),
}
OPENINGS = [
    "",
    "",
    "",
    "",
    "",
    "a video of",
    "a clip of",
    "a photo of",
    "there is",
    "a video showing",
    "this clip shows",
    "we see",
    "footage of",
    "an image of",
]
DOUBLE = {"spin", "drop", "get", "sit", "put"}
PLAIN_MOTION = {"left": "moving left", "right": "moving right", "up": "moving up", "down": "moving down"} | {
    "grow": "growing",
    "shrink": "shrinking",
    "spin": "spinning",
    "blink": "blinking",
    "still": "standing still",
}

"""The words SpriteCLIP knows. One line is one token; its synonyms follow."""

from __future__ import annotations

__all__ = ["FILLERS", "TOKENS", "WORD_TO_TOKEN", "base_forms"]

# token: further words that mean the same
_LINES = """
red: crimson scarlet ruby reddish cherry
green: lime emerald greenish
blue: navy azure cobalt bluish sapphire
yellow: gold golden lemon yellowish
magenta: fuchsia pink purple violet pinkish
cyan: turquoise aqua teal aquamarine
orange: tangerine amber orangish
white: ivory whitish snowy
black: ebony jet blackish
grey: gray greyish grayish silver
circle: ball disc disk dot sphere round circular orb
square: box block squared cube tile
triangle: triangular
star: pentagram starry
ring: donut doughnut hoop annulus torus annular
cross: plus
small: tiny little mini miniature petite wee
large: big huge giant enormous massive gigantic
smaller:
bigger: larger
left: leftward leftwards leftmost
right: rightward rightwards rightmost
up: upward upwards
down: downward downwards
top: ceiling
bottom: floor
from:
to: toward towards into
move: slide glide drift travel go float fly head shift run roll pass sail sweep translate scroll race dart
moving:
rise: ascend climb lift soar
fall: descend drop sink plunge
grow: expand enlarge swell inflate widen magnify
shrink: contract deflate diminish dwindle
increase:
decrease: reduce
zoom: scale
size:
spin: rotate revolve twirl whirl swivel pivot
turn:
blink: flash flicker strobe wink
appear:
disappear: vanish
off:
out:
still: motionless stationary unmoving immobile frozen resting steady idle
static:
fixed:
stay: remain stand sit rest keep put
place: position
not: without no never doesnt isnt
gradient: graded fading gradual ramp shaded blend fade
stripe: striped stripy stripey banded band bar lined
noise: noisy grainy grain snow speckled random
tv: television
background: backdrop field surface backing
on: against over upon atop onto before
front:
in: inside within
with: next beside by near plus_another alongside
behind:
and: while as
two: pair couple both double 2 twin
one: single 1 lone another other
dark: darkened
object: thing shape figure something sprite form item
"""
# known words that leave no token
_FILLERS = """
a across again all along an animation are around at away basic be become been being bright can center
centre clip color colored colour coloured completely constantly contain continually continuously deep
depict did direction display do does each entire fast feature film find flat footage frame gentle gently
geometric get gif had has have having here i image is it its just light like me middle more movie of
only own pale pattern patterned photo picture plain please quick quickly quite rapidly repeatedly same
scene screen see seen short shot show side sign simple slow slowly smooth smoothly solid some steadily
straight symbol textured that the then there these this those through uniform upright very video view
visible vivid was way we what where which who whole you
"""
FILLERS = frozenset(_FILLERS.split())
_IRREGULAR = {
    "grew": "grow",
    "grown": "grow",
    "shrank": "shrink",
    "shrunk": "shrink",
    "spun": "spin",
    "rose": "rise",
    "risen": "rise",
    "fell": "fall",
    "fallen": "fall",
    "went": "go",
    "gone": "go",
    "flew": "fly",
    "flies": "fly",
    "ran": "run",
    "stood": "stand",
    "sat": "sit",
    "kept": "keep",
    "sank": "sink",
}


def _read(lines: str) -> dict[str, str]:
    """Map each word to its token."""
    words = {}
    for line in lines.strip().splitlines():
        token, _, synonyms = line.partition(":")
        words |= dict.fromkeys([token, *synonyms.split()], token)
    return words


WORD_TO_TOKEN = _read(_LINES)
TOKENS = ("<pad>", "<text>", "<unknown>", *dict.fromkeys(WORD_TO_TOKEN.values()))


def base_forms(word: str) -> list[str]:
    """List the words that a word may be a form of, the likeliest first.

    Args:
        word: One lower-case word.

    Returns:
        The word itself, then candidates without plural, verb and comparison endings.

    Example:
        >>> base_forms("spinning")
        ['spinning', 'spinn', 'spinne', 'spin']
        >>> "circle" in base_forms("circles"), "slide" in base_forms("sliding")
        (True, True)
    """
    forms = [word]
    if word in _IRREGULAR:
        forms.append(_IRREGULAR[word])
    for ending in ("ing", "ed", "es", "s", "ly", "er", "est", "ish", "y", "n"):
        if not word.endswith(ending) or len(word) - len(ending) < 2:
            continue
        stem = word[: -len(ending)]
        forms.append(stem)
        if ending in ("ing", "ed", "er", "est", "y"):
            forms.append(stem + "e")
            if len(stem) > 2 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
        if stem.endswith("i"):
            forms.append(stem[:-1] + "y")
    return forms

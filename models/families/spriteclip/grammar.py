"""Scenes: what a sprite clip shows, and which of them training never sees.

A scene is data only. ``phrases.py`` turns one into words, ``renderer.py`` into pixels.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.families.spriteclip.phrases import describe

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "BACKGROUNDS",
    "COLOURS",
    "MOTIONS",
    "OPPOSITE_MOTION",
    "SHAPES",
    "SIZES",
    "Scene",
    "SpriteObject",
    "describe",
    "held_out",
    "random_scene",
    "valid_scene",
    "variant",
]

COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan", "orange", "white", "black")
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
SIZES = ("small", "large")
MOTIONS = ("still", "left", "right", "up", "down", "grow", "shrink", "spin", "blink")
BACKGROUNDS = ("black", "white", "grey", "gradient", "stripes", "noise")
OPPOSITE_MOTION = {
    "left": "right",
    "right": "left",
    "up": "down",
    "down": "up",
    "grow": "shrink",
    "shrink": "grow",
}
HELD_OUT_FRACTION = 6  # one composition in this many is kept out of training
_TURNS_INVISIBLY = ("circle", "ring")


@dataclass(frozen=True)
class SpriteObject:
    """One thing in a scene.

    ``size`` may be ``None``: neither small nor large, so no caption mentions it.

    Example:
        >>> SpriteObject("red", "circle", motion="left")
        SpriteObject(colour='red', shape='circle', size=None, motion='left')
    """

    colour: str
    shape: str
    size: str | None = None
    motion: str = "still"


@dataclass(frozen=True)
class Scene:
    """One or two objects over a background.

    Example:
        >>> scene = Scene((SpriteObject("blue", "star", "large", "spin"),), "white")
        >>> describe(scene)
        'a large blue star spinning on a white background'
    """

    objects: tuple[SpriteObject, ...]
    background: str = "black"

    @property
    def alike(self) -> bool:
        """Whether the scene shows the same thing twice ("two red circles")."""
        return len(self.objects) == 2 and self.objects[0] == self.objects[1]


def held_out(scene: Scene) -> bool:
    """Tell whether training never shows this scene.

    A stable hash of colour x shape x motion sets one composition in six aside; a scene is
    held out as soon as one of its objects is.

    Args:
        scene: Any scene.

    Returns:
        True if no training clip or caption holds the scene.

    Example:
        >>> scene = Scene((SpriteObject("red", "circle", "small", "left"),), "black")
        >>> held_out(scene) == held_out(Scene(scene.objects, "noise"))
        True
    """
    return any(_object_held_out(item) for item in scene.objects)


def _object_held_out(item: SpriteObject) -> bool:
    """Apply the hash rule to one object."""
    key = f"{item.colour}|{item.shape}|{item.motion}"
    return zlib.crc32(key.encode()) % HELD_OUT_FRACTION == 0


def valid_scene(scene: Scene) -> bool:
    """Tell whether a person would see in the clip what the caption says.

    A black square on black cannot be seen; a spinning ring looks still; two objects are
    either alike in everything or differ in colour or shape.

    Example:
        >>> valid_scene(Scene((SpriteObject("black", "square"),), "black"))
        False
    """
    for item in scene.objects:
        if item.colour == scene.background:
            return False
        if item.motion == "spin" and item.shape in _TURNS_INVISIBLY:
            return False
    if len(scene.objects) != 2 or scene.alike:
        return True
    first, second = scene.objects
    return (first.colour, first.shape) != (second.colour, second.shape)


def random_scene(
    rng: np.random.Generator,
    *,
    held_out_only: bool | None = None,
    num_objects: int | None = None,
) -> Scene:
    """Draw a valid scene.

    Args:
        rng: Source of randomness.
        held_out_only: True draws only held-out scenes, False only training scenes, None both.
        num_objects: 1 or 2; None draws it too (60 % one, 12 % two alike, 28 % two different).

    Returns:
        The scene.

    Example:
        >>> import numpy as np
        >>> valid_scene(random_scene(np.random.default_rng(0)))
        True
    """
    while True:
        scene = _draw(rng, num_objects)
        if valid_scene(scene) and (held_out_only is None or held_out(scene) == held_out_only):
            return scene


def _draw(rng: np.random.Generator, num_objects: int | None) -> Scene:
    """Draw a scene that may not be valid."""
    background = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    first = _draw_object(rng)
    single = rng.random() < 0.6 if num_objects is None else num_objects == 1
    if single:
        return Scene((first,), background)
    if rng.random() < 0.3:
        return Scene((first, first), background)
    second = _draw_object(rng)
    if rng.random() < 0.2:
        second = replace(second, motion=first.motion)
    return Scene((first, second), background)


def _draw_object(rng: np.random.Generator) -> SpriteObject:
    """Draw one object."""
    draw = rng.random()
    size = None if draw > 0.9 else SIZES[draw > 0.45]
    return SpriteObject(
        COLOURS[rng.integers(len(COLOURS))],
        SHAPES[rng.integers(len(SHAPES))],
        size,
        MOTIONS[rng.integers(len(MOTIONS))],
    )


def variant(scene: Scene, rng: np.random.Generator) -> Scene:
    """Change one thing of a scene: the hard negative of contrastive training.

    Args:
        scene: The scene to start from.
        rng: Source of randomness.

    Returns:
        A valid scene of the same side of the hold-out rule that differs in one attribute of
        one object (of both, when they are alike), in the background, or in which object has
        which attribute.

    Example:
        >>> import numpy as np
        >>> scene = Scene((SpriteObject("red", "circle", "small", "left"),), "black")
        >>> variant(scene, np.random.default_rng(0)) != scene
        True
    """
    side = held_out(scene)
    for _ in range(60):
        other = _changed(scene, rng)
        if other != scene and valid_scene(other) and held_out(other) == side:
            return other
    return random_scene(rng, held_out_only=side)


def _changed(scene: Scene, rng: np.random.Generator) -> Scene:
    """Change one attribute; the result may be invalid."""
    if rng.random() < 0.12:
        return replace(scene, background=BACKGROUNDS[rng.integers(len(BACKGROUNDS))])
    if len(scene.objects) == 2 and not scene.alike and rng.random() < 0.4:
        return _swapped(scene, rng)
    if rng.random() < 0.06:
        objects = scene.objects[:1] * (1 if len(scene.objects) == 2 else 2)
        return replace(scene, objects=objects)
    which = int(rng.integers(len(scene.objects)))
    changed = _changed_object(scene.objects[which], rng)
    if scene.alike:
        return replace(scene, objects=(changed, changed))
    objects = tuple(changed if i == which else item for i, item in enumerate(scene.objects))
    return replace(scene, objects=objects)


def _swapped(scene: Scene, rng: np.random.Generator) -> Scene:
    """Let two objects trade one attribute."""
    first, second = scene.objects
    name = ("colour", "shape", "motion", "motion")[rng.integers(4)]
    one, two = getattr(first, name), getattr(second, name)
    return replace(scene, objects=(replace(first, **{name: two}), replace(second, **{name: one})))


def _changed_object(item: SpriteObject, rng: np.random.Generator) -> SpriteObject:
    """Change one attribute of one object, most often its motion."""
    draw = rng.random()
    if draw < 0.25 and item.motion in OPPOSITE_MOTION:
        return replace(item, motion=OPPOSITE_MOTION[item.motion])
    if draw < 0.45:
        return replace(item, motion=MOTIONS[rng.integers(len(MOTIONS))])
    if draw < 0.65:
        return replace(item, colour=COLOURS[rng.integers(len(COLOURS))])
    if draw < 0.9 or item.size is None:
        return replace(item, shape=SHAPES[rng.integers(len(SHAPES))])
    return replace(item, size="large" if item.size == "small" else "small")

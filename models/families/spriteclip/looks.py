"""Everything about a clip that its caption leaves open: shades, sizes, paths, backdrops.

A scene says "a small red ring moves left on stripes"; a look says which red, how thin the
ring, from where to where, how wide the stripes. Training draws looks far more diverse than
any single renderer would be, so that the model also reads clips that others drew.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.families.spriteclip.backdrops import BackdropLook, draw_backdrop_look, log_uniform

if TYPE_CHECKING:
    from models.families.spriteclip.grammar import Scene, SpriteObject

__all__ = ["Look", "ObjectLook", "draw_look"]

# hue range in degrees, saturation range, value range
_SHADES = {
    "red": ((-12, 7), (0.78, 1.0), (0.62, 1.0)),
    "orange": ((23, 39), (0.8, 1.0), (0.85, 1.0)),
    "yellow": ((50, 64), (0.72, 1.0), (0.82, 1.0)),
    "green": ((92, 148), (0.65, 1.0), (0.45, 1.0)),
    "cyan": ((173, 194), (0.7, 1.0), (0.7, 1.0)),
    "blue": ((208, 246), (0.7, 1.0), (0.55, 1.0)),
    "magenta": ((288, 325), (0.65, 1.0), (0.6, 1.0)),
    "white": ((0, 360), (0.0, 0.04), (0.9, 1.0)),
    "black": ((0, 360), (0.0, 0.3), (0.0, 0.12)),
}
_PLAIN = {
    "red": (226, 30, 36),
    "orange": (250, 140, 16),
    "yellow": (250, 224, 36),
    "green": (36, 180, 66),
    "cyan": (24, 208, 226),
    "blue": (36, 78, 226),
    "magenta": (222, 36, 206),
    "white": (250, 250, 250),
    "black": (10, 10, 12),
}
_RADII = {"small": (0.055, 0.135), "large": (0.19, 0.35), None: (0.135, 0.19)}
_PLAIN_RADII = {"small": 0.105, "large": 0.26, None: 0.17}
_SYMMETRY = {"square": 4, "cross": 4, "triangle": 3}
_SAMPLED = 8  # frames a model sees: what it must be able to tell apart


@dataclass
class ObjectLook:
    """How one object is drawn; lengths are fractions of the shorter side, places of each side."""

    rgb: np.ndarray
    radius: float
    start: np.ndarray
    stop: np.ndarray
    scale: tuple[float, float] = (1.0, 1.0)
    angle: float = 0.0
    turns: float = 0.0
    blink: tuple[float, float, float, float, bool] | None = None  # hertz, duty, phase, dim level, soft
    points: int = 5
    inner: float = 0.45
    thickness: float = 0.4
    stretch: tuple[float, float] = (1.0, 1.0)
    ease: float = 1.0
    softness: float = 1.0
    outline: tuple[np.ndarray, float] | None = None
    shading: float = 0.0


@dataclass
class Look:
    """One drawing of one scene."""

    objects: list[ObjectLook]
    backdrop: BackdropLook


def draw_look(
    scene: Scene, rng: np.random.Generator, *, aspect: float, duration_s: float, plain: bool
) -> Look:
    """Draw a look for a scene.

    Args:
        scene: What must be visible.
        rng: Source of randomness.
        aspect: Width divided by height of the clip.
        duration_s: Length of the clip in seconds (blinking is chosen so that 8 frames show it).
        plain: True for clear, textbook looks (sample clips), False for the full diversity.

    Returns:
        The look.

    Example:
        >>> from models.families.spriteclip.grammar import Scene, SpriteObject
        >>> scene = Scene((SpriteObject("red", "ring", "small", "left"),), "noise")
        >>> look = draw_look(scene, np.random.default_rng(0), aspect=4 / 3, duration_s=2.0, plain=True)
        >>> bool(look.objects[0].start[0] > look.objects[0].stop[0])
        True
    """
    colours = [_shade(item.colour, rng, plain=plain) for item in scene.objects]
    backdrop = draw_backdrop_look(scene, colours, rng, plain=plain)
    objects = [
        _draw_object(item, rgb, rng, duration_s=duration_s, plain=plain)
        for item, rgb in zip(scene.objects, colours, strict=True)
    ]
    if scene.alike and rng.random() < 0.9:
        for name in ("radius", "rgb", "angle", "turns", "points", "inner", "thickness", "stretch", "scale"):
            setattr(objects[1], name, getattr(objects[0], name))
        objects[1].blink = objects[0].blink
    _place(scene, objects, rng, aspect)
    return Look(objects, backdrop)


def _shade(colour: str, rng: np.random.Generator, *, plain: bool) -> np.ndarray:
    """Draw an RGB value in 0..255 that a person would call by the colour's name."""
    if plain:
        return np.array(_PLAIN[colour], np.float32)
    hue, saturation, value = (rng.uniform(*span) for span in _SHADES[colour])
    if colour not in ("white", "black") and rng.random() < 0.3:
        saturation, value = 1.0, 1.0
    return 255.0 * np.array(colorsys.hsv_to_rgb(hue / 360 % 1.0, saturation, value), np.float32)


def _draw_object(
    item: SpriteObject, rgb: np.ndarray, rng: np.random.Generator, *, duration_s: float, plain: bool
) -> ObjectLook:
    """Draw one object's look; its path comes later."""
    look = ObjectLook(rgb, _PLAIN_RADII[item.size], np.zeros(2), np.zeros(2))
    if not plain:
        look.radius = rng.uniform(*_RADII[item.size])
        _draw_form(item, look, rng)
    if item.motion in ("grow", "shrink"):
        look.scale = _draw_growth(item, look.radius, rng, plain=plain)
    if item.motion == "spin":
        look.angle = rng.uniform(0, 2 * np.pi)
        look.turns = _draw_turns(_SYMMETRY.get(item.shape, look.points), rng)
    if item.motion == "blink":
        look.blink = _draw_blink(duration_s, rng, plain=plain)
    return look


def _draw_form(item: SpriteObject, look: ObjectLook, rng: np.random.Generator) -> None:
    """Draw the parts of the form that its name leaves open."""
    look.points = int(rng.choice([5, 5, 5, 5, 6, 7, 8, 4]))
    look.inner = rng.uniform(0.3, 0.55) if look.points > 4 else rng.uniform(0.25, 0.4)
    look.thickness = rng.uniform(0.18, 0.5)
    if rng.random() < 0.3:
        look.stretch = (rng.uniform(0.82, 1.15), rng.uniform(0.82, 1.15))
    if item.shape == "cross":
        look.angle = float(rng.choice([0.0, 0.0, np.pi / 4]))
    if item.shape == "triangle":
        look.angle = float(rng.choice([0.0, 0.0, 0.0, np.pi, np.pi / 2, -np.pi / 2]))
    if rng.random() < 0.22:
        look.angle += rng.uniform(0, 2 * np.pi)
    look.ease = log_uniform(rng, 0.7, 1.5) if rng.random() < 0.3 else 1.0
    look.softness = float(rng.choice([0.1, 1.0, 1.0, 1.8, 3.0]))
    if rng.random() < 0.12:
        level = rng.choice([0.0, 40.0, 128.0, 255.0])
        look.outline = (np.full(3, level, np.float32), rng.uniform(0.04, 0.12))
    if rng.random() < 0.12:
        look.shading = rng.uniform(-0.3, 0.3)


def _draw_growth(
    item: SpriteObject, radius: float, rng: np.random.Generator, *, plain: bool
) -> tuple[float, float]:
    """Draw first and last scale: the size of the caption is met at the start, the end or between."""
    factor = 2.6 if plain else log_uniform(rng, 1.5, 4.0)
    anchor = 0.5 if plain else float(rng.choice([0.0, 0.5, 0.5, 1.0, rng.random()]))
    low = factor ** (-anchor)
    low = max(low, 0.03 / radius)
    high = min(low * factor, 0.49 / radius)
    low = min(low, high / 1.45)
    return (low, high) if item.motion == "grow" else (high, low)


def _draw_turns(symmetry: int, rng: np.random.Generator) -> float:
    """Draw a number of turns that 8 sampled frames show as turning, not as standing still."""
    while True:
        turns = log_uniform(rng, 0.25, 3.0)
        step = turns / _SAMPLED * symmetry % 1.0
        if 0.09 < step < 0.91:
            return turns if rng.random() < 0.5 else -turns


def _draw_blink(
    duration_s: float, rng: np.random.Generator, *, plain: bool
) -> tuple[float, float, float, float, bool]:
    """Draw a blinking that is on in some of the 8 sampled frames and off in others."""
    times = (np.arange(_SAMPLED) + 0.5) * duration_s / _SAMPLED
    need = 3 if plain else 1
    for _ in range(200):
        hertz = log_uniform(rng, 0.8, 5.0)
        duty = 0.5 if plain else rng.uniform(0.35, 0.65)
        phase = rng.random()
        shown = int((((times * hertz + phase) % 1.0) < duty).sum())
        if need <= shown <= _SAMPLED - need:
            break
    dim = rng.uniform(0.0, 0.3) if not plain and rng.random() < 0.15 else 0.0
    return hertz, duty, phase, dim, bool(not plain and rng.random() < 0.1)


def _place(scene: Scene, looks: list[ObjectLook], rng: np.random.Generator, aspect: float) -> None:
    """Choose paths; two objects get the best of a few draws, so that they rarely overlap."""
    sides = np.array([max(aspect, 1.0), max(1.0 / aspect, 1.0)])
    best, best_gap = None, -1.0
    for _ in range(12 if len(looks) == 2 else 1):
        paths = [_draw_path(item, look, rng, sides) for item, look in zip(scene.objects, looks, strict=True)]
        gap = _gap(paths, looks, sides) if len(looks) == 2 else 1.0
        if gap > best_gap:
            best, best_gap = paths, gap
        if gap > 1.0:
            break
    for look, (start, stop) in zip(looks, best or [], strict=True):
        look.start, look.stop = start, stop


def _gap(paths: list[tuple[np.ndarray, np.ndarray]], looks: list[ObjectLook], sides: np.ndarray) -> float:
    """Smallest distance of two objects over the clip, in units of their radii."""
    progress = np.linspace(0, 1, 6)[:, None]
    places = [(start + (stop - start) * progress) * sides for start, stop in paths]
    reach = sum(look.radius * max(look.scale) for look in looks)
    return float(np.linalg.norm(places[0] - places[1], axis=1).min() / reach)


def _draw_path(
    item: SpriteObject, look: ObjectLook, rng: np.random.Generator, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the first and last place of an object's centre as fractions of width and height."""
    margin = np.minimum(look.radius * max(look.scale) / sides, 0.5)
    start = rng.uniform(margin, 1 - margin)
    stop = start.copy()
    if item.motion not in ("left", "right", "up", "down"):
        return start, stop
    axis = 0 if item.motion in ("left", "right") else 1
    low = min(float(margin[axis]), 0.28)
    if rng.random() < 0.15:
        low = 0.0
    room = 1 - 2 * low
    travel = rng.uniform(0.16, room)
    begin = low + rng.random() * (room - travel)
    start[axis], stop[axis] = begin, begin + travel
    stop[1 - axis] += rng.normal() * 0.01
    return (start, stop) if item.motion in ("right", "down") else (stop, start)

"""A second renderer that shares no code with SpriteCLIP's own: Pillow polygons, other habits.

Training never sees its clips. It draws without signed distances, with other star, ring and
cross proportions, other shades, other ideas of "small" and "large", and whole-pixel steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import random

    from models.families.spriteclip.grammar import Scene

_RGB = {
    "red": ["red", "crimson", "#d62728", "#ff2222"],
    "green": ["green", "lime", "#2ca02c", "limegreen"],
    "blue": ["blue", "#1f4fd8", "royalblue", "mediumblue"],
    "yellow": ["yellow", "#f5e030", "#ffe100"],
    "magenta": ["magenta", "#d030c0", "#e000e0"],
    "cyan": ["cyan", "#20c8d8", "#00d0e0"],
    "orange": ["orange", "darkorange", "#ff8800"],
    "white": ["white", "#f4f4f4"],
    "black": ["black", "#101010"],
}
_SIZES = (
    (320, 240),
    (640, 360),
    (160, 120),
    (256, 256),
    (480, 270),
    (240, 320),
    (360, 640),
    (640, 200),
    (200, 480),
)
_SMALL, _LARGE, _MEDIUM = (0.07, 0.12), (0.2, 0.3), (0.13, 0.18)


def draw_clip(scene: Scene, rng: random.Random) -> tuple[np.ndarray, float]:
    """Draw one clip of a scene.

    Args:
        scene: What to show.
        rng: Source of size, rate, length, places, speeds, shades and proportions.

    Returns:
        uint8 RGB frames (T, H, W, 3) and frames per second.
    """
    width, height = rng.choice(_SIZES)
    fps = rng.choice((10, 15, 24, 25, 30, 60))
    count = min(max(8, round(rng.uniform(1.0, 4.0) * fps)), 120)
    backdrop = _Backdrop(scene.background, width, height, rng)
    sprites = _sprites(scene, width, height, count / fps, rng)
    smooth = rng.random() < 0.6
    frames = []
    for index in range(count):
        picture = backdrop.picture()
        for sprite in sprites:
            sprite.paint(picture, index / max(1, count - 1), index / fps, smooth=smooth)
        frames.append(np.asarray(picture))
    return np.stack(frames), float(fps)


def _sprites(scene: Scene, width: int, height: int, seconds: float, rng: random.Random) -> list[_Sprite]:
    """Make the sprites of a scene; two of them keep to their own halves of the picture."""
    wide = width >= height
    sprites = []
    vertical = rng.random() < 0.5 if len(scene.objects) == 2 else False
    first = scene.objects[0]
    for index, item in enumerate(scene.objects):
        box = [0.0, 0.0, 1.0, 1.0]
        if len(scene.objects) == 2:
            moves = {other.motion for other in scene.objects}
            across = (
                not (moves & {"left", "right"})
                if moves & {"left", "right", "up", "down"}
                else (wide or vertical)
            )
            axis = 0 if across else 1
            box[axis], box[axis + 2] = index / 2, (index + 1) / 2
        sprite = _Sprite(item, (width, height), box, seconds, rng)
        if index and item == first and rng.random() < 0.7:
            sprite.radius, sprite.rgb = sprites[0].radius, sprites[0].rgb
        sprites.append(sprite)
    return sprites


class _Sprite:
    """One moving polygon."""

    def __init__(
        self, item: Any, size: tuple[int, int], box: list[float], seconds: float, rng: random.Random
    ) -> None:
        self.item = item
        self.rgb = rng.choice(_RGB[item.colour])
        spans = {"small": _SMALL, "large": _LARGE, None: _MEDIUM}
        self.radius = rng.uniform(*spans[item.size]) * min(size)
        self.grow = rng.uniform(1.7, 3.0)
        self.style = rng.random()
        self.tilt = (
            rng.choice([0.0, 0.0, 0.0, rng.uniform(0, 6)]) if item.motion != "spin" else rng.uniform(0, 6)
        )
        symmetry = {"square": 4, "cross": 4, "triangle": 3, "star": 5}.get(item.shape, 1)
        while True:
            self.turns = rng.choice([-1, 1]) * rng.uniform(0.3, 2.2)
            if 0.1 < abs(self.turns) / 8 * symmetry % 1 < 0.9:
                break
        self.hertz, self.phase = _visible_blink(seconds, rng)
        self.start, self.stop = self._path(*size, box, rng)

    def _path(
        self, width: int, height: int, box: list[float], rng: random.Random
    ) -> tuple[list[float], list[float]]:
        """Choose the way of the centre in pixels."""
        low = [box[0] * width, box[1] * height]
        high = [box[2] * width, box[3] * height]
        start = [
            rng.uniform(a + min(self.radius, 0.45 * (b - a)), b - min(self.radius, 0.45 * (b - a)))
            for a, b in zip(low, high, strict=True)
        ]
        stop = list(start)
        if self.item.motion in ("left", "right", "up", "down"):
            axis = 0 if self.item.motion in ("left", "right") else 1
            room = (low[axis] + 0.15 * (high[axis] - low[axis]), high[axis] - 0.15 * (high[axis] - low[axis]))
            travel = rng.uniform(0.35, 1.0) * (room[1] - room[0])
            begin = rng.uniform(room[0], room[1] - travel)
            start[axis], stop[axis] = begin, begin + travel
            if self.item.motion in ("left", "up"):
                start, stop = stop, start
        return start, stop

    def paint(self, picture: Image.Image, progress: float, time_s: float, *, smooth: bool) -> None:
        """Draw the sprite as it is now."""
        if self.item.motion == "blink" and int(time_s * self.hertz * 2 + self.phase) % 2:
            return
        x, y = (a + (b - a) * progress for a, b in zip(self.start, self.stop, strict=True))
        radius = self.radius
        if self.item.motion in ("grow", "shrink"):
            part = progress if self.item.motion == "grow" else 1 - progress
            radius *= (1 + (self.grow - 1) * part) / math.sqrt(self.grow)
        angle = self.tilt + (2 * math.pi * self.turns * progress if self.item.motion == "spin" else 0.0)
        factor = 3 if smooth else 1
        side = math.ceil(radius * 2.2 + 4) * factor
        mask = Image.new("L", (side, side), 0)
        _form(ImageDraw.Draw(mask), self.item.shape, side / 2, radius * factor, angle=angle, style=self.style)
        mask = mask.resize((side // factor, side // factor), Image.Resampling.BOX) if factor > 1 else mask
        place = (round(x - mask.width / 2), round(y - mask.height / 2))
        picture.paste(Image.new("RGB", mask.size, self.rgb), place, mask)


def _visible_blink(seconds: float, rng: random.Random) -> tuple[float, float]:
    """Choose a rate at which 8 evenly spread looks see both on and off."""
    while True:
        hertz, phase = rng.uniform(1.0, 4.0), rng.random() * 2
        looks = [int((k + 0.5) * seconds / 8 * hertz * 2 + phase) % 2 for k in range(8)]
        if 2 <= sum(looks) <= 6:
            return hertz, phase


def _form(
    draw: ImageDraw.ImageDraw, shape: str, middle: float, radius: float, *, angle: float, style: float
) -> None:
    """Draw a white form into a mask."""
    box = [middle - radius, middle - radius, middle + radius, middle + radius]
    if shape == "circle":
        draw.ellipse(box, fill=255)
    elif shape == "ring":
        draw.ellipse(box, outline=255, width=max(2, round(radius * (0.25 + 0.2 * style))))
    elif shape == "cross":
        arm = 0.18 + 0.2 * style
        for turn in (0.0, math.pi / 2):
            bar = [(-1.0, -arm), (1.0, -arm), (1.0, arm), (-1.0, arm)]
            draw.polygon(_turned(bar, middle, radius, angle + turn), fill=255)
    elif shape == "star":
        inner = 0.38 + 0.12 * style
        points = [((1 if k % 2 == 0 else inner), math.pi * k / 5 - math.pi / 2) for k in range(10)]
        corners = [(r * math.cos(a), r * math.sin(a)) for r, a in points]
        draw.polygon(_turned(corners, middle, radius, angle), fill=255)
    else:
        count, offset = (3, -math.pi / 2) if shape == "triangle" else (4, math.pi / 4)
        corners = [
            (math.cos(2 * math.pi * k / count + offset), math.sin(2 * math.pi * k / count + offset))
            for k in range(count)
        ]
        draw.polygon(_turned(corners, middle, radius * 1.15, angle), fill=255)


def _turned(
    points: list[tuple[float, float]], middle: float, radius: float, angle: float
) -> list[tuple[float, float]]:
    """Turn and scale corner points."""
    c, s = math.cos(angle) * radius, math.sin(angle) * radius
    return [(middle + x * c - y * s, middle + x * s + y * c) for x, y in points]


class _Backdrop:
    """The background of one clip; noise may be new in every frame."""

    def __init__(self, kind: str, width: int, height: int, rng: random.Random) -> None:
        self.size = (width, height)
        self.noise = np.random.default_rng(rng.randrange(2**31))
        self.kind, self.fresh, self.grey = kind, rng.random() < 0.5, rng.random() < 0.6
        self.spread = rng.choice([35, 60, 127])
        self.fixed = self._draw(rng)

    def picture(self) -> Image.Image:
        """A copy to draw on."""
        if self.kind == "noise" and self.fresh:
            self.fixed = self._grain()
        return self.fixed.copy()

    def _draw(self, rng: random.Random) -> Image.Image:
        """Draw the background."""
        width, height = self.size
        if self.kind == "noise":
            return self._grain()
        if self.kind == "gradient":
            first, second = rng.choice(
                [("#202020", "#d0d0d0"), ("#102040", "#8090b0"), ("#503060", "#c0b0a0")]
            )
            if rng.random() < 0.5:
                first, second = second, first
            ramp = Image.linear_gradient("L").rotate(rng.choice([0, 90])).resize(self.size)
            return Image.composite(
                Image.new("RGB", self.size, second), Image.new("RGB", self.size, first), ramp
            )
        if self.kind == "stripes":
            return self._stripes(rng, width, height)
        grey = rng.choice(["gray", "#808080", "#a0a0a0", "#606060"])
        return Image.new("RGB", self.size, grey if self.kind == "grey" else self.kind)

    def _stripes(self, rng: random.Random, width: int, height: int) -> Image.Image:
        """Bars across, down or aslant."""
        first, second = rng.choice([("#404040", "#b0b0b0"), ("#304050", "#90a0b0"), ("#555555", "#888888")])
        picture = Image.new("RGB", self.size, first)
        draw = ImageDraw.Draw(picture)
        step = rng.uniform(0.08, 0.25) * min(width, height)
        slant = rng.choice([0, 0, 1])
        upright = rng.random() < 0.5
        for k in range(-30, 60):
            a, b = k * step * 2, k * step * 2 + step
            if slant:
                draw.polygon([(a, 0), (b, 0), (b - height, height), (a - height, height)], fill=second)
            else:
                draw.rectangle([a, 0, b, height] if upright else [0, a, width, b], fill=second)
        return picture

    def _grain(self) -> Image.Image:
        """Independent pixels."""
        width, height = self.size
        shape = (height, width, 1 if self.grey else 3)
        values = 128 + self.noise.uniform(-self.spread, self.spread, shape)
        return Image.fromarray(np.broadcast_to(values, (height, width, 3)).astype(np.uint8))

"""Draw scenes as frames: signed distances, anti-aliased, numpy only."""

from __future__ import annotations

import zlib

import numpy as np

from models.families.spriteclip.backdrops import backdrop_frames
from models.families.spriteclip.grammar import Scene, SpriteObject, describe, random_scene
from models.families.spriteclip.looks import Look, ObjectLook, draw_look

__all__ = ["Scene", "SpriteObject", "describe", "draw_frames", "random_scene", "render"]


def render(
    scene: Scene,
    *,
    width: int = 320,
    height: int = 240,
    fps: float = 24.0,
    duration_s: float = 2.0,
    num_frames: int | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Draw a scene as a clip.

    Args:
        scene: What to show.
        width: Pixels from left to right.
        height: Pixels from top to bottom.
        fps: Frames per second.
        duration_s: Length of the clip in seconds.
        num_frames: Number of frames; replaces ``duration_s``.
        rng: Source of the look (shades, path, pattern). None draws a clear look that is the
            same in every call for the same scene.

    Returns:
        uint8 RGB frames of shape (T, H, W, 3).

    Example:
        >>> scene = Scene((SpriteObject("red", "circle", "large", "right"),), "black")
        >>> frames = render(scene, width=64, height=48, num_frames=8, fps=8)
        >>> frames.shape, frames.dtype
        ((8, 48, 64, 3), dtype('uint8'))
        >>> red = frames[..., 0] > 128
        >>> bool(np.nonzero(red[0])[1].mean() < np.nonzero(red[-1])[1].mean())
        True
    """
    count = max(1, round(duration_s * fps)) if num_frames is None else num_frames
    seconds = count / fps
    plain = rng is None
    rng = np.random.default_rng(zlib.crc32(repr(scene).encode())) if rng is None else rng
    look = draw_look(scene, rng, aspect=width / height, duration_s=seconds, plain=plain)
    return draw_frames(scene, look, np.arange(count) / fps, seconds, width=width, height=height)


def draw_frames(
    scene: Scene, look: Look, times_s: np.ndarray, duration_s: float, *, width: int, height: int
) -> np.ndarray:
    """Draw the frames of a look at given moments.

    Args:
        scene: What to show.
        look: How to show it.
        times_s: Moments in seconds from the start of the clip.
        duration_s: Length of the clip: paths, growth and turns end there.
        width: Pixels from left to right.
        height: Pixels from top to bottom.

    Returns:
        uint8 RGB frames of shape (T, H, W, 3).
    """
    canvas = backdrop_frames(look.backdrop, len(times_s), width, height)
    for item, drawn in zip(scene.objects, look.objects, strict=True):
        for index, time_s in enumerate(times_s):
            _draw_object(canvas[index], item.shape, drawn, float(time_s), duration_s)
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8)


def _draw_object(frame: np.ndarray, shape: str, look: ObjectLook, time_s: float, duration_s: float) -> None:
    """Blend one object into one float frame, in place."""
    opacity = _opacity(look, time_s)
    if opacity <= 0:
        return
    height, width = frame.shape[:2]
    progress = min(max(time_s / duration_s, 0.0), 1.0) ** look.ease
    centre = (look.start + (look.stop - look.start) * progress) * (width, height)
    first, last = look.scale
    radius = max(look.radius * (first + (last - first) * progress) * min(width, height), 0.6)
    reach = radius * 1.2 + 3
    left, right = (int(np.clip(centre[0] + side * reach, 0, width)) for side in (-1, 1))
    top, bottom = (int(np.clip(centre[1] + side * reach, 0, height)) for side in (-1, 1))
    if left >= right or top >= bottom:
        return
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - centre[0])[None, :] / (radius * look.stretch[0])
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - centre[1])[:, None] / (radius * look.stretch[1])
    distance = _distance(
        shape, look, *_turned(x, y, look.angle + 2 * np.pi * look.turns * time_s / duration_s)
    )
    _blend(frame[top:bottom, left:right], distance, radius, look, opacity=opacity, y=y)


def _opacity(look: ObjectLook, time_s: float) -> float:
    """How much of a blinking object shows now."""
    if look.blink is None:
        return 1.0
    hertz, duty, phase, dim, soft = look.blink
    cycle = (time_s * hertz + phase) % 1.0
    if soft:
        return 0.5 + 0.5 * float(np.cos(2 * np.pi * (cycle - duty / 2)))
    return 1.0 if cycle < duty else dim


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Turn coordinates by an angle."""
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def _distance(shape: str, look: ObjectLook, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance to the outline, in units of the radius; negative inside."""
    if shape == "circle":
        return np.hypot(x, y) - 0.95
    if shape == "ring":
        half = look.thickness / 2
        return np.abs(np.hypot(x, y) - (0.97 - half)) - half
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.85
    if shape == "cross":
        across, along = np.abs(x), np.abs(y)
        arm = 0.12 + 0.35 * look.thickness
        return np.maximum(np.maximum(across, along) - 0.97, np.minimum(across, along) - arm)
    if shape == "triangle":
        return _pointed(x, y, 3, 0.5)
    return _pointed(x, y, look.points, look.inner)


def _pointed(x: np.ndarray, y: np.ndarray, points: int, inner: float) -> np.ndarray:
    """Distance to a star with its first point up: fold the plane into one half of one point."""
    sector = np.float32(np.pi / points)
    angle = np.abs((np.arctan2(x, -y) + sector) % (2 * sector) - sector)
    radius = np.hypot(x, y)
    edge = np.array([inner * np.cos(sector) - 1.0, inner * np.sin(sector)], np.float32)
    edge /= np.linalg.norm(edge)
    return (radius * np.cos(angle) - 1.0) * edge[1] - radius * np.sin(angle) * edge[0]


def _blend(
    patch: np.ndarray, distance: np.ndarray, radius: float, look: ObjectLook, *, opacity: float, y: np.ndarray
) -> None:
    """Paint where the distance is negative, over a soft edge of about ``softness`` pixels."""
    rgb = look.rgb
    if look.shading:
        rgb = np.clip(look.rgb * (1.0 + look.shading * y[..., None]), 0, 255)
    if look.outline is not None:
        ring_rgb, width = look.outline
        inside = np.clip(0.5 - (distance + width) * radius / look.softness, 0, 1)[..., None]
        rgb = ring_rgb + inside * (rgb - ring_rgb)
    cover = np.clip(0.5 - distance * (radius / look.softness), 0, 1)[..., None] * opacity
    patch += cover * (rgb - patch)

"""Backdrops: what they may look like, and drawing them."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.families.spriteclip.grammar import Scene

__all__ = ["BackdropLook", "backdrop_frames", "draw_backdrop_look", "log_uniform"]


@dataclass
class BackdropLook:
    """How the backdrop is drawn."""

    kind: str
    first: np.ndarray
    second: np.ndarray
    angle: float = 0.0
    period: float = 0.2
    duty: float = 0.5
    soft: bool = False
    cell: int = 1
    coloured: bool = False
    moving: bool = False
    amplitude: float = 60.0
    seed: int = 0


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from low..high, every factor as likely.

    Example:
        >>> 1 <= log_uniform(np.random.default_rng(0), 1, 4) <= 4
        True
    """
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_backdrop_look(
    scene: Scene, colours: list[np.ndarray], rng: np.random.Generator, *, plain: bool
) -> BackdropLook:
    """Draw a backdrop against which the objects can be seen."""
    kind = scene.background
    if kind in ("black", "white", "grey"):
        low, high = {"black": (0, 26), "white": (232, 255), "grey": (84, 184)}[kind]
        level = {"black": 8, "white": 248, "grey": 128}[kind] if plain else rng.uniform(low, high)
        rgb = np.full(3, level, np.float32) + (0 if plain else rng.normal(0, 2, 3).astype(np.float32))
        return BackdropLook(kind, rgb, rgb)
    look = BackdropLook(kind, *_draw_pair(kind, colours, rng, plain=plain), seed=int(rng.integers(2**31)))
    look.angle = rng.choice([0.0, np.pi / 2]) if rng.random() < 0.6 else rng.uniform(0, np.pi * 2)
    if kind == "gradient":
        look.soft = rng.random() < 0.1
        look.angle += np.pi * (rng.random() < 0.5)
    elif kind == "stripes":
        look.period = 0.2 if plain else log_uniform(rng, 0.07, 0.4)
        look.duty = 0.5 if rng.random() < 0.6 else rng.uniform(0.3, 0.7)
        look.soft = rng.random() < 0.1
        look.angle = look.angle if rng.random() < 0.75 else np.pi / 4 * rng.choice([-1, 1])
    else:
        look.cell = 1 if rng.random() < 0.6 else int(rng.integers(2, 7))
        look.coloured = rng.random() < 0.4
        look.moving = rng.random() < 0.5
        look.amplitude = 70.0 if plain else log_uniform(rng, 16, 140) * (1.0 if look.cell == 1 else 1.3)
    return look


def _draw_pair(
    kind: str, colours: list[np.ndarray], rng: np.random.Generator, *, plain: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the two colours of a gradient or of stripes, or the mean of noise (twice)."""
    careful = plain or rng.random() < 0.85
    for _ in range(60):
        first, second = _draw_tint(rng), _draw_tint(rng)
        if kind == "noise":
            first = np.full(3, rng.uniform(70, 180)) if rng.random() < 0.8 else first * 0.6 + 50
            second = first
        line = [first, 0.5 * (first + second), second] if kind == "gradient" else [first, second]
        clear = min(float(np.linalg.norm(spot - rgb)) for spot in line for rgb in colours)
        apart = float(np.linalg.norm(first - second))
        if (clear > 85 or not careful) and (kind == "noise" or apart > (70 if kind == "gradient" else 50)):
            break
    return first.astype(np.float32), second.astype(np.float32)


def _draw_tint(rng: np.random.Generator) -> np.ndarray:
    """Draw any colour; half of the time a grey."""
    if rng.random() < 0.5:
        return np.full(3, rng.choice([0.0, 255.0, rng.uniform(0, 255), rng.uniform(0, 255)]))
    saturation, value = rng.uniform(0.25, 1.0), rng.uniform(0.15, 1.0)
    return 255.0 * np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value))


def backdrop_frames(look: BackdropLook, num_frames: int, width: int, height: int) -> np.ndarray:
    """Draw the backdrop of every frame, float32 (T, H, W, 3)."""
    if look.kind == "noise":
        return _noise(look, num_frames, width, height)
    frame = np.empty((height, width, 3), np.float32)
    frame[:] = look.first
    if look.kind in ("gradient", "stripes"):
        weight = _gradient(look, width, height) if look.kind == "gradient" else _stripes(look, width, height)
        frame += weight[..., None] * (look.second - look.first)
    return np.repeat(frame[None], num_frames, axis=0)


def _grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres relative to the middle, in units of the shorter side."""
    short = min(width, height)
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / short
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / short
    return x[None, :], y[:, None]


def _gradient(look: BackdropLook, width: int, height: int) -> np.ndarray:
    """Weight of the second colour: a ramp from edge to edge, or from the middle outwards."""
    x, y = _grid(width, height)
    ramp = np.hypot(x, y) if look.soft else x * np.cos(look.angle) + y * np.sin(look.angle)
    ramp = np.broadcast_to(ramp, (height, width))
    low, high = float(ramp.min()), float(ramp.max())
    return (ramp - low) / max(high - low, 1e-6)


def _stripes(look: BackdropLook, width: int, height: int) -> np.ndarray:
    """Weight of the second colour: bands, with edges of about one pixel."""
    x, y = _grid(width, height)
    along = (x * np.cos(look.angle) + y * np.sin(look.angle)) / look.period + look.seed % 97 / 97
    along = np.broadcast_to(along, (height, width))
    if look.soft:
        return 0.5 + 0.5 * np.sin(2 * np.pi * along)
    distance = look.duty / 2 - np.abs(along % 1.0 - 0.5)
    return np.clip(0.5 + distance * look.period * min(width, height), 0, 1)


def _noise(look: BackdropLook, num_frames: int, width: int, height: int) -> np.ndarray:
    """Random cells around a mean, fixed or new in every frame."""
    rng = np.random.default_rng(look.seed)
    rows, columns = height // look.cell + 2, width // look.cell + 2
    channels = 3 if look.coloured else 1
    count = num_frames if look.moving else 1
    cells = rng.integers(0, 256, (count, rows, columns, channels), dtype=np.uint8)
    values = (cells.astype(np.float32) - 127.5) * (look.amplitude / 127.5)
    if look.cell > 1:
        values = values.repeat(look.cell, axis=1).repeat(look.cell, axis=2)
    values = values[:, :height, :width] + look.first
    return np.clip(np.repeat(values, num_frames // count, axis=0), 0, 255)

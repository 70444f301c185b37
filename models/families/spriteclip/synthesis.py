"""Training clips: diverse drawings, spoilt as cameras and codecs spoil them, in shards on disk."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from models.families.spriteclip.grammar import (
    BACKGROUNDS,
    COLOURS,
    MOTIONS,
    SHAPES,
    SIZES,
    Scene,
    SpriteObject,
    random_scene,
    variant,
)
from models.families.spriteclip.looks import draw_look
from models.families.spriteclip.preprocessing import INPUT_SIZES, NUM_FRAMES, input_size, to_network_input
from models.families.spriteclip.renderer import draw_frames

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FAMILY", "Shard", "codes_to_scene", "make_shard", "scene_to_codes", "synthetic_clip"]

FAMILY = 4  # clips of one family differ in one thing from the first
CLIP_BYTES = NUM_FRAMES * 3 * INPUT_SIZES[0][0] * INPUT_SIZES[0][1]
_ASPECTS = (4 / 3, 4 / 3, 16 / 9, 16 / 9, 1.0, 3 / 4, 9 / 16)
_FPS = (10, 12, 15, 24, 25, 30, 50, 60)


def scene_to_codes(scene: Scene) -> list[int]:
    """A scene as numbers: background, count, then colour, shape, size, motion of two objects.

    Example:
        >>> scene_to_codes(Scene((SpriteObject("green", "star", None, "up"),), "white"))
        [1, 1, 1, 3, -1, 3, -1, -1, -1, -1]
    """
    codes = [BACKGROUNDS.index(scene.background), len(scene.objects)]
    for item in scene.objects:
        size = -1 if item.size is None else SIZES.index(item.size)
        codes += [COLOURS.index(item.colour), SHAPES.index(item.shape), size, MOTIONS.index(item.motion)]
    return codes + [-1] * (10 - len(codes))


def codes_to_scene(codes: np.ndarray) -> Scene:
    """The scene of its numbers.

    Example:
        >>> codes_to_scene(np.array([1, 1, 1, 3, -1, 3, -1, -1, -1, -1])).background
        'white'
    """
    objects = []
    for start in (2, 6)[: int(codes[1])]:
        colour, shape, size, motion = (int(code) for code in codes[start : start + 4])
        size_name = SIZES[size] if size >= 0 else None
        objects.append(SpriteObject(COLOURS[colour], SHAPES[shape], size_name, MOTIONS[motion]))
    return Scene(tuple(objects), BACKGROUNDS[int(codes[0])])


def synthetic_clip(
    scene: Scene, aspect: float, rng: np.random.Generator, *, plain: bool = False
) -> np.ndarray:
    """Draw the 8 frames that a model would see of a spoilt clip of a scene.

    Args:
        scene: What to show.
        aspect: Width divided by height of the clip that was "filmed".
        rng: Source of look, rate, length and damage.
        plain: True for clear looks and no damage.

    Returns:
        uint8 RGB (8, H, W, 3) of 100 to 200 pixels a side for square clips.

    Example:
        >>> scene = Scene((SpriteObject("red", "ring"),))
        >>> synthetic_clip(scene, 1.0, np.random.default_rng(0)).shape[0]
        8
    """
    area = rng.uniform(104, 176) ** 2
    width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    fps, wanted_s = float(rng.choice(_FPS)), rng.uniform(1.0, 6.0)
    count = max(NUM_FRAMES, round(wanted_s * fps))
    duration_s = count / fps
    look = draw_look(scene, rng, aspect=width / height, duration_s=duration_s, plain=plain)
    times_s = (np.arange(NUM_FRAMES) * 2 + 1) * count // (2 * NUM_FRAMES) / fps
    frames = draw_frames(scene, look, times_s, duration_s, width=width, height=height)
    return frames if plain else _spoil(frames, rng)


def _spoil(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur, quantise and code frames as a cheap camera and codec would."""
    if rng.random() < 0.2:
        frames = _blurred(frames)
    if rng.random() < 0.25:
        return frames
    stack = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))
    buffer = io.BytesIO()
    stack.save(buffer, "JPEG", quality=int(rng.integers(10, 80)), subsampling=2)
    return np.array(Image.open(buffer).convert("RGB")).reshape(frames.shape)


def _blurred(frames: np.ndarray) -> np.ndarray:
    """Average each pixel with its right and lower neighbours."""
    wide = frames.astype(np.uint16)
    wide[:, :, :-1] = (wide[:, :, :-1] + wide[:, :, 1:]) // 2
    wide[:, :-1] = (wide[:, :-1] + wide[:, 1:]) // 2
    return wide.astype(np.uint8)


def _draw_aspect(rng: np.random.Generator) -> float:
    """Draw an aspect ratio: mostly the usual ones, sometimes any from 1:4 to 4:1."""
    if rng.random() < 0.75:
        return float(rng.choice(_ASPECTS))
    return float(np.exp(rng.uniform(-math.log(4), math.log(4))))


@dataclass
class Shard:
    """Clips on disk: ``pixels`` (N, CLIP_BYTES) uint8, ``codes`` (N, 10), ``sizes`` (N,) into INPUT_SIZES."""

    pixels: np.ndarray
    codes: np.ndarray
    sizes: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Shard:
        """Open a shard that ``make_shard`` wrote."""
        codes = np.load(path.with_suffix(".codes.npy"))
        pixels = np.load(path.with_suffix(".pixels.npy"), mmap_mode="r")
        return cls(pixels, codes[:, 1:], codes[:, 0])


def make_shard(path: Path, seed: int, index: int, families: int, easy: float = 0.0) -> Path:
    """Render one shard; the same arguments always give the same bytes.

    Args:
        path: Base name of the files; an existing shard is kept.
        seed: Seed of the training run.
        index: Number of the shard.
        families: Number of families of ``FAMILY`` clips.
        easy: Share of families with one object and a plain look.

    Returns:
        The path.
    """
    if path.with_suffix(".codes.npy").exists():
        return path
    rng = np.random.default_rng((seed, index))
    pixels = np.empty((families * FAMILY, CLIP_BYTES), np.uint8)
    codes = np.empty((families * FAMILY, 11), np.int16)
    for family in range(families):
        plain = rng.random() < easy
        base = random_scene(rng, held_out_only=False, num_objects=1 if plain else None)
        aspect = _draw_aspect(rng)
        size = input_size(1000, round(1000 * aspect))  # one for the family: batches count on it
        for member in range(FAMILY):
            row = family * FAMILY + member
            scene = base if member == 0 else variant(base, rng)
            clip = to_network_input(synthetic_clip(scene, aspect, rng, plain=plain), size)
            pixels[row] = clip.numpy().reshape(-1)
            codes[row] = [INPUT_SIZES.index(size), *scene_to_codes(scene)]
    for name, array in (("pixels", pixels), ("codes", codes)):
        part = path.with_suffix(f".{name}.part{os.getpid()}")
        with part.open("wb") as file:
            np.save(file, array)
        part.replace(path.with_suffix(f".{name}.npy"))
    return path

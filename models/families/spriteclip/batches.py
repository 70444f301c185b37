"""Batches from shards: whole families, mirrored and reversed with their captions following."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from models.families.spriteclip.grammar import (
    COLOURS,
    MOTIONS,
    SHAPES,
    Scene,
    SpriteObject,
    describe,
    held_out,
)
from models.families.spriteclip.objective import caption_codes
from models.families.spriteclip.phrases import draw_mention
from models.families.spriteclip.preprocessing import INPUT_SIZES, NUM_FRAMES
from models.families.spriteclip.synthesis import FAMILY, Shard, codes_to_scene
from models.families.spriteclip.tokenizer import Tokenizer, pad

__all__ = ["CAPTIONS_PER_CLIP", "Batch", "draw_batch"]

CAPTIONS_PER_CLIP = 2
_SIZE_SHARES = (7, 7, 2)  # sixteenths of a batch for each picture size


def _swapped(*pairs: tuple[str, str]) -> np.ndarray:
    """Motion codes after some motions trade places."""
    names = list(MOTIONS)
    for first, second in pairs:
        names[MOTIONS.index(first)], names[MOTIONS.index(second)] = second, first
    return np.array([MOTIONS.index(name) for name in names] + [-1])


_MIRRORED = _swapped(("left", "right"))
_FLIPPED = _swapped(("up", "down"))
_REVERSED = _swapped(("left", "right"), ("up", "down"), ("grow", "shrink"))
_HELD_OUT = np.zeros((len(COLOURS) + 1, len(SHAPES) + 1, len(MOTIONS) + 1), bool)
for _c, _s, _m in itertools.product(range(len(COLOURS)), range(len(SHAPES)), range(len(MOTIONS))):
    _HELD_OUT[_c, _s, _m] = held_out(Scene((SpriteObject(COLOURS[_c], SHAPES[_s], None, MOTIONS[_m]),)))


@dataclass
class Batch:
    """Clips grouped by picture size (in the order of ``scenes``), and their captions."""

    pixels: list[torch.Tensor]
    gain: torch.Tensor
    shift: torch.Tensor
    scenes: np.ndarray
    tokens: torch.Tensor
    captions: np.ndarray
    own: np.ndarray


def draw_batch(shards: list[Shard], tokenizer: Tokenizer, rng: np.random.Generator, clips: int) -> Batch:
    """Draw a training batch.

    Args:
        shards: Where clips come from.
        tokenizer: Turns captions into numbers.
        rng: Source of every choice.
        clips: Number of clips, a multiple of 64.

    Returns:
        The batch; each clip has ``CAPTIONS_PER_CLIP`` captions.
    """
    sizes = np.concatenate([shard.sizes[::FAMILY] for shard in shards])
    shard_of = np.repeat(np.arange(len(shards)), [len(shard.sizes) // FAMILY for shard in shards])
    first_of = np.concatenate([np.arange(0, len(shard.sizes), FAMILY) for shard in shards])
    picked = []
    for size, share in enumerate(_SIZE_SHARES):
        # the same counts in every batch: the convolution library prepares each shape once
        chosen = rng.choice(np.flatnonzero(sizes == size), clips * share // (16 * FAMILY))
        for family in np.sort(chosen):
            shard = shards[shard_of[family]]
            picked += [(shard, int(first_of[family]) + member) for member in range(FAMILY)]
    groups: dict[int, list[np.ndarray]] = {}
    scenes = []
    for shard, row in picked:
        size = int(shard.sizes[row])
        clip, codes = _augmented(shard.pixels[row], shard.codes[row].astype(np.int64), size, rng)
        groups.setdefault(size, []).append(clip)
        scenes.append(codes)
    scene_codes = np.stack(scenes)
    tokens, captions = _captions(scene_codes, tokenizer, rng)
    own = np.repeat(np.arange(len(scenes)), CAPTIONS_PER_CLIP)
    pixels = [torch.from_numpy(np.stack(group)) for _, group in sorted(groups.items())]
    return Batch(pixels, *_tints(len(scenes), rng), scene_codes, tokens, captions, own)


def _augmented(
    pixels: np.ndarray, codes: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mirror, flip and reverse a clip at random, unless that would make a held-out scene of it."""
    height, width = INPUT_SIZES[size]
    clip = np.asarray(pixels).reshape(NUM_FRAMES, height, width, 3)
    for axis, motions in ((2, _MIRRORED), (1, _FLIPPED), (0, _REVERSED)):
        if rng.random() < 0.5:
            continue
        changed = codes.copy()
        changed[[5, 9]] = motions[codes[[5, 9]]]
        if _HELD_OUT[changed[2], changed[3], changed[5]] or _HELD_OUT[changed[6], changed[7], changed[9]]:
            continue
        clip, codes = np.flip(clip, axis), changed
    return clip, codes


def _tints(count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Small changes of brightness and contrast, folded into the scaling to -1..1."""
    gain, shift = rng.uniform(0.92, 1.06, count), rng.uniform(-7, 7, count)
    gains, shifts = (
        torch.from_numpy(array).bfloat16().view(count, 1, 1, 1, 1)
        for array in (gain / 127.5, shift / 127.5 - 1.0)
    )
    return gains, shifts


def _captions(
    scenes: np.ndarray, tokenizer: Tokenizer, rng: np.random.Generator
) -> tuple[torch.Tensor, np.ndarray]:
    """Write captions for each scene, now and then with an unknown word."""
    numbers, codes = [], []
    unknown = tokenizer.tokens.index("<unknown>")
    for row in scenes:
        scene = codes_to_scene(row)
        for _ in range(CAPTIONS_PER_CLIP):
            mention = draw_mention(scene, rng)
            sequence = tokenizer.encode(describe(scene, rng, mention))
            if rng.random() < 0.12:
                sequence.insert(int(rng.integers(1, len(sequence) + 1)), unknown)
            numbers.append(sequence[: tokenizer.max_tokens])
            codes.append(caption_codes(scene, mention))
    return pad(numbers, 12), np.stack(codes)

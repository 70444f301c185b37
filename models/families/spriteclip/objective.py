"""What training asks for: the right caption first, and every attribute readable from a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from models.families.spriteclip.grammar import BACKGROUNDS, COLOURS, MOTIONS, SHAPES, SIZES
from models.families.spriteclip.phrases import ATTRIBUTES, Mention
from models.families.spriteclip.synthesis import scene_to_codes

if TYPE_CHECKING:
    from models.families.spriteclip.grammar import Scene

__all__ = ["NUM_TARGETS", "attribute_loss", "attribute_targets", "caption_codes", "contrastive_loss", "fits"]

_COUNTS = (len(COLOURS), len(SHAPES), len(SIZES), len(MOTIONS))
_PAIRS = ((0, 1), (0, 3), (1, 3), (0, 2), (1, 2))
_GROW = (MOTIONS.index("grow"), MOTIONS.index("shrink"))
_SINGLE_SIZES = [*_COUNTS, len(BACKGROUNDS), 2]
_PAIR_SIZES = [_COUNTS[a] * _COUNTS[b] for a, b in _PAIRS]
NUM_TARGETS = sum(_SINGLE_SIZES) + sum(_PAIR_SIZES)


def caption_codes(scene: Scene, mention: Mention) -> np.ndarray:
    """Codes of a scene with -1 for all that a caption leaves out.

    Returns:
        int array (11,): the ten scene codes, then 1 if the caption tells three things or more.
    """
    codes = scene_to_codes(scene)
    if not mention.background:
        codes[0] = -1
    told = 0
    for index in range(len(scene.objects)):
        names = mention.objects[index]
        told += len(names)
        for place, name in enumerate(ATTRIBUTES):
            if name not in names:
                codes[2 + 4 * index + place] = -1
    return np.array([*codes, told >= 3], np.int64)


def fits(captions: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """Which captions are true, or might be called true, of which scenes.

    Args:
        captions: ``caption_codes`` of each caption, (P, 11).
        scenes: ``scene_to_codes`` of each scene, (N, 10).

    Returns:
        bool (P, N): pairs that must not be pushed apart.
    """
    background = (captions[:, None, 0] < 0) | (captions[:, None, 0] == scenes[None, :, 0])
    direct = _object_fits(captions[:, 2:6], scenes[:, 2:6])
    crossed = _object_fits(captions[:, 2:6], scenes[:, 6:10])
    second = _object_fits(captions[:, 6:10], scenes[:, 6:10])
    second_crossed = _object_fits(captions[:, 6:10], scenes[:, 2:6])
    both = (direct & second) | (crossed & second_crossed)
    two_told, two_shown = captions[:, None, 1] == 2, scenes[None, :, 1] == 2
    vague = captions[:, None, 10] == 0
    one = np.where(two_shown, vague & (direct | crossed), direct)
    return background & np.where(two_told, two_shown & both, one)


def _object_fits(told: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Which told objects may be which shown objects, (P, N); sizes of growing things are vague."""
    equal = (told[:, None] < 0) | (told[:, None] == shown[None])
    unclear = (shown[:, 2] < 0) | np.isin(shown[:, 3], _GROW)
    equal[..., 2] |= unclear[None]
    return equal.all(-1) & (shown[None, :, 0] >= 0)


def attribute_targets(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multi-hot attributes and attribute pairs of scenes or captions.

    Args:
        codes: (N, 10) or (N, 11), -1 where not told.

    Returns:
        Targets and weights, float32 (N, NUM_TARGETS); weight 0 where nothing was told.
    """
    count = len(codes)
    targets, weights = [], []
    objects = codes[:, 2:10].reshape(count, 2, 4)
    present = np.stack([np.ones(count, bool), codes[:, 1] == 2], 1)
    for place, size in enumerate(_COUNTS):
        targets.append(_multi_hot(objects[..., place], present, size))
        weights.append(_known(objects[..., place], present, size))
    for values, size in ((codes[:, 0], len(BACKGROUNDS)), (codes[:, 1] - 1, 2)):
        single = np.ones((count, 1), bool)
        targets.append(_multi_hot(values[:, None], single, size))
        weights.append(_known(values[:, None], single, size))
    for (a, b), size in zip(_PAIRS, _PAIR_SIZES, strict=True):
        first, second = objects[..., a], objects[..., b]
        joint = np.where((first < 0) | (second < 0), -1, first * _COUNTS[b] + second)
        targets.append(_multi_hot(joint, present, size))
        weights.append(_known(joint, present, size))
    return np.concatenate(targets, 1), np.concatenate(weights, 1)


def _multi_hot(values: np.ndarray, present: np.ndarray, size: int) -> np.ndarray:
    """1 for each value that some object has."""
    hot = np.zeros((len(values), size + 1), np.float32)
    rows = np.arange(len(values))
    for column in range(values.shape[1]):
        known = np.where(present[:, column] & (values[:, column] >= 0), values[:, column], size)
        hot[rows, known] = 1
    return hot[:, :size]


def _known(values: np.ndarray, present: np.ndarray, size: int) -> np.ndarray:
    """1 in rows in which every present object's value is told."""
    known = (~present | (values >= 0)).all(1).astype(np.float32)
    return np.repeat(known[:, None], size, axis=1)


def attribute_loss(head: nn.Module, rows: torch.Tensor, codes: np.ndarray) -> torch.Tensor:
    """Cross-entropy of all attributes read from unit rows (N, D) by one head for both towers.

    Two objects share the probability of an attribute; rows in which it was not told do not count.
    """
    targets, weights = (torch.from_numpy(array).to(rows.device) for array in attribute_targets(codes))
    logits = head(rows * rows.shape[1] ** 0.5)
    total = logits.new_zeros(())
    sizes = [*_SINGLE_SIZES, *_PAIR_SIZES]
    parts = zip(logits.split(sizes, 1), targets.split(sizes, 1), weights.split(sizes, 1), strict=True)
    for values, wanted, weight in parts:
        shares = wanted / wanted.sum(1, keepdim=True).clamp(min=1.0)
        loss = -(shares * values.log_softmax(1)).sum(1)
        total = total + (loss * weight[:, 0]).sum() / weight[:, 0].sum().clamp(min=1.0)
    return total / len(sizes)


def contrastive_loss(
    text: torch.Tensor, video: torch.Tensor, own: torch.Tensor, ignored: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Symmetric InfoNCE that leaves out pairs which are true by chance.

    Args:
        text: Unit rows of P captions.
        video: Unit rows of N clips.
        own: int (P,): the clip that each caption was written for.
        ignored: bool (P, N): pairs that also fit and are neither right nor wrong.
        scale: Factor from cosine to logit.

    Returns:
        The mean loss of both directions.
    """
    logits = scale * text @ video.T
    rows = torch.arange(len(text), device=text.device)
    right = logits[rows, own]
    wrong = logits.masked_fill(ignored, -1e4)
    wrong = wrong.index_put((rows, own), torch.full_like(right, -1e4))
    by_text = torch.logaddexp(right, wrong.logsumexp(1)) - right
    by_video = torch.logaddexp(right, wrong.logsumexp(0)[own]) - right
    return 0.5 * (by_text.mean() + by_video.mean())

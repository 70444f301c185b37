"""Measure retrieval, attributes and the sense of time of a video-text model on clips of scenes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.families.spriteclip.grammar import (
    BACKGROUNDS,
    COLOURS,
    MOTIONS,
    OPPOSITE_MOTION,
    SHAPES,
    SIZES,
    Scene,
    describe,
    random_scene,
    valid_scene,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["attribute_accuracy", "distinct_scenes", "recall_at_1", "reversal_rate"]

_VALUES = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "motion": MOTIONS}


def distinct_scenes(
    rng: np.random.Generator, count: int, *, held_out_only: bool | None = True
) -> list[Scene]:
    """Draw scenes with distinct captions, each with a size for every object.

    Args:
        rng: Source of randomness.
        count: Number of scenes.
        held_out_only: As in ``random_scene``.

    Returns:
        The scenes.

    Example:
        >>> len({describe(scene) for scene in distinct_scenes(np.random.default_rng(0), 8)})
        8
    """
    scenes: dict[str, Scene] = {}
    while len(scenes) < count:
        scene = random_scene(rng, held_out_only=held_out_only)
        if all(item.size for item in scene.objects):
            scenes.setdefault(describe(scene), scene)
    return list(scenes.values())


def recall_at_1(text: np.ndarray, video: np.ndarray, group: int = 64) -> float:
    """Share of captions whose own clip comes first among the clips of their group.

    Args:
        text: Unit rows (N, D) of captions.
        video: Unit rows (N, D) of their clips, in the same order.
        group: Number of clips ranked together.

    Returns:
        A share in 0..1.

    Example:
        >>> recall_at_1(np.eye(4), np.eye(4)[[0, 1, 3, 2]], group=4)
        0.5
    """
    right = 0
    for start in range(0, len(text), group):
        scores = text[start : start + group] @ video[start : start + group].T
        right += int((scores.argmax(1) == np.arange(len(scores))).sum())
    return right / len(text)


def attribute_accuracy(
    model: Any, scenes: Sequence[Scene], video: np.ndarray, name: str
) -> tuple[float, int]:
    """Share of scenes for which the right caption beats all captions with another value of one attribute.

    Args:
        model: A model with ``embed_text``.
        scenes: What the clips show; only those with one object count.
        video: Unit rows (N, D) of the clips.
        name: "colour", "shape", "size", "motion" or "background".

    Returns:
        The share, and how many scenes counted.
    """
    right = counted = 0
    for scene, row in zip(scenes, video, strict=True):
        if len(scene.objects) != 1 or (name == "size" and scene.objects[0].motion in ("grow", "shrink")):
            continue
        others = [other for other in _with_each(scene, name) if valid_scene(other) and other != scene]
        texts = [describe(scene), *map(describe, others)]
        scores = np.asarray(model.embed_text(texts)) @ row
        right += int(scores.argmax() == 0)
        counted += 1
    return right / max(1, counted), counted


def _with_each(scene: Scene, name: str) -> list[Scene]:
    """The scene with every value of one attribute."""
    if name == "background":
        return [replace(scene, background=value) for value in BACKGROUNDS]
    return [replace(scene, objects=(replace(scene.objects[0], **{name: value}),)) for value in _VALUES[name]]


def reversal_rate(
    model: Any, scenes: Sequence[Scene], clips: Sequence[Any], embed: Callable[[Any], np.ndarray]
) -> tuple[float, int]:
    """Share of clips whose reversal turns the order of the true and the opposite motion caption.

    Args:
        model: A model with ``embed_text``.
        scenes: What the clips show; those with one object and a motion with an opposite count.
        clips: Frames of each clip, uint8 (T, H, W, 3).
        embed: Gives unit rows of a list of clips.

    Returns:
        The share of clips for which forward prefers the true caption and reversed the
        opposite one, and how many counted.
    """
    chosen = [
        (scene, clip)
        for scene, clip in zip(scenes, clips, strict=True)
        if len(scene.objects) == 1 and scene.objects[0].motion in OPPOSITE_MOTION
    ]
    right = 0
    for scene, clip in chosen:
        item = scene.objects[0]
        opposite = replace(scene, objects=(replace(item, motion=OPPOSITE_MOTION[item.motion]),))
        texts = np.asarray(model.embed_text([describe(scene), describe(opposite)]))
        scores = embed([clip, clip[::-1]]) @ texts.T
        right += int(scores[0, 0] > scores[0, 1] and scores[1, 1] > scores[1, 0])
    return right / max(1, len(chosen)), len(chosen)

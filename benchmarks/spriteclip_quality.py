"""Measure SpriteCLIP's quality: ``python -m benchmarks.spriteclip_quality [--weights DIR]``.

Scenes are compositions that training never saw. Clips are written as H.264 at crf 35 and
decoded again: once drawn by the model's own renderer, once by one that shares no code with it.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.foreign_sprites import draw_clip
from models.families.spriteclip.evaluate import (
    attribute_accuracy,
    distinct_scenes,
    recall_at_1,
    reversal_rate,
)
from models.families.spriteclip.grammar import Scene, describe
from models.families.spriteclip.model import SpriteCLIP
from models.families.spriteclip.renderer import render
from workbench.media.decode import frames_at
from workbench.media.encode import write_video
from workbench.media.sampling import frame_times

_SIZES = ((320, 240), (640, 360), (160, 120), (426, 240), (240, 426), (640, 240))


def own_clip(scene: Scene, seed: int) -> tuple[np.ndarray, float]:
    """Draw a clip with our renderer in its full diversity."""
    rng = np.random.default_rng(seed)
    width, height = _SIZES[rng.integers(len(_SIZES))]
    fps = float(rng.choice([10, 24, 30, 60]))
    count = min(round(rng.uniform(1.0, 4.0) * fps), 96)  # bounds the memory of a clip
    return render(scene, width=width, height=height, fps=fps, num_frames=count, rng=rng), fps


def foreign_clip(scene: Scene, seed: int) -> tuple[np.ndarray, float]:
    """Draw a clip with the other renderer."""
    return draw_clip(scene, random.Random(seed))  # noqa: S311 - pictures, no secrets


_RENDERERS = {"own": own_clip, "foreign": foreign_clip}


def through_h264(frames: np.ndarray, fps: float, folder: Path) -> np.ndarray:
    """Write and decode a clip at crf 35; the 8 frames that a model sees of it."""
    path = write_video(folder / "clip.mp4", frames, fps, crf=35)
    return frames_at(path, frame_times(0.0, len(frames) / fps, 8)).data


def measure(model: SpriteCLIP, name: str, sets: int, *, held_out: bool | None, seed: int = 0) -> None:
    """Print all numbers for one renderer, "own" or "foreign"."""
    draw = _RENDERERS[name]
    scenes = [
        scene
        for k in range(sets)
        for scene in distinct_scenes(np.random.default_rng((seed, k)), 64, held_out_only=held_out)
    ]
    with tempfile.TemporaryDirectory() as folder:
        clips = [through_h264(*draw(scene, seed + k), Path(folder)) for k, scene in enumerate(scenes)]
    video = model.embed_videos(clips).numpy()
    text = model.embed_text([describe(scene) for scene in scenes]).numpy()
    single = np.array([len(scene.objects) == 1 for scene in scenes])
    found = recall_at_1(text, video)
    print(f"{name} renderer, held out {held_out}: R@1 among 64: {found:.3f} over {len(scenes)}")
    hits = np.concatenate(
        [
            (text[k : k + 64] @ video[k : k + 64].T).argmax(1) == np.arange(64)
            for k in range(0, len(scenes), 64)
        ]
    )
    print(f"  captions of one object {hits[single].mean():.3f}, of two {hits[~single].mean():.3f}")
    for motion in dict.fromkeys(item.motion for scene in scenes for item in scene.objects):
        mine = np.array([any(item.motion == motion for item in scene.objects) for scene in scenes])
        print(f"  with {motion} {hits[mine].mean():.2f}", end=";")
    print()
    for attribute in ("colour", "shape", "size", "motion", "background"):
        share, counted = attribute_accuracy(model, scenes, video, attribute)
        print(f"  {attribute} {share:.3f} of {counted}", end=";")
    share, counted = reversal_rate(model, scenes, clips, lambda pair: model.embed_videos(pair).numpy())
    print(f"\n  reversal flips left/right, up/down, grow/shrink: {share:.3f} of {counted}")


def measure_speed(model: SpriteCLIP) -> None:
    """Print clips per second with preprocessing, frames already decoded."""
    clips = list(np.random.default_rng(0).integers(0, 256, (64, 8, 240, 320, 3), dtype=np.uint8))
    model.embed_videos(clips)
    began = time.perf_counter()
    for _ in range(3):
        model.embed_videos(clips)
    rate = 3 * len(clips) / (time.perf_counter() - began)
    print(f"embed_videos: {rate:.0f} clips/s (8 frames of 320x240, {torch.get_num_threads()} threads)")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="package folder; default: the bundled one")
    parser.add_argument("--sets", type=int, default=4, help="sets of 64 scenes for each renderer")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model = SpriteCLIP.from_pretrained(options.weights)
    measure_speed(model)
    for name in _RENDERERS:
        measure(model, name, options.sets, held_out=True, seed=options.seed)
    measure(model, "foreign", options.sets, held_out=None, seed=options.seed + 1)


if __name__ == "__main__":
    main()

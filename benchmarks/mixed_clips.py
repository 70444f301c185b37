"""Short clips of several codecs and sizes, made here; every frame differs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

# codec, width, height, frames a second, seconds
KINDS = (
    ("libx264", 1280, 720, 24, 8),
    ("mpeg4", 640, 480, 10, 8),
    ("libx264", 320, 240, 30, 8),
    ("libx264", 432, 240, 25, 6),
    ("mpeg4", 848, 480, 24, 5),
    ("libx264", 1280, 720, 30, 4),
)


def make_clips(folder: Path, count: int) -> list[Path]:
    """Write clips of all kinds, one after another.

    Args:
        folder: Where to; it is made.
        count: How many; further ones differ in their pictures.

    Returns:
        The files.
    """
    from workbench.media.encode import write_video

    folder.mkdir()
    paths = []
    for seed in range(count):
        codec, width, height, rate, seconds = KINDS[seed % len(KINDS)]
        shown = pictures(width, height, rate * seconds, seed)
        paths.append(write_video(folder / f"{seed:03d}.mp4", shown, rate, codec=codec))
    return paths


def pictures(width: int, height: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """A square that crosses coloured fields, which move too, under a little noise."""
    generator = np.random.default_rng(seed)
    fields = generator.integers(0, 250, (height // 16, width // 16, 3)).astype(np.uint8)
    back = fields.repeat(16, axis=0).repeat(16, axis=1)
    noise = generator.integers(0, 6, (4, height, width, 1)).astype(np.uint8)
    for t in range(count):
        picture = np.roll(back, (t, 2 * t), axis=(0, 1)) + noise[t % 4]
        left, top = (5 * t) % (width - 60), (3 * t) % (height - 60)
        picture[top : top + 60, left : left + 60] = (255, 128, seed * 40 % 256)
        yield picture

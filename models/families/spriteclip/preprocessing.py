"""Frames of any clip to the small picture stack that the video tower reads.

A clip is squeezed into one of three pictures of equal area, the one nearest to its aspect
ratio, so that a small sprite in a wide clip keeps its pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from models.encoders.resampling import shared_tensor

__all__ = ["INPUT_SIZES", "NUM_FRAMES", "PREPROCESSING", "frame_choice", "input_size", "to_network_input"]

NUM_FRAMES = 8
INPUT_SIZES = ((96, 96), (72, 128), (128, 72))
PREPROCESSING = "spriteclip-area9216-bilinear-aa"


def frame_choice(num_available: int, num_frames: int = NUM_FRAMES) -> np.ndarray:
    """Choose frames at the middles of equal parts; short clips repeat frames.

    Args:
        num_available: Number of frames there are.
        num_frames: Number of frames wanted.

    Returns:
        Rising indices, int64 of shape (num_frames,).

    Example:
        >>> frame_choice(16, 8).tolist(), frame_choice(3, 8).tolist()
        ([1, 3, 5, 7, 9, 11, 13, 15], [0, 0, 0, 1, 1, 2, 2, 2])
    """
    return (np.arange(num_frames) * 2 + 1) * num_available // (2 * num_frames)


def input_size(height: int, width: int) -> tuple[int, int]:
    """Choose the network picture (height, width) nearest to an aspect ratio.

    Example:
        >>> input_size(240, 320), input_size(360, 640), input_size(640, 360)
        ((96, 96), (72, 128), (128, 72))
    """
    aspect = math.log(width / height)
    return min(INPUT_SIZES, key=lambda size: abs(math.log(size[1] / size[0]) - aspect))


def to_network_input(frames: np.ndarray, size: tuple[int, int] | None = None) -> torch.Tensor:
    """Sample and shrink one clip.

    Args:
        frames: uint8 RGB (T, H, W, 3), any T from 1.
        size: Network picture (height, width); None chooses by the aspect ratio.

    Returns:
        uint8 tensor (8, h, w, 3) with (h, w) one of ``INPUT_SIZES``.

    Example:
        >>> to_network_input(np.zeros((20, 90, 160, 3), np.uint8)).shape
        torch.Size([8, 72, 128, 3])
    """
    wanted, places = np.unique(frame_choice(len(frames)), return_inverse=True)
    size = size or input_size(*frames.shape[1:3])
    chosen = np.ascontiguousarray(frames[wanted] if len(wanted) < len(frames) else frames)
    pixels = shared_tensor(chosen)
    if tuple(pixels.shape[1:3]) != size:
        view = pixels.permute(0, 3, 1, 2)
        pixels = functional.interpolate(view, size, mode="bilinear", antialias=True).permute(0, 2, 3, 1)
    return pixels[torch.from_numpy(places)].contiguous()

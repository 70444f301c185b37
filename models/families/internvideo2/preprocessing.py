"""Frames to what the network reads: which frames, how they are shrunk, how they are normalised.

The picture is squashed, not cropped, and shrunk without antialiasing, with the fixed-point
arithmetic of OpenCV's bilinear resize: the published weights are used with exactly that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.inputs import as_rgb_images

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["covering_frames", "normalize", "resize_bilinear", "squash", "strided_frames"]

_ONE = np.float32(2048.0)  # 1 in the fixed-point numbers of the weights


def strided_frames(num_available: int, num_frames: int) -> np.ndarray:
    """Choose frames as the reference does: from the first on, in whole steps.

    The tail of a clip is never seen when its length is no multiple of ``num_frames``.

    Args:
        num_available: Number of frames there are, at least ``num_frames``.
        num_frames: T, number of frames wanted.

    Returns:
        Rising indices, int64 of shape (T,).

    Example:
        >>> strided_frames(11, 4).tolist(), strided_frames(7, 4).tolist()
        ([0, 2, 4, 6], [0, 1, 2, 3])
    """
    return np.arange(num_frames) * (num_available // num_frames)


def covering_frames(num_available: int, num_frames: int) -> np.ndarray:
    """Choose frames at the middles of equal parts, so that a clip's tail is seen too.

    Args:
        num_available: Number of frames there are; fewer than ``num_frames`` repeat in order.
        num_frames: T, number of frames wanted.

    Returns:
        Rising indices, int64 of shape (T,).

    Example:
        >>> covering_frames(11, 4).tolist(), covering_frames(2, 4).tolist()
        ([1, 4, 6, 9], [0, 0, 1, 1])
    """
    return (np.arange(num_frames) * 2 + 1) * num_available // (2 * num_frames)


def resize_bilinear(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize as OpenCV does by default: bilinear, no antialiasing, in fixed-point numbers.

    Args:
        frames: uint8 (N, H, W, 3).
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        uint8 (N, height, width, 3), the same bytes as ``cv2.resize`` gives.

    Example:
        >>> resize_bilinear(np.array([0, 100], np.uint8).reshape(1, 1, 2, 1), 1, 4).ravel().tolist()
        [0, 25, 75, 100]
    """
    if frames.shape[1:3] == (height, width):
        return frames
    left, right, left_weight, right_weight = _columns(frames.shape[2], width)
    top, bottom, top_weight, bottom_weight = _rows(frames.shape[1], height)
    needed, places = np.unique(np.concatenate([top, bottom]), return_inverse=True)
    rows = frames[:, needed]
    sums = rows[:, :, left] * left_weight[:, None] + rows[:, :, right] * right_weight[:, None]
    sums >>= 4
    upper = sums[:, places[:height]] * top_weight[:, None, None]
    lower = sums[:, places[height:]] * bottom_weight[:, None, None]
    return (((upper >> 16) + (lower >> 16) + 2) >> 2).astype(np.uint8)


def squash(frames: Any, height: int, width: int) -> np.ndarray:
    """Resize RGB frames that need not be of one size.

    Args:
        frames: What ``models.inputs.as_rgb_images`` accepts.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        uint8 (N, height, width, 3).

    Raises:
        ModelInputError: If a frame is no RGB picture.
    """
    images = as_rgb_images(frames)
    if len({image.shape for image in images}) == 1:
        return resize_bilinear(np.stack(images), height, width)
    return np.concatenate([resize_bilinear(image[None], height, width) for image in images])


def normalize(pixels: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Turn grey levels into ``(x / 255 - mean) / std``.

    Args:
        pixels: uint8 (..., 3), RGB.
        mean: Mean of red, green and blue, of values in 0..1.
        std: Deviation of red, green and blue.

    Returns:
        float32 of the same shape, each number the nearest one to the exact result.

    Example:
        >>> normalize(np.array([0, 51, 255], np.uint8), (0.0, 0.2, 0.5), (1.0, 1.0, 0.5)).tolist()
        [0.0, 0.0, 1.0]
    """
    table = (np.arange(256)[:, None] / 255.0 - np.asarray(mean, float)) / np.asarray(std, float)
    values = table.astype(np.float32).T
    result = np.empty(pixels.shape, np.float32)
    for colour in range(3):
        np.take(values[colour], pixels[..., colour], out=result[..., colour])
    return result


def _columns(available: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Left and right column of each new column and their weights; beyond an edge only the edge counts."""
    first, share = _positions(available, wanted)
    share = np.where((first < 0) | (first >= available - 1), np.float32(0), share)
    first = first.clip(0, available - 1)
    return first, np.minimum(first + 1, available - 1), *_weights(share)


def _rows(available: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Upper and lower row of each new row and their weights; beyond an edge both are the edge."""
    first, share = _positions(available, wanted)
    return first.clip(0, available - 1), (first + 1).clip(0, available - 1), *_weights(share)


def _positions(available: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each new pixel lies among the old ones: whole part and rest (float32)."""
    exact = ((np.arange(wanted) + 0.5) * (available / wanted) - 0.5).astype(np.float32)
    whole = np.floor(exact)
    return whole.astype(np.int64), exact - whole


def _weights(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fixed-point weights of the first and the second neighbour."""
    return np.rint((np.float32(1) - share) * _ONE).astype(np.int32), np.rint(share * _ONE).astype(np.int32)

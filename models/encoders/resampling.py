"""Shrink and stretch uint8 pictures as PIL does, with torch, and without its copies.

``resize_uint8`` is for pictures of any size. ``resize_window`` computes a part of a resized
picture only: the shortest-edge resize of a strip 1 pixel wide and 5,000 tall would be a
picture of 250 million pixels, of which a centre crop keeps 50 thousand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["RESAMPLING", "resize_uint8", "resize_window", "shared_tensor"]

_UNIT = 2.0**22  # PIL's weights are whole numbers of this part
# Up to this side of the result PIL's own arithmetic is taken: torch's coarser weights would show in wide
# kernels, and so small a result is used by tiny networks only.
_EXACT_SIDE = 96


class _Shared:
    """Pixels as NumPy's array interface; keeps their owner alive."""

    def __init__(self, owner: np.ndarray) -> None:
        interface = dict(owner.__array_interface__)
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}
        self.owner = owner


def shared_tensor(pixels: np.ndarray) -> torch.Tensor:
    """See an array as a tensor without a copy, also one that may only be read.

    Only for reading: writing to the tensor would write to the array.

    Args:
        pixels: Contiguous array.

    Returns:
        Tensor of the same memory.

    Example:
        >>> shared_tensor(np.frombuffer(b"abc", np.uint8)).tolist()
        [97, 98, 99]
    """
    if pixels.flags.writeable or not pixels.size:
        return torch.from_numpy(pixels)
    # torch warns about read-only arrays, and switching a warning off is not safe among threads.
    return torch.from_numpy(np.asarray(_Shared(pixels)))


def resize_uint8(frames: torch.Tensor, size: tuple[int, int], resample: str = "bicubic") -> torch.Tensor:
    """Resize pictures with antialiasing, as ``PIL.Image.resize`` does.

    Args:
        frames: uint8 (T, H, W, 3).
        size: Height and width wanted.
        resample: "bicubic" or "bilinear".

    Returns:
        uint8 (T, 3, h, w), not necessarily contiguous; at most 1 grey level from PIL's.

    Example:
        >>> resize_uint8(torch.zeros(2, 9, 12, 3, dtype=torch.uint8), (3, 4)).shape
        torch.Size([2, 3, 3, 4])
    """
    view = frames.permute(0, 3, 1, 2)  # channels stay last in memory: torch's fast path
    height, width = size
    if tuple(view.shape[2:]) == (height, width):
        return view
    if max(size) <= _EXACT_SIDE:
        return resize_window(frames, size, (slice(0, height), slice(0, width)), resample)
    if _vertical_first(frames.shape[1:3], size):
        view = functional.interpolate(view, size=(height, view.shape[3]), mode=resample, antialias=True)
    return functional.interpolate(view, size=(height, width), mode=resample, antialias=True)


def resize_window(
    frames: torch.Tensor, size: tuple[int, int], window: tuple[slice, slice], resample: str = "bicubic"
) -> torch.Tensor:
    """Compute a window of what ``resize_uint8`` would give, without the rest.

    Args:
        frames: uint8 (T, H, W, 3).
        size: Height and width of the whole resized picture.
        window: Rows and columns of it that are wanted.
        resample: "bicubic" or "bilinear".

    Returns:
        uint8 (T, 3, rows, columns).

    Example:
        >>> strip = torch.zeros(1, 5000, 1, 3, dtype=torch.uint8)
        >>> resize_window(strip, (1_120_000, 224), (slice(0, 224), slice(0, 224))).shape
        torch.Size([1, 3, 224, 224])
    """
    rows, row_weights = _weights(frames.shape[1], size[0], window[0], resample)
    columns, column_weights = _weights(frames.shape[2], size[1], window[1], resample)
    vertical_first = _vertical_first(frames.shape[1:3], size)

    def resized(frame: torch.Tensor) -> torch.Tensor:
        needed = frame[rows, columns].permute(2, 0, 1).double()
        if vertical_first:
            return _rounded(_rounded(row_weights @ needed) @ column_weights.T).to(torch.uint8)
        return _rounded(row_weights @ _rounded(needed @ column_weights.T)).to(torch.uint8)

    return torch.stack([resized(frame) for frame in frames])  # one at a time: in float64 they are large


def _vertical_first(have: Sequence[int], want: Sequence[int]) -> bool:
    """Tell which pass comes first: PIL rounds to 8 bits after each, so the order shows.

    It is that of Pillow 13; older ones always begin horizontally, which differs for tall pictures
    that are shrunk little, by a few grey levels at hard edges.
    """
    lost_rows, lost_columns = have[0] - want[0], have[1] - want[1]
    return lost_rows > 0 and lost_rows > 2 * lost_columns


def _rounded(values: torch.Tensor) -> torch.Tensor:
    """Grey levels of weighted sums: round half up and stay within 0..255."""
    return (values / _UNIT + 0.5).floor_().clamp_(0.0, 255.0)


def _weights(have: int, want: int, window: slice, resample: str) -> tuple[slice, torch.Tensor]:
    """Pixels that a window of outputs reads along one axis, and PIL's weights of them (outputs, pixels)."""
    kernel, reach = RESAMPLING[resample]
    scale = have / want
    stretch = max(scale, 1.0)  # antialiasing: the kernel grows with the shrinking
    centres = (np.arange(window.start, window.stop) + 0.5) * scale
    first = np.maximum((centres - reach * stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centres + reach * stretch + 0.5).astype(np.int64), have)
    pixels = slice(int(first.min()), int(last.max()))
    places = np.arange(pixels.start, pixels.stop)
    weights = kernel((places[None] + 0.5 - centres[:, None]) / stretch)
    weights[(places[None] < first[:, None]) | (places[None] >= last[:, None])] = 0.0
    weights *= _UNIT / weights.sum(axis=1, keepdims=True)
    return pixels, torch.from_numpy(np.trunc(weights + np.copysign(0.5, weights)))


def _bilinear(x: np.ndarray) -> np.ndarray:
    """Triangle of reach 1."""
    return np.maximum(1.0 - np.abs(x), 0.0)


def _bicubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic of reach 2 with a = -0.5, as PIL has it."""
    x = np.abs(x)
    inner = (1.5 * x - 2.5) * x * x + 1.0
    outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, inner, np.where(x < 2.0, outer, 0.0))


# Name -> kernel, and how far it reaches in pixels of the smaller picture.
RESAMPLING: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "bilinear": (_bilinear, 1.0),
    "bicubic": (_bicubic, 2.0),
}


def shortest_edge_size(height: int, width: int, edge: int) -> tuple[int, int]:
    """Size of a picture whose shorter side was brought to a length, its shape kept.

    Args:
        height: Height of the picture.
        width: Its width.
        edge: Length wanted of the shorter side.

    Returns:
        Height and width; the longer side is cut down to a whole number, as the processors do.

    Example:
        >>> shortest_edge_size(480, 640, 224), shortest_edge_size(1, 3, 224)
        ((224, 298), (224, 672))
    """
    short, long = sorted((height, width))
    longer = int(edge * long / short)
    return (longer, edge) if width <= height else (edge, longer)


def centre_window(have: int, want: int) -> tuple[slice, int]:
    """Place of a centre crop along one axis.

    Args:
        have: Pixels there are.
        want: Pixels wanted; more than there are means black on both sides.

    Returns:
        Pixels to take, and how many black ones come before them.

    Example:
        >>> centre_window(298, 224), centre_window(5, 8)
        ((slice(37, 261, None), 0), (slice(0, 5, None), 2))
    """
    start = math.floor((have - want) / 2)
    return slice(max(start, 0), min(start + want, have)), max(-start, 0)

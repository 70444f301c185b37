"""From a decoded frame to an upright RGB array."""

from typing import TYPE_CHECKING, Any

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import VideoReformatter

from workbench.media.images import on_white
from workbench.media.orientation import matrix_from_bytes, upright

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_FULL_RANGE = 2
# How an accelerator gives its frames, and the same pixels as a decoder of the processor has them: the way
# from there to RGB is the same then, to the last bit.
_SAME_PIXELS = {"nv12": "yuv420p", "p010le": "yuv420p10le", "nv16": "yuv422p", "nv24": "yuv444p"}


class PictureMaker:
    """Converts frames of one video: right colours, transparency on white, upright, one size.

    The first frame sets the size and the way up for all, also where a damaged or spliced file
    changes them: the pictures of one clip go into one array.

    Args:
        max_side: Shrink so that the longer side has at most this many pixels; None keeps size.
        even: Round sizes down to even numbers, as video encoders want.
    """

    def __init__(self, max_side: int | None = None, *, even: bool = False) -> None:
        self._reformatter = VideoReformatter()
        self._max_side = max_side
        self._even = even
        self._size: tuple[int, int] | None = None
        self._matrix: tuple[int, ...] | None = None

    def __call__(self, frame: "VideoFrame", matrix: tuple[int, ...] | None = None) -> np.ndarray:
        """Return a frame as RGB uint8 (H, W, 3), turned as its display matrix asks."""
        if self._size is None:
            self._size = self._target_size(frame.width, frame.height)
            self._matrix = matrix
        width, height = self._size
        transparent = any(part.is_alpha for part in frame.format.components) or frame.format.name == "pal8"
        # Unsaid, the range is taken for limited, and pictures of phones come out too contrasty.
        full = _FULL_RANGE if frame.color_range == _FULL_RANGE else 0
        stored = (frame.sw_format or frame.format).name  # a frame on a card has both
        if stored in _SAME_PIXELS:
            frame = self._reformatter.reformat(
                frame, format=_SAME_PIXELS[stored], src_color_range=full, dst_color_range=full
            )
        picture = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if transparent else "rgb24",
            src_color_range=full,
            interpolation="AREA" if self._max_side else None,
            threads=1,
        ).to_ndarray()
        return upright(on_white(picture) if transparent else picture, self._matrix)

    def _target_size(self, width: int, height: int) -> tuple[int, int]:
        """Fit a stored size into the wished one, keeping its shape."""
        scale = min(1.0, self._max_side / max(width, height)) if self._max_side else 1.0
        step = 2 if self._even else 1
        fit = [max(step, round(side * scale) // step * step) for side in (width, height)]
        return fit[0], fit[1]


def is_on_card(frame: "VideoFrame") -> bool:
    """Whether a frame lies in the memory of an accelerator, where one decoded it."""
    return frame.sw_format is not None


def display_matrix(frame: "VideoFrame") -> tuple[int, ...] | None:
    """Return the display matrix that travels with a frame, or None."""
    side_data: Any = frame.side_data
    data = side_data.get(SideDataType.DISPLAYMATRIX)
    return matrix_from_bytes(bytes(data)) if data is not None else None

"""Small pictures of a video, quickly: one near a moment, or a stretch as a stream."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import ClipDecodeError
from workbench.media.container import open_video
from workbench.media.decode import frames_at
from workbench.media.files import media_file
from workbench.media.images import shrunk
from workbench.media.names import display_name
from workbench.media.packets import FrameReader, PacketReader
from workbench.media.pixels import PictureMaker

__all__ = ["pictures_between", "poster_at"]

_SMALL_FILE_BYTES = 2 << 20
_SEEK_FROM_S = 10.0
_JITTER_S = 0.002  # containers round time stamps to milliseconds


def poster_at(path: Path | str, time_s: float, max_side: int) -> np.ndarray:
    """Decode one small picture near a moment, quickly.

    Of a small file it is the frame on screen; of a larger one the key frame before it, which
    costs one frame whatever the distance between key frames.

    Args:
        path: A local video file.
        time_s: The moment, in seconds from the start of the video.
        max_side: The longer side of the picture, in pixels, is at most this.

    Returns:
        An upright RGB picture, uint8 (H, W, 3).

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `frames_at`.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> max(poster_at(sample_clips()[0].path, 1.0, max_side=96).shape)
        96
    """
    path = Path(path)
    if media_file(path).size > _SMALL_FILE_BYTES:
        with suppress(ClipDecodeError), open_video(path, threads=1) as video:
            packets = PacketReader(video)
            packets.seek(time_s)
            for _, frame in FrameReader(video, packets):
                return PictureMaker(max_side)(frame)
    return shrunk(frames_at(path, [time_s], threads=1).data[0], max_side)


def pictures_between(
    path: Path | str, start_s: float, stop_s: float, *, max_side: int, max_fps: float = 30.0
) -> Iterator[tuple[float, np.ndarray]]:
    """Decode a stretch of video as a stream of small pictures, one in memory at a time.

    Args:
        path: A local video file.
        start_s: Start of the stretch, in seconds from the start of the video.
        stop_s: End of the stretch in seconds, itself not included.
        max_side: The longer side of the pictures, in pixels, is at most this; sides are even.
        max_fps: Frames that follow closer than this allows are left out.

    Yields:
        Time in seconds from the start of the video, and the upright RGB picture (H, W, 3).

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `frames_at`.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> len(list(pictures_between(sample_clips()[0].path, 0.5, 1.0, max_side=96, max_fps=10)))
        5
    """
    path = Path(path)
    with open_video(path) as video:
        packets, make = PacketReader(video), PictureMaker(max_side, even=True)
        if start_s > _SEEK_FROM_S:
            packets.seek(start_s - 1)
        shown = _stretch(packets, FrameReader(video, packets), start_s, stop_s)
        due_s = start_s
        for time_s, frame in shown:
            if time_s >= due_s - _JITTER_S:
                due_s = max(due_s + 1 / max_fps, time_s)
                yield time_s, make(frame)
        if due_s == start_s:
            raise ClipDecodeError(f"{display_name(path)}: no picture between {start_s} and {stop_s} s.")


def _stretch(
    packets: PacketReader, frames: FrameReader, start_s: float, stop_s: float
) -> Iterator[tuple[float, Any]]:
    """Yield the frames on screen in [start_s, stop_s), the one already there at its start first."""
    before = None
    for tick, frame in frames:
        time_s = packets.seconds(tick)
        if time_s >= stop_s:
            break
        if time_s <= start_s:
            before = frame
            continue
        if before is not None:
            yield start_s, before
            before = None
        yield time_s, frame
    if before is not None:
        yield start_s, before

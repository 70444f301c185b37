"""Exact frames at given seconds, and what the headers of a video say.

`frames_at` decodes as little as it can without changing a pixel: it reads the time stamps of all
packets first, feeds the decoder only the groups of pictures that hold a wanted frame, and lets
it leave out frames that nothing refers to. Whatever is missing or strange in a file (time
stamps, key frames, damage) leads to a plain decode from the start instead.

Frames come out as stored: no correction for pixels that are not square, no deinterlacing, no
tone mapping. Transparent areas are shown on white. A frame of another size than the first
(a stream that changes) is scaled to it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import ClipDecodeError, InvalidParameterError
from workbench.media.container import open_video
from workbench.media.files import media_file
from workbench.media.frames import Frames, MediaInfo
from workbench.media.images import shrunk
from workbench.media.lengths import length_s
from workbench.media.names import display_name
from workbench.media.orientation import rotation_degrees
from workbench.media.packets import FrameReader, PacketReader, shows_by_dts
from workbench.media.pixels import PictureMaker
from workbench.media.sampling import frame_times, rate_times
from workbench.media.spans import frames_of_spans

_SMALL_FILE_BYTES = 2 << 20
_SEEK_FROM_S = 10.0
_JITTER_S = 0.002  # containers round time stamps to milliseconds


def probe(path: Path | str) -> MediaInfo:
    """Read what a video is from its headers.

    At most one frame is decoded, and only when the headers hint at a rotation. A file that
    states no length (a live WebM) is read through once without decoding.

    Args:
        path: A local video file.

    Returns:
        Its facts; width and height are those of the upright picture.

    Raises:
        SourceNotFoundError: If there is no such file.
        UnsupportedMediaError: If it is not a video: a text, a folder, sound only, empty.
        ClipDecodeError: If it is damaged, or may not be read.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> probe(sample_clips()[0].path).codec
        'h264'
    """
    path = Path(path)
    with open_video(path, threads=1) as video:
        stream, context = video.stream, video.stream.codec_context
        width, height = context.width, context.height
        rate = stream.average_rate or stream.guessed_rate
        facts = {
            "fps": float(rate) if rate else None,
            "num_frames": stream.frames or None,
            "codec": video.codec,
            "has_audio": bool(video.container.streams.audio),
            "container": video.container.format.name,
            "pixel_format": context.pix_fmt or "",
            "num_video_streams": len(video.container.streams.video),
        }
        duration_s = length_s(video)
        rotation = rotation_degrees(video.stated_matrix)
    if rotation in {90, 270}:
        width, height = height, width
    return MediaInfo(duration_s=duration_s, width=width, height=height, rotation=rotation, **facts)


def frames_at(
    path: Path | str, times_s: Sequence[float] | np.ndarray, *, threads: int | None = None
) -> Frames:
    """Decode the frames on screen at given moments of a video.

    The frame on screen at t is the last one whose presentation time is at or before t (to half
    a microsecond); before the first frame it is the first, beyond the end the last.

    Args:
        path: A local video file.
        times_s: T moments in seconds from the start of the video, in any order, repeats allowed.
        threads: Decoder threads: None or 0 takes one for each processor, 1 is best where several clips
            are decoded at once.

    Returns:
        T upright RGB frames, in the order of ``times_s``, with their own presentation times.

    Raises:
        SourceNotFoundError, UnsupportedMediaError: As `probe`.
        ClipDecodeError: If not a single frame could be decoded, with the reason.
        InvalidClipError: If no time is given, or one is not a number.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> frames_at(sample_clips()[0].path, [0.0, 1.0]).data.shape[0]
        2
    """
    return next(frames_of_spans(path, [times_s], threads=threads))


def sample_frames(path: Path | str, num_frames: int, *, threads: int | None = None) -> Frames:
    """Decode the frames that stand for a whole video.

    Args:
        path: A local video file.
        num_frames: T, how many frames; see `frame_times` for which.
        threads: Decoder threads, as for `frames_at`.

    Returns:
        T upright RGB frames with their times.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `frames_at`.
        InvalidClipError: If ``num_frames`` is below 1.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> sample_frames(sample_clips()[0].path, 3).times_s.round(2).tolist()
        [0.25, 0.75, 1.25]
    """
    return next(
        frames_of_spans(path, lambda length_s: [frame_times(0.0, length_s, num_frames)], threads=threads)
    )


def sample_rates(
    path: Path | str, rates_fps: Sequence[float], start_s: float = 0.0, stop_s: float | None = None
) -> dict[float, Frames]:
    """Sample a stretch of video at several rates, in one pass over it.

    Args:
        path: A local video file.
        rates_fps: Pictures a second, each above 0 and at most 1000.
        start_s: Start of the stretch, in seconds from the start of the video.
        stop_s: End of the stretch in seconds, itself not included; None is the end of the video.

    Returns:
        For each rate r the frames on screen at start, start + 1/r, start + 2/r and so on.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `frames_at`.
        InvalidClipError: If the stretch has no length.
        InvalidParameterError: If there is no rate, or one is no number in its range.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> frames = sample_rates(sample_clips()[0].path, [2, 8], stop_s=1.0)
        >>> {rate: len(some) for rate, some in frames.items()}
        {2: 2, 8: 8}
    """
    if not isinstance(rates_fps, Iterable):
        raise InvalidParameterError(f"rates_fps is {rates_fps!r}; a list such as [1, 4] is expected.")
    rates = list(dict.fromkeys(rates_fps))
    if not rates:
        raise InvalidParameterError("No rate was given.", next_step="Name one or more, such as [1, 4].")

    def spans(length_s: float) -> list[np.ndarray]:
        return [rate_times(start_s, length_s if stop_s is None else stop_s, rate) for rate in rates]

    return dict(zip(rates, frames_of_spans(path, spans, threads=None), strict=True))


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
                return PictureMaker(max_side)(frame, video.matrix_of(frame))
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
        if start_s > _SEEK_FROM_S and not shows_by_dts(video, packets):  # else times count from the start
            packets.seek(start_s - 1)
        shown = _stretch(packets, FrameReader(video, packets), start_s, stop_s)
        due_s = start_s
        for time_s, frame in shown:
            if time_s >= due_s - _JITTER_S:
                due_s = max(due_s + 1 / max_fps, time_s)
                yield time_s, make(frame, video.matrix_of(frame))
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

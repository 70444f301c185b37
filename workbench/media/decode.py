"""Exact frames at given seconds, and what the headers of a video say.

`frames_at` decodes as little as it can without changing a pixel: it reads the time stamps of all
packets first, feeds the decoder only the groups of pictures that hold a wanted frame, and lets
it leave out frames that nothing refers to. Whatever is missing or strange in a file (time
stamps, key frames, damage) leads to a plain decode from the start instead.

Frames come out as stored: no correction for pixels that are not square, no deinterlacing, no
tone mapping. Transparent areas are shown on white. A frame of another size than the first
(a stream that changes) is scaled to it.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from workbench.errors import ClipDecodeError, InvalidClipError
from workbench.media.container import OpenVideo, open_video
from workbench.media.frames import Frames, MediaInfo
from workbench.media.names import display_name
from workbench.media.onepass import StrangeFileError, decode_fast
from workbench.media.orientation import may_be_turned, rotation_degrees
from workbench.media.packets import (
    FrameReader,
    PacketReader,
    Picture,
    SpanCollector,
    TimesRunBackError,
)
from workbench.media.pixels import PictureMaker, display_matrix

_SMALL_FILE_BYTES = 2 << 20
_LONGEST_BELIEVED_S = 4 * 3600.0  # a longer one is checked: damaged headers state years


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
        duration_s = _duration_s(video)
    rotation = rotation_degrees(_first_matrix(path)) if may_be_turned(path) else 0
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
        threads: Decoder threads: 0 lets the decoder choose, 1 is best where several clips are
            decoded at once, None chooses by picture size.

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


def frames_of_spans(
    path: Path | str, spans: Sequence[Sequence[float] | np.ndarray], *, threads: int | None = None
) -> Iterator[Frames]:
    """Decode the frames of several spans of one video in one pass, as ``frames_at`` does for each alone.

    Spans may overlap; no picture is decoded twice for them. Memory holds what is not given out yet.

    Args:
        path: A local video file.
        spans: For each span its moments, as for ``frames_at``; best in the order of the video.
        threads: As for ``frames_at``.

    Yields:
        The frames of each span, in the order of ``spans``.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError, InvalidClipError: As ``frames_at``.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> spans = [[0.0, 0.5], [0.25, 0.75, 1.0]]
        >>> [len(frames) for frames in frames_of_spans(sample_clips()[0].path, spans)]
        [2, 3]
    """
    path = Path(path)
    times = [_checked_times(span) for span in spans]
    collector, flat = SpanCollector([len(span) for span in times]), np.concatenate([np.empty(0), *times])
    with suppress(StrangeFileError, ClipDecodeError), open_video(path, threads) as video:
        for picture in decode_fast(video, flat):
            collector.put(picture)
            yield from collector.ready()
    if not collector.complete:
        first = sum(len(span) for span in times[: collector.next_span])
        rest = [len(span) for span in times[collector.next_span :]]
        yield from decode_from_start(path, flat[first:], rest, threads=threads)


def sample_rates(
    path: Path | str, rates_fps: Sequence[float], start_s: float = 0.0, stop_s: float | None = None
) -> dict[float, Frames]:
    """Sample a video at several rates with one decode.

    Args:
        path: A local video file.
        rates_fps: Frames a second; the frame on screen at ``start_s + i / rate`` is taken for each i.
        start_s: Start, in seconds from the start of the video.
        stop_s: End in seconds, itself not included; None is the end of the video.

    Returns:
        The frames at each rate.

    Raises:
        InvalidClipError: If a rate is no positive number, or the stretch has no length.
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As ``frames_at``.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> {rate: len(frames) for rate, frames in sample_rates(sample_clips()[0].path, [1, 4]).items()}
        {1: 2, 4: 8}
    """
    stop_s = probe(path).duration_s if stop_s is None else stop_s
    rates = list(dict.fromkeys(rates_fps))
    if not rates or not all(np.isfinite(rate) and rate > 0 for rate in rates) or not start_s < stop_s:
        raise InvalidClipError(
            f"Cannot sample [{start_s}, {stop_s}) s at {list(rates_fps)} frames a second: start < stop and "
            "positive rates are needed."
        )
    counts = [max(int(np.ceil((stop_s - start_s) * rate - 1e-6)), 1) for rate in rates]
    spans = [start_s + np.arange(count) / rate for count, rate in zip(counts, rates, strict=True)]
    return dict(zip(rates, frames_of_spans(path, spans), strict=True))


def _checked_times(times_s: Sequence[float] | np.ndarray) -> np.ndarray:
    """Read the moments of one span."""
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or not len(times) or np.isnan(times).any():
        raise InvalidClipError(f"Times are a list of at least one number, in seconds; got {times_s!r}.")
    return times


def decode_from_start(
    path: Path, times_s: np.ndarray, lengths: Sequence[int] | None = None, *, threads: int | None = None
) -> Iterator[Frames]:
    """Do what `frames_of_spans` does by decoding every frame until all moments have passed.

    Slow and sure: damaged packets are passed over (the result's note says how many), missing
    time stamps are counted on from the frame rate.
    """
    lengths = [len(times_s)] if lengths is None else lengths
    collector = SpanCollector(lengths)
    try:
        yield from _decode_all(path, times_s, collector, threads, by_dts=False)
    except TimesRunBackError:
        given = collector.next_span
        left, collector = lengths[given:], SpanCollector(lengths[given:])
        yield from _decode_all(path, times_s[len(times_s) - sum(left) :], collector, threads, by_dts=True)
    if not collector.complete:
        raise ClipDecodeError(
            f"{display_name(path)} is damaged: not a single frame could be decoded.",
            next_step="Play it in another program, or leave it out.",
        )


def _decode_all(
    path: Path, times_s: np.ndarray, collector: SpanCollector, threads: int | None, *, by_dts: bool
) -> Iterator[Frames]:
    """Decode frame after frame until every moment has been passed."""
    with open_video(path, threads) as video:
        packets = PacketReader(video)
        reader = FrameReader(video, packets, patient=by_dts, by_dts=by_dts)
        wanted = packets.wanted_ticks(times_s)
        waiting, make = list(range(len(wanted))), PictureMaker()
        shown = None
        for tick, frame in reader:
            passed = [place for place in waiting if wanted[place] < tick] if shown is not None else []
            if shown is not None and passed:
                collector.put(Picture(passed, make(shown[1]), packets.seconds(shown[0])))
                waiting = [place for place in waiting if wanted[place] >= tick]
                yield from collector.ready(reader.note)
            if not waiting:
                break
            shown = (tick, frame)
        if shown is not None and waiting:
            collector.put(Picture(waiting, make(shown[1]), packets.seconds(shown[0])))
        yield from collector.ready(reader.note)


def _first_matrix(path: Path) -> tuple[int, ...] | None:
    """Decode the first frame for its display matrix; None when there is neither."""
    with suppress(ClipDecodeError), open_video(path, threads=1) as video:
        for _, frame in FrameReader(video, PacketReader(video)):
            return display_matrix(frame)
    return None


def _duration_s(video: OpenVideo) -> float:
    """Return the length from the headers, else from the time stamps of the last packets."""
    stream = video.stream
    stated_s = (video.container.duration or 0) / 1_000_000
    if stream.duration and stream.duration > 0 and stream.time_base:
        stated_s = float(stream.duration * stream.time_base)
        if stated_s <= _LONGEST_BELIEVED_S:
            return stated_s
    reader = PacketReader(video)
    if stated_s and video.container.size > _SMALL_FILE_BYTES:
        reader.seek(stated_s)
    rate = stream.average_rate or stream.guessed_rate or 25
    step_s = 1 / float(rate)
    tick_s = float(reader.time_base)
    stops = [
        reader.seconds(packet.pts) + (packet.duration * tick_s if packet.duration else step_s)
        for packet in reader
        if packet.pts is not None
    ]
    if not stops and not stated_s:
        raise ClipDecodeError("No pictures: the file holds no packet of its video stream.")
    return max(stops, default=stated_s)

"""How long a video is: as its headers say, or else by the time stamps of its last packets."""

from pathlib import Path

from workbench.errors import ClipDecodeError
from workbench.media.container import OpenVideo, open_video
from workbench.media.packets import PacketReader

_SMALL_FILE_BYTES = 2 << 20
_LONGEST_BELIEVED_S = 4 * 3600.0  # a longer one is checked: damaged headers state years
_GUESSES = "mpeg"  # program streams state no length; FFmpeg guesses it, and of short ones half


def length_of_file(path: Path) -> float:
    """Return the length of a video in seconds, in less time than `probe` takes.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `open_video` and `length_s`.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> length_of_file(sample_clips()[0].path)
        1.5
    """
    with open_video(path, threads=1, brief=True) as video:
        return length_s(video)


def stated_length_s(video: OpenVideo) -> float | None:
    """Return the length in seconds that the headers state; None if it is missing or hard to believe."""
    if video.container.format.name == _GUESSES and video.container.size <= _SMALL_FILE_BYTES:
        return None
    # MP4 adds up how long frames are decoded; of reordered ones that are shown unevenly long that is less.
    if video.is_mp4 and video.stream.codec_context.has_b_frames and _is_uneven(video):
        return None
    stated_s = _stream_length_s(video)
    return stated_s if 0 < stated_s <= _LONGEST_BELIEVED_S else None


def length_s(video: OpenVideo) -> float:
    """Return the length in seconds; where the headers will not do, the packets are read.

    Raises:
        ClipDecodeError: If there are no packets.
    """
    stated_s = stated_length_s(video)
    if stated_s is not None:
        return stated_s
    hint_s = _stream_length_s(video) or (video.container.duration or 0) / 1_000_000
    reader = PacketReader(video)
    if hint_s and video.container.size > _SMALL_FILE_BYTES:
        reader.seek(hint_s)
    stream = video.stream
    step_s = 1 / float(stream.average_rate or stream.guessed_rate or 25)
    tick_s = float(reader.time_base)
    # In MP4 packets of reordered frames state how long they are decoded: the last is taken to be a short one.
    decoding = video.is_mp4 and stream.codec_context.has_b_frames
    last_s = 1 / float(stream.base_rate) if decoding and stream.base_rate else None
    stop_s, untimed = 0.0, 0
    for packet in reader:
        if packet.pts is None:
            untimed += 1
        elif not packet.is_discard:
            after_s = last_s or (packet.duration * tick_s if packet.duration else step_s)
            stop_s = max(stop_s, reader.seconds(packet.pts) + after_s)
    found_s = stop_s or hint_s or untimed * step_s  # a bare stream of H.264 or HEVC has no times
    if not found_s:
        raise ClipDecodeError("No pictures: the file holds no packet of its video stream.")
    return found_s


def _is_uneven(video: OpenVideo) -> bool:
    """Whether frames follow each other at more than one distance, the rounding of time stamps aside."""
    stream = video.stream
    if not stream.average_rate or not stream.base_rate:
        return False
    return abs(1 / stream.average_rate - 1 / stream.base_rate) > (stream.time_base or 0)


def _stream_length_s(video: OpenVideo) -> float:
    """Return what the header of the stream says, 0 for nothing."""
    stream = video.stream
    return float(max(stream.duration or 0, 0) * (stream.time_base or 0))

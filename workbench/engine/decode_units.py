"""Which clips are decoded together: windows of one film, so that no frame of it is decoded twice."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.media.clips import Clip
    from workbench.media.frames import Frames

__all__ = ["decode_units", "frames_of_clips"]

MOST_BYTES = 256 << 20  # of the pictures of a unit: a model may want them as they are, and they wait for it
MOST_WINDOWS = 32
LONGEST_S = 120.0  # of a film: several workers share a long one


def decode_units(clips: "Sequence[Clip]", places: Sequence[int], num_frames: int) -> Iterator[list[int]]:
    """Group the places of clips that one worker decodes in one pass.

    Args:
        clips: All clips.
        places: Places of those that are wanted, in order.
        num_frames: T, the frames that are taken of each.

    Yields:
        Places: the windows of a stretch of one film that follow each other; every other clip alone.
    """
    unit: list[int] = []
    for place in places:
        if unit and not _continues([clips[one] for one in unit], clips[place], num_frames):
            yield unit
            unit = []
        unit.append(place)
    if unit:
        yield unit


def frames_of_clips(clips: "Sequence[Clip]", num_frames: int) -> "Iterator[Frames]":
    """Decode the frames of the clips of a unit, one clip after the other.

    Args:
        clips: One clip, or windows of one film.
        num_frames: T, the frames to take of each.

    Yields:
        The frames of each clip.

    Raises:
        MediaError: If the file is gone or cannot be decoded.
    """
    from workbench.media.decode import frames_of_spans
    from workbench.media.sampling import frame_times

    if len(clips) > 1:
        spans = [frame_times(clip.start_s, clip.stop_s, num_frames) for clip in clips]
        yield from frames_of_spans(clips[0].path, spans, threads=1)
    else:
        yield from (clip.frames(num_frames) for clip in clips)


def _continues(unit: "Sequence[Clip]", clip: "Clip", num_frames: int) -> bool:
    """Whether a clip is the next window of the stretch that a unit holds, and there is room for it."""
    first, last = unit[0], unit[-1]
    if not (last.kind == clip.kind == "video" and last.path == clip.path and last.start_s <= clip.start_s):
        return False
    size = (len(unit) + 1) * num_frames * clip.width * clip.height * 3
    return clip.stop_s - first.start_s <= LONGEST_S and len(unit) < MOST_WINDOWS and size <= MOST_BYTES

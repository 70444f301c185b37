"""The fast way to exact frames: index, feed only what is needed, skip what nothing refers to.

Two sizes of window, one method. A file of moderate size is one stretch: all its packets. Of a
long film only the neighbourhoods of the wanted moments are read, so memory stays bounded.
Runs of packets that do not lean on each other are decoded at once, where there are processors for it.
Anything strange raises `StrangeFileError`; the caller then decodes from the start.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.media.dealing import decode_runs, most_at_once
from workbench.media.packets import PacketReader, Shown, StrangeFileError, shows_by_dts, stamp
from workbench.media.runs import Run, runs_of
from workbench.media.stretches import Stretch, neighbourhoods, stretches

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from workbench.media.container import OpenVideo

WHOLE_FILE_BYTES = 32 << 20  # up to this size all packets are kept while a file is read
_WINDOW_S = 10.0  # moments closer than this share one seek
# Of all packets; a run of more would take longer by itself than all runs in the threads of one decoder.
_EVEN = 0.6


def decode_fast(video: "OpenVideo", times_s: np.ndarray) -> Iterator[Shown]:
    """Decode the frames on screen at some moments.

    Args:
        video: An open video whose packets have not been read.
        times_s: Moments in seconds from the start, float64 (T,).

    Yields:
        Each frame once, in the order in which they are shown.

    Raises:
        StrangeFileError: If the answer would not be sure to be exact.
    """
    reader = PacketReader(video)
    if shows_by_dts(video, reader):
        raise StrangeFileError("the file does not say when reordered frames are shown")
    wanted = reader.wanted_ticks(times_s)
    places: dict[int, list[int]] = {}
    for place, tick in enumerate(wanted):
        places.setdefault(tick, []).append(place)
    for frame, ticks in _frames(video, reader, list(places)):
        time_s = reader.seconds(stamp(frame))
        yield Shown(
            [place for tick in ticks for place in places[tick]], frame, video.matrix_of(frame), time_s
        )


def _frames(
    video: "OpenVideo", reader: PacketReader, ticks: list[int]
) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
    """Yield each wanted frame with the moments it is on screen at."""
    at_once = most_at_once(video)
    runs: Iterable[Run]
    if video.container.size <= WHOLE_FILE_BYTES:
        whole = Stretch(list(reader), ticks)
        if reader.note:
            raise StrangeFileError(reader.note)
        runs = list(runs_of(video, [whole]))
        return decode_runs(video, runs, min(at_once, len(runs) if _is_even(runs) else 1))
    groups = neighbourhoods(reader, ticks, _WINDOW_S)
    if reader.note:
        raise StrangeFileError(reader.note)
    runs = runs_of(video, stretches(video, reader, groups, _WINDOW_S))
    return decode_runs(video, runs, min(at_once, len(groups)))


def _is_even(runs: Sequence[Run]) -> bool:
    """Whether no run is so much longer than the others that these would not be worth another decoder."""
    lengths = [len(run.packets) for run in runs]
    return max(lengths) <= _EVEN * sum(lengths)

"""Frames of one or many spans of a video in one pass: the fast way first, then the sure one."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from workbench.errors import ClipDecodeError, InvalidClipError, InvalidParameterError
from workbench.media.container import open_video
from workbench.media.frames import Frames
from workbench.media.lengths import length_of_file, stated_length_s
from workbench.media.names import display_name
from workbench.media.onepass import decode_fast
from workbench.media.packets import (
    Collector,
    FrameReader,
    PacketReader,
    Shown,
    StrangeFileError,
    TimesRunBackError,
)
from workbench.media.pixels import PictureMaker

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_Moments: TypeAlias = Sequence[float] | np.ndarray
_Choice: TypeAlias = Callable[[float], Sequence[_Moments]]


def frames_of_spans(
    path: Path | str,
    spans: Sequence[_Moments] | _Choice,
    *,
    threads: int | None = 1,
) -> Iterator[Frames]:
    """Decode the frames of several spans of a video together, each picture at most once.

    Every span gets exactly what `frames_at` gives for it alone. Pictures are held only for spans
    that are not complete yet, so overlapping windows over hours of film need little memory.

    Args:
        path: A local video file.
        spans: For each span its moments in seconds from the start of the video, or a function that
            chooses them by the length of the video in seconds. Spans in the order of the film come
            out as they are decoded; others wait for those before them.
        threads: Decoder threads, as for `frames_at`.

    Yields:
        The frames of each span, in the order of ``spans``.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `frames_at`, once no further
            span can be had.
        InvalidClipError: If a span has no moment, or one is not a number.
        InvalidParameterError: If ``threads`` is no number of threads.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> path = sample_clips()[0].path
        >>> [len(frames) for frames in frames_of_spans(path, [[0.0, 0.5], [0.25, 0.5, 0.75]])]
        [2, 3]
        >>> [frames.times_s for frames in frames_of_spans(path, lambda length_s: [[length_s / 2]])]
        [array([0.75])]
    """
    if not (threads is None or (isinstance(threads, int) and threads >= 0)):
        raise InvalidParameterError(f"threads is {threads!r}; it is a whole number from 0, or None.")
    if callable(spans):
        return _in_order(Path(path), None, cast("_Choice", spans), threads)
    return _in_order(Path(path), _checked(spans), None, threads)


def _checked(spans: Sequence[_Moments]) -> deque[np.ndarray]:
    """Refuse what is no list of moments."""
    found: deque[np.ndarray] = deque()
    for given in spans:
        try:
            times_s = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            times_s = np.empty((0, 0))
        if times_s.ndim != 1 or not len(times_s) or np.isnan(times_s).any():
            raise InvalidClipError(f"Times are a list of at least one number, in seconds; got {given!r}.")
        found.append(times_s)
    return found


def _in_order(
    path: Path, left: deque[np.ndarray] | None, choose: _Choice | None, threads: int | None
) -> Iterator[Frames]:
    """Take spans off the left as they are done, by one opening of the file as far as the fast way leads."""
    if left is None or left:
        with suppress(StrangeFileError, ClipDecodeError), open_video(path, threads, brief=True) as video:
            if choose and (length_s := stated_length_s(video)) is not None:
                left = _checked(choose(length_s))
            if left:
                yield from _answers(left, decode_fast(video, np.concatenate(left)))
    if choose and left is None:
        yield from frames_of_spans(path, choose(length_of_file(path)), threads=threads)
    elif left:
        yield from decode_from_start(path, left)


def decode_from_start(path: Path, left: deque[np.ndarray]) -> Iterator[Frames]:
    """Do what `frames_of_spans` does by decoding every frame until all moments have passed.

    Slow and sure: damaged packets are passed over (the result's note says how many), missing
    time stamps are counted on from the frame rate. In one thread: several lose whole frames beside a
    damaged packet, and do not say so. Spans are taken off the left as they are done.
    """
    try:
        yield from _answers(left, _all_shown(path, np.concatenate(left), by_dts=False))
    except TimesRunBackError:
        yield from _answers(left, _all_shown(path, np.concatenate(left), by_dts=True))
    if left:
        raise ClipDecodeError(
            f"{display_name(path)} is damaged: not a single frame could be decoded.",
            next_step="Play it in another program, or leave it out.",
        )


def _all_shown(path: Path, times_s: np.ndarray, *, by_dts: bool) -> Iterator[Shown]:
    """Decode frame after frame until every moment has been passed."""
    with open_video(path, threads=1) as video:
        packets = PacketReader(video)
        reader = FrameReader(video, packets, patient=by_dts, by_dts=by_dts)
        wanted = packets.wanted_ticks(times_s)
        waiting = deque(sorted(range(len(wanted)), key=wanted.__getitem__))
        shown = None

        def answer(places: list[int], tick: int, frame: "VideoFrame") -> Shown:
            return Shown(places, frame, video.matrix_of(frame), packets.seconds(tick), reader.note)

        for tick, frame in reader:
            passed = []
            while shown is not None and waiting and wanted[waiting[0]] < tick:
                passed.append(waiting.popleft())
            if shown is not None and passed:
                yield answer(passed, *shown)
            if not waiting:
                return
            shown = (tick, frame)
        if shown is not None:
            yield answer(list(waiting), *shown)


def _answers(left: deque[np.ndarray], stream: Iterator[Shown]) -> Iterator[Frames]:
    """Collect frames into spans; take each off the left and hand it out once those before it are."""
    starts = np.cumsum([0, *map(len, left)])
    spans = deque(_Span(int(start), len(times)) for start, times in zip(starts, left, strict=False))
    done = 0
    makers: dict[Any, PictureMaker] = {}
    for shown in stream:
        pictures: dict[PictureMaker, np.ndarray] = {}
        owners = np.searchsorted(starts, shown.places, side="right") - 1
        for owner in sorted(set(owners.tolist())):
            places = [place for place, its in zip(shown.places, owners, strict=True) if its == owner]
            spans[owner - done].put(places, shown, makers, pictures)
        while spans and spans[0].complete:
            done += 1
            left.popleft()
            yield spans.popleft().frames(shown.note)


class _Span:
    """What one span has so far. Its first picture sets size and way up, as if it were alone."""

    def __init__(self, start: int, num_frames: int) -> None:
        self._start = start
        self._collector = Collector(num_frames)
        self._make: PictureMaker | None = None

    @property
    def complete(self) -> bool:
        """True when no frame is missing any more."""
        return self._collector.complete

    def frames(self, note: str) -> Frames:
        """Return the answer, once it is complete."""
        return cast("Frames", self._collector.frames(note))

    def put(
        self,
        places: list[int],
        shown: Shown,
        makers: dict[Any, PictureMaker],
        pictures: dict[PictureMaker, np.ndarray],
    ) -> None:
        """Store a frame; spans that begin with frames of one kind share makers and pictures."""
        if self._make is None:
            frame = shown.frame
            kind = (frame.width, frame.height, shown.matrix)
            self._make = makers.setdefault(kind, PictureMaker())
        if self._make not in pictures:
            pictures[self._make] = self._make(shown.frame, shown.matrix)
        self._collector.put([place - self._start for place in places], pictures[self._make], shown.time_s)

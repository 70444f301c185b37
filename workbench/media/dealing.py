"""Decoding runs of packets: one after another in one decoder, or several at once in decoders of their own.

The threads of one decoder share the work of a run unevenly; with small pictures they gain nothing. Runs that
stand alone need nothing of each other, so they are dealt out to as many decoders as there are processors.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self, TypeAlias

from workbench.media.container import open_video
from workbench.media.hardware import card_decoder
from workbench.media.packets import OtherSizeError
from workbench.media.runs import Feeder, Run

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from workbench.media.container import OpenVideo

    _Decoded: TypeAlias = tuple[VideoFrame, Sequence[int]]

_MOST_HELD = 16  # frames that wait for those before them; of 4K they are 200 MB
_MOST_PIXELS = 8 * 1920 * 1080  # of all pictures that are decoded at a time: each decoder holds ten or more


def most_at_once(video: "OpenVideo") -> int:
    """Choose how many runs of a video to decode at a time: by threads and memory."""
    context = video.stream.codec_context
    by_memory = _MOST_PIXELS // max(context.width * context.height, 1)
    return max(min(video.threads, by_memory), 1)


def decode_runs(video: "OpenVideo", runs: Iterable[Run], at_once: int) -> "Iterator[_Decoded]":
    """Decode what is wanted of each run.

    Args:
        video: The video that the runs are from.
        runs: In the order of the film; they may be read, by seeking, as they are taken.
        at_once: How many runs the processor decodes at a time; they share the threads of the video.

    Yields:
        Each wanted frame with the moments it is on screen at, in the order of the film.

    Raises:
        StrangeFileError: If a wanted frame is damaged or did not come out.
        MediaError: If the file cannot be opened once more.
    """
    with card_decoder(video) as decoder:
        if decoder is not None:
            yield from _of_card(_in_turn(Feeder(decoder, video), runs), video)
            return
    if at_once < 2:
        yield from _in_turn(Feeder(video.decoder, video), runs)
        return
    with _Dealer(video, at_once) as dealer:
        yield from dealer.deal(runs)


def _in_turn(feeder: Feeder, runs: Iterable[Run]) -> "Iterator[_Decoded]":
    """Feed run after run to one decoder, whose threads stay busy from one to the next."""
    for run in runs:
        yield from feeder.feed(run)
        if run.before_seek:  # before the next run is asked for: seeking empties the decoder
            yield from feeder.finish()
    yield from feeder.finish()


def _of_card(decoded: "Iterator[_Decoded]", video: "OpenVideo") -> "Iterator[_Decoded]":
    """Refuse frames that show more than they should."""
    context = video.stream.codec_context
    for frame, ticks in decoded:
        if (frame.width, frame.height) != (context.width, context.height):
            raise OtherSizeError
        yield frame, ticks


class _Dealer:
    """Gives each run that stands alone to a decoder that is free."""

    def __init__(self, video: "OpenVideo", at_once: int) -> None:
        self._video = video
        self._at_once = at_once
        self._free: SimpleQueue[Feeder] = SimpleQueue()
        self._open = ExitStack()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="workbench-runs")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._open.close()

    def deal(self, runs: Iterable[Run]) -> "Iterator[_Decoded]":
        """Yield what all runs give, in their order; the others go through the video's own decoder."""
        own = Feeder(self._video.decoder, self._video)
        waiting: deque[tuple[int, Future[list[_Decoded]]]] = deque()
        for run in runs:
            frames = len(run.wanted)
            alone = run.stands_alone and frames <= _MOST_HELD
            while waiting and not (alone and self._has_room(waiting, frames)):
                yield from waiting.popleft()[1].result()
            if alone:
                waiting.append((frames, self._pool.submit(self._decode, run)))
                continue
            yield from own.feed(run)
            if not run.goes_on:
                yield from own.finish()
        while waiting:
            yield from waiting.popleft()[1].result()

    def _has_room(self, waiting: "Collection[tuple[int, object]]", frames: int) -> bool:
        """Whether one more run may be decoded ahead of its turn."""
        return len(waiting) <= self._at_once and frames + sum(held for held, _ in waiting) <= _MOST_HELD

    def _decode(self, run: Run) -> "list[_Decoded]":
        """Decode one run in a decoder that is free, or in one more."""
        try:
            feeder = self._free.get_nowait()
        except Empty:
            threads = max(self._video.threads // self._at_once, 1)
            other = self._open.enter_context(open_video(self._video.path, threads, brief=True))
            feeder = Feeder(other.decoder, other)
        frames = [*feeder.feed(run), *feeder.finish()]
        self._free.put(feeder)
        return frames

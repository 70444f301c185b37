"""Which clips are decoded together: windows of one film that follow each other cost one pass over it."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from workbench.media.clips import Clip

if TYPE_CHECKING:
    from workbench.media.frames import Frames

__all__ = ["FilmPass", "Unit", "in_parts", "in_units"]

LONGEST_S = 300.0  # of film in a part: one worker has it
SHORTEST_S = 30.0  # of film that are worth a pass of their own: a pass begins at the key frame before it


class FilmPass:
    """One pass over a part of a film: its units are prepared one after the other, whoever prepares them.

    Args:
        places: Places of its clips, in order.
        decode: Opens the pass: gives the frames of each clip, in the same order.
    """

    def __init__(self, places: Sequence[int], decode: "Callable[[], Generator[Frames]]") -> None:
        self._left = deque(places)
        self._decode = decode
        self._stream: Generator[Frames] | None = None
        self._problem: Exception | None = None
        self._cut = self._done = 0
        self._turn = threading.Condition()

    @property
    def is_cut(self) -> bool:
        """Whether all of it is in units."""
        return not self._left

    def unit(self, most: int) -> "Unit":
        """Cut the next unit.

        Args:
            most: Clips that it may have.
        """
        places = [self._left.popleft() for _ in range(min(most, len(self._left)))]
        self._cut += 1
        return Unit(places, self, self._cut - 1)

    def frames(self) -> "Frames":
        """Decode the next clip, in the turn of its unit.

        Raises:
            Exception: What is wrong with the file; what is left of it has the same.
        """
        if self._problem is not None:
            raise self._problem
        try:
            if self._stream is None:
                self._stream = self._decode()
            return next(self._stream)
        except Exception as error:
            self._problem = error
            raise

    @contextmanager
    def turn(self, number: int) -> Generator[None]:
        """Wait until the units before are prepared: the frames go on where theirs ended.

        Args:
            number: Which unit, from 0; those before it have been begun.
        """
        with self._turn:
            self._turn.wait_for(lambda: self._done == number)
        try:
            yield
        finally:
            with self._turn:
                self._done += 1
                self._turn.notify_all()
            if self.is_cut and self._done == self._cut:
                if self._stream is not None:
                    self._stream.close()
                self._stream = self._problem = None  # the trace of an error holds what was decoded, and this


class Unit(list[int]):
    """Places of clips that one worker prepares together.

    Args:
        places: The places.
        film: The pass that they are of.
        number: Which unit of the pass, from 0.
    """

    def __init__(self, places: Iterable[int], film: FilmPass, number: int) -> None:
        super().__init__(places)
        self.film = film
        self.number = number


def in_parts(places: Iterable[int], clips: Sequence[Clip], share: int) -> Iterator[list[int]]:
    """Group clips that one pass decodes.

    Args:
        places: Places in ``clips`` of those to decode, in order.
        clips: The clips; only plain ones, that decode as their file says, are grouped.
        share: Clips after which a part ends, so that others can work on the next; a part of a film that is
            shorter than a pass is worth goes on.

    Yields:
        Places, in order: several where spans of one video follow each other, else one.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> clips = sample_clips()[:2].windows(0.5)
        >>> list(in_parts(range(len(clips)), clips, share=2))[:2]
        [[0, 1, 2], [3, 4, 5, 6]]
    """
    part: list[int] = []
    for place in places:
        if part and not _joins(clips[part[0]], clips[part[-1]], clips[place], full=len(part) >= share):
            yield part
            part = []
        part.append(place)
    if part:
        yield part


def in_units(passes: Iterable[FilmPass], most: Callable[[], int], lanes: int) -> Iterator[Unit]:
    """Cut passes into units; several passes take turns, so that each worker has one of its own.

    Args:
        passes: The passes, in order; read only as far as needed.
        most: Clips that a unit may have now; asked for each.
        lanes: Passes that take turns.

    Yields:
        The units; those of one pass in order.
    """
    waiting = iter(passes)
    turning = deque(islice(waiting, lanes))
    while turning:
        film = turning.popleft()
        yield film.unit(most())
        following = next(waiting, None) if film.is_cut else film
        if following is not None:
            turning.append(following)


def _joins(first: Clip, last: Clip, clip: Clip, *, full: bool) -> bool:
    """Tell whether a clip goes on where a part is."""
    return (
        all(type(one) is Clip and one.kind == "video" for one in (first, clip))
        and clip.path == first.path
        and last.start_s <= clip.start_s < clip.stop_s <= first.start_s + LONGEST_S
        and first.start_s < first.stop_s
        and not (full and clip.start_s >= first.start_s + SHORTEST_S)
    )

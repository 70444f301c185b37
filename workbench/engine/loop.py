"""THE batch loop: items are prepared in threads ahead of the batches, in order, in bounded memory.

It knows neither clips nor models: ``prepare`` turns one item into what the batch step takes,
``start`` begins to turn a list of those into rows.
"""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from workbench.engine.sizing import BatchSizer, is_out_of_memory

T = TypeVar("T")
R = TypeVar("R")
Unit = TypeVar("Unit", bound=Sequence[Any])  # of items that are prepared together
Finish = Callable[[], np.ndarray]  # waits for a step that was started, and gives its rows


class StopSignal:
    """Set once, from any thread; a thread that waits for work wakes up at once."""

    def __init__(self) -> None:
        self._future: Future[None] = Future()

    def set(self) -> None:
        """Ask for the stop; again does no harm."""
        with contextlib.suppress(InvalidStateError):
            self._future.set_result(None)

    @property
    def is_set(self) -> bool:
        """Whether the stop was asked for."""
        return self._future.done()

    def wait_for(self, future: "Future[Any]") -> bool:
        """Wait for work or the stop, whichever comes first.

        Args:
            future: The work.

        Returns:
            True when the work is there and no stop was asked for.
        """
        wait((future, self._future), return_when=FIRST_COMPLETED)
        return not self.is_set


@dataclass(frozen=True)
class Prepared(Generic[T]):
    """One item on its way to the model.

    Args:
        item: What it was made of.
        value: What the batch step takes; None when ``problem`` says why there is none.
        problem: Why the item is left out; "" for a good one.
        seconds: Seconds spent on it, by kind of work.
        counts: Things counted while preparing it, such as frames.
    """

    item: T
    value: Any = None
    problem: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch(Generic[T]):
    """What came out of one step.

    Args:
        items: The prepared items; their values are gone.
        rows: One row per item, in order.
        model_s: Seconds that the step took.
    """

    items: list[Prepared[T]]
    rows: np.ndarray
    model_s: float


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut items into lists of at most ``size``, in order; read only as far as needed.

    Example:
        >>> list(chunks("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def prefetch(
    items: Iterable[T], prepare: Callable[[T], R], *, workers: int, ahead: Callable[[], int], stop: StopSignal
) -> Generator[R, None, None]:
    """Prepare items in threads, ahead of whoever takes them.

    Args:
        items: What to prepare; read only as far as needed.
        prepare: Called in a worker thread; an exception surfaces where the item would have come.
        workers: Number of threads.
        ahead: How many items may be in work or waiting; asked anew for each item.
        stop: Ends the iteration at once; items in work are left to themselves.

    Yields:
        What ``prepare`` returned, in the order of ``items``.
    """
    source = iter(items)
    pending: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="workbench-prepare")
    try:
        while not stop.is_set:
            while len(pending) < max(ahead(), 1) and (read := list(islice(source, 1))):
                pending.append(pool.submit(prepare, read[0]))
            if not pending or not stop.wait_for(pending[0]):
                return
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def run_batches(
    units: Iterable[Unit],
    prepare: Callable[[Unit], Iterable[Prepared[T]]],
    start: Callable[[list[Any]], Finish],
    *,
    sizer: BatchSizer,
    workers: int,
    stop: StopSignal,
    overlap: bool = False,
) -> Iterator[Batch[T] | Prepared[T]]:
    """Prepare items and compute their rows, batch by batch.

    Args:
        units: What to compute rows for, in lists of items that are prepared together.
        prepare: Turns each item of a unit into a ``Prepared``, in a worker thread.
        start: Starts to turn the values of some items into as many rows, in this thread; returns what
            waits for them.
        sizer: Decides how many items make a batch, and learns from each.
        workers: Threads for ``prepare``.
        stop: Ends the run after the batch that is being computed.
        overlap: Whether the next batch is started before the rows of one are waited for: keeps an
            accelerator busy, and holds two batches in its memory.

    Yields:
        A ``Batch`` for good items, in order; a ``Prepared`` with its problem for each other one.
    """
    prepared = _one_by_one(units, prepare, sizer=sizer, workers=workers, stop=stop)
    steps: _Steps[T] = _Steps(start, sizer, stop, overlap=overlap)
    waiting: list[Prepared[T]] = []
    with contextlib.closing(steps), contextlib.closing(prepared):
        for one in prepared:
            if one.problem:
                yield one
                continue
            sizer.saw(one.value)
            waiting.append(one)
            if len(waiting) >= sizer.size:
                yield from steps.through(waiting)
                waiting = []
        yield from steps.through(waiting)
        yield from steps.landed()


def _one_by_one(
    units: Iterable[Unit],
    prepare: Callable[[Unit], Iterable[Prepared[T]]],
    *,
    sizer: BatchSizer,
    workers: int,
    stop: StopSignal,
) -> Generator[Prepared[T], None, None]:
    """Prepare units in threads; yield their items, each let go of before the next."""
    size = 1

    def measured() -> Iterator[Unit]:
        nonlocal size
        for unit in units:
            size = max(len(unit), 1)
            yield unit

    def ahead() -> int:
        items = sizer.ahead(workers)
        return items if size == 1 else max(workers + 1, items // size)

    prepared = prefetch(measured(), prepare, workers=workers, ahead=ahead, stop=stop)
    with contextlib.closing(prepared):
        for unit in prepared:
            waiting = deque(unit)
            del unit
            while waiting:
                yield waiting.popleft()


class _Steps(Generic[T]):
    """The steps of a run: one is computed at a time, or one while the next is already started."""

    def __init__(
        self, start: Callable[[list[Any]], Finish], sizer: BatchSizer, stop: StopSignal, *, overlap: bool
    ) -> None:
        self._start = start
        self._sizer = sizer
        self._stop = stop
        self._waiter = ThreadPoolExecutor(1, thread_name_prefix="workbench-wait") if overlap else None
        self._started: tuple[list[Prepared[T]], Callable[[], tuple[np.ndarray, float]], float] | None = None
        self._ended = 0.0

    def through(self, waiting: Sequence[Prepared[T]]) -> Iterator[Batch[T]]:
        """Compute the waiting items in one step, or in several when memory runs out."""
        queue = deque(waiting)
        while queue and not self._stop.is_set:
            part = list(islice(queue, self._sizer.size))
            began = time.perf_counter()
            finish = self._try([one.value for one in part])
            yield from self.landed()  # also when memory ran out: what it holds is free then
            if finish is None:
                continue
            for _ in part:
                queue.popleft()
            self._started = ([_emptied(one) for one in part], self._timed(finish), began)
            if self._waiter is None:
                yield from self.landed()

    def landed(self) -> Iterator[Batch[T]]:
        """Wait for the step that was started, if there is one."""
        if self._started is None:
            return
        (items, finish, began), self._started = self._started, None
        rows, ended = finish()
        model_s = ended - max(began, self._ended)  # the device computes one step after the other
        self._ended = ended
        self._sizer.took(len(items), model_s)
        yield Batch(items, rows, model_s)

    def close(self) -> None:
        """Let go of the thread that waits; a step that is being computed is left to itself."""
        if self._waiter is not None:
            self._waiter.shutdown(wait=False)

    def _timed(self, finish: Finish) -> Callable[[], tuple[np.ndarray, float]]:
        """Wait for a step, in a thread where steps overlap: so it is known when it ended."""

        def timed() -> tuple[np.ndarray, float]:
            return finish(), time.perf_counter()

        return timed if self._waiter is None else self._waiter.submit(timed).result

    def _try(self, values: list[Any]) -> Finish | None:
        """Start one step; None when memory ran out, and it may fit alone or in smaller steps."""
        try:
            return self._start(values)
        except (RuntimeError, MemoryError) as error:
            alone = self._started is None  # else what is in flight may be what takes the room
            if not is_out_of_memory(error) or (alone and not self._sizer.shrink(len(values))):
                raise
        # Outside the handler: the exception held the frames of the failed call, and their memory with them.
        cuda = getattr(sys.modules.get("torch"), "cuda", None)
        if cuda is not None and cuda.is_available():
            cuda.empty_cache()
        return None


def _emptied(one: Prepared[T]) -> Prepared[T]:
    """The same item without its value, so that its memory is free."""
    return Prepared(one.item, None, one.problem, one.seconds, one.counts)

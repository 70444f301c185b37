"""The executor of this process: every stage in threads of its own, in order, in bounded memory."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

from workbench.engine.job import Job
from workbench.engine.loop import StopSignal, prefetch
from workbench.engine.progress import wait_showing
from workbench.engine.tally import RateMeter
from workbench.stages.base import NodeInfo, ProcessingStage
from workbench.stages.runs import OnDone, PipelineProgress, PipelineResult, StageStats, TaskFailure
from workbench.stages.tasks import numbered
from workbench.stages.workers import CallOutcome, StageWorkers, TracedTask, prepare_node

__all__ = ["InProcessExecutor"]

_NOTHING = TracedTask(None)  # stands for a task that was dropped
_Counted = tuple[TracedTask, int]  # a task, and how many initial tasks end with it, to count the progress


class InProcessExecutor:
    """Runs stages in threads of this process: works in a cell, with progress and stop, needs nothing else.

    Args:
        ignore_failures: Whether a task on which a stage fails is dropped and listed in the result's
            ``.failures``; otherwise it ends the run.
        ahead: Calls that wait finished behind each stage, besides those in work; memory is bounded by it.
    """

    def __init__(self, *, ignore_failures: bool = False, ahead: int = 1) -> None:
        self.ignore_failures = ignore_failures
        self.ahead = ahead

    def execute(
        self,
        stages: Sequence[ProcessingStage[Any, Any]],
        tasks: Iterable[Any],
        *,
        progress: bool = False,
        on_done: OnDone | None = None,
    ) -> PipelineResult:
        """Run the tasks through the stages and wait for what comes out; Ctrl-C stops the run.

        Args:
            stages: In order.
            tasks: What goes into the first one; read only as far as needed.
            progress: Whether a progress line is shown.
            on_done: Called with the places of the tasks that are finished, as they are.

        Returns:
            The tasks that came out of the last stage, in order.

        Raises:
            StageError: If a stage fails; the message names stage and task.
        """
        job = self.submit(stages, tasks, on_done=on_done)
        wait_showing(job, wanted=progress)
        return job.result()

    def submit(
        self,
        stages: Sequence[ProcessingStage[Any, Any]],
        tasks: Iterable[Any],
        *,
        on_progress: Callable[[PipelineProgress], None] | None = None,
        on_done: OnDone | None = None,
    ) -> "PipelineJob":
        """Start the run in a thread and return at once.

        Args:
            stages: In order.
            tasks: What goes into the first one.
            on_progress: Called with each new progress, in the job's thread.
            on_done: As for ``execute``, in the job's thread.

        Returns:
            The job.
        """
        stop = StopSignal()

        def prepare(job: Job[PipelineResult]) -> _PipelineRun:
            return _PipelineRun(self, stages, tasks, stop=stop, on_change=job.tell, on_done=on_done)

        job = PipelineJob(
            prepare,
            stop=stop,
            unprepared=lambda state: PipelineProgress(state=state),
            on_progress=on_progress,
        )
        job.start()
        return job


class PipelineJob(Job[PipelineResult]):
    """A pipeline at work; its progress is a ``PipelineProgress``, its result a ``PipelineResult``."""


@dataclass
class _Group:
    """Tasks for one call, and how many initial tasks end with them."""

    tasks: list[TracedTask] = field(default_factory=list)
    ends: int = 0


class _PipelineRun:
    """One run of a pipeline, in whatever thread calls it."""

    def __init__(
        self,
        executor: InProcessExecutor,
        stages: Sequence[ProcessingStage[Any, Any]],
        tasks: Iterable[Any],
        *,
        stop: StopSignal,
        on_change: Callable[[], None],
        on_done: OnDone | None = None,
    ) -> None:
        self._executor = executor
        self._stages = stages
        self._tasks = tasks
        self._stop = stop
        self._on_change = on_change
        self._on_done = on_done
        self._total = len(tasks) if isinstance(tasks, Sequence) else None
        self._stats = [StageStats(stage.name) for stage in stages]
        self._out: list[Any] = []
        self._failures: list[TaskFailure] = []
        self._done = self._items = 0
        self._closed = False
        self._lock = threading.RLock()
        self._meter = RateMeter()
        self._meter.add(0)

    def execute(self) -> None:
        """Run every task through every stage; returns early when stopped."""
        for stage in self._stages:
            prepare_node(stage, NodeInfo())
        with ExitStack() as stack:
            places = enumerate(numbered(self._tasks))
            stream: Iterator[_Counted] = ((TracedTask(task, frozenset({place})), 1) for place, task in places)
            for stage, stats in zip(self._stages, self._stats, strict=True):
                workers = stack.enter_context(
                    StageWorkers(stage, ignore_failures=self._executor.ignore_failures)
                )
                stream = stack.enter_context(closing(self._through(workers, stream, stats)))
            for task, ends in stream:
                self._take(task, ends)

    def progress(self, state: str) -> PipelineProgress:
        """How far the run is."""
        with self._lock:
            rate = self._meter.rate(self._items)
            return PipelineProgress(
                self._done, self._total, len(self._out), self._items, len(self._failures), rate, state
            )

    def close(self) -> None:
        """Take no more results."""
        with self._lock:
            self._closed = True

    def outcome(self, *, stopped: bool) -> PipelineResult:
        """What came out."""
        with self._lock:
            return PipelineResult(self._out, failures=self._failures, stats=self._stats, stopped=stopped)

    def _take(self, traced: TracedTask, ends: int) -> None:
        """Keep a task that came out; count the initial tasks that end with it."""
        with self._lock:
            if self._closed:
                return
            self._done += ends
            if traced is not _NOTHING:
                self._out.append(traced.task)
                self._items += getattr(traced.task, "num_items", 1)
                self._meter.add(self._items)
        if ends and self._on_done is not None:
            self._on_done(range(self._done - ends, self._done), self._failures)
        self._on_change()

    def _through(
        self, workers: StageWorkers, tasks: Iterator[_Counted], stats: StageStats
    ) -> Generator[_Counted, None, None]:
        """Send tasks through one stage; what follows them goes on behind them."""
        calls = prefetch(
            _grouped(tasks, workers.stage.tasks_per_call),
            lambda group: (group, workers.call(group.tasks)),
            workers=workers.count,
            ahead=lambda: workers.count + self._executor.ahead,
            stop=self._stop,
        )
        with closing(calls):
            for group, outcome in calls:
                self._note(stats, outcome)
                *others, last = outcome.tasks or [_NOTHING]
                yield from ((task, 0) for task in others)
                yield last, group.ends

    def _note(self, stats: StageStats, outcome: CallOutcome) -> None:
        """Add one call to what its stage cost."""
        with self._lock:
            stats.add(outcome.cost)
            self._failures += outcome.failures


def _grouped(tasks: Iterator[_Counted], size: int) -> Iterator[_Group]:
    """Collect the tasks for each call."""
    group = _Group()
    for task, ends in tasks:
        group.ends += ends
        if task is not _NOTHING:
            group.tasks.append(task)
        if len(group.tasks) >= size:
            yield group
            group = _Group()
    if group.tasks or group.ends:
        yield group

"""The workers of one stage: a copy of the stage each, set up once, in whatever thread calls it."""

import copy
import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from models.errors import WorkbenchError
from workbench.errors import StageError
from workbench.stages.base import ProcessingStage, WorkerMetadata
from workbench.stages.metrics import StagePerfStats
from workbench.stages.runs import StageStats, TaskFailure

__all__ = ["CallOutcome", "StageWorkers"]


@dataclass
class CallOutcome:
    """What came of one call: tasks, failures, and what it cost."""

    tasks: list[Any] = field(default_factory=list)
    failures: list[TaskFailure] = field(default_factory=list)
    cost: StageStats = field(default_factory=lambda: StageStats(""))


@dataclass
class _Worker:
    """One copy of a stage, and when it was last at work."""

    stage: ProcessingStage[Any, Any]
    idle_since: float = 0.0


class StageWorkers:
    """The workers of one stage; a context that tears them down at its end.

    A copy is shallow: what the constructor was given is shared, what ``setup`` makes is each worker's own.

    Args:
        stage: The stage.
        ignore_failures: Whether a task that it fails on is an outcome; otherwise it is an error.
        count: How many; None takes the stage's ``num_workers``, or one.
        worker: What the workers are told about themselves; None tells them the stage's name.
    """

    def __init__(
        self,
        stage: ProcessingStage[Any, Any],
        *,
        ignore_failures: bool = False,
        count: int | None = None,
        worker: WorkerMetadata | None = None,
    ) -> None:
        self.stage = stage
        self.count = count or max(int(stage.num_workers or 1), 1)
        self._worker = worker or WorkerMetadata(worker_id=stage.name)
        self._ignore_failures = ignore_failures
        self._free: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        for _ in range(self.count):
            self._free.put(None)  # a worker that is set up when it is first needed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tear down every worker, as soon as it is free."""
        for _ in range(self.count):
            worker = self._free.get()
            if worker is not None:
                worker.stage.teardown()

    def call(self, tasks: Sequence[Any]) -> CallOutcome:
        """Let a free worker process some tasks; called from several threads at once.

        Args:
            tasks: For one call; none gives nothing.

        Returns:
            What came of them.

        Raises:
            StageError: If the stage fails, unless failures are ignored.
        """
        if not tasks:
            return CallOutcome()
        worker = self._free.get()
        try:
            worker = worker or self._set_up()
            return self._process(worker, tasks)
        finally:
            self._free.put(worker)

    def _set_up(self) -> _Worker:
        """Make a worker."""
        stage = copy.copy(self.stage)
        try:
            stage.setup(self._worker)
        except WorkbenchError:
            raise
        except Exception as error:
            raise StageError(
                f"Stage {stage.name!r} could not be set up: {type(error).__name__}: {error}"
            ) from error
        return _Worker(stage, time.perf_counter())

    def _process(self, worker: _Worker, tasks: Sequence[Any]) -> CallOutcome:
        """Process some tasks, and note what it cost."""
        began = time.perf_counter()
        results, failures = self._results(worker.stage, tasks)
        ended = time.perf_counter()
        there = [result for result in results if result is not None]
        items = sum(getattr(task, "num_items", 1) for task in tasks)
        cost = StageStats(
            worker.stage.name,
            calls=1,
            tasks_in=len(tasks),
            tasks_out=len(there),
            items=items,
            process_s=ended - began,
            idle_s=began - worker.idle_since,
        )
        worker.idle_since = ended
        perf = StagePerfStats(
            cost.name, cost.process_s, cost.idle_s, cost.items, worker.stage.drain_metrics()
        )
        for number, task in enumerate(there):
            records = getattr(task, "_stage_perf", None)
            if isinstance(records, list):
                records.append(perf)
            if getattr(task, "task_id", None) == "" and len(tasks) == 1:
                task.task_id = f"{getattr(tasks[0], 'task_id', '')}_{number}"
        return CallOutcome(there, failures, cost)

    def _results(
        self, stage: ProcessingStage[Any, Any], tasks: Sequence[Any]
    ) -> tuple[list[Any], list[TaskFailure]]:
        """Call the stage; when it fails on several tasks, find out on which."""
        try:
            return list(stage.process_batch(tasks)), []
        except Exception as error:
            if not self._ignore_failures:
                if isinstance(error, StageError):
                    raise
                raise StageError(
                    f"Stage {stage.name!r} failed on {_name(tasks)}: {type(error).__name__}: {error}",
                    next_step="Mend the stage; or ignore_failures=True drops such tasks and lists them.",
                ) from error
            if len(tasks) == 1:
                return [], [TaskFailure(stage.name, _name(tasks), f"{type(error).__name__}: {error}")]
        parts = [self._results(stage, [task]) for task in tasks]
        return [task for part, _ in parts for task in part], [one for _, part in parts for one in part]


def _name(tasks: Sequence[Any]) -> str:
    """Name the tasks of a call in a message."""
    return ", ".join(str(getattr(task, "task_id", "") or repr(task)) for task in tasks)

"""The workers of one stage: a copy of the stage each, set up once, in whatever thread calls it."""

import copy
import queue
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import GeneratorType, TracebackType
from typing import Any, Self

from models.errors import WorkbenchError
from workbench.errors import StageError
from workbench.stages.base import NodeInfo, ProcessingStage, WorkerMetadata
from workbench.stages.metrics import StagePerfStats
from workbench.stages.runs import StageStats, TaskFailure
from workbench.stages.tasks import identify

__all__ = ["CallOutcome", "StageWorkers", "TracedTask", "prepare_node"]


@dataclass(frozen=True)
class TracedTask:
    """A task on its way, and the places of the initial tasks that it was made of."""

    task: Any
    origins: frozenset[int] = frozenset()


@dataclass
class CallOutcome:
    """What came of one call: tasks, failures, and what it cost."""

    tasks: list[TracedTask] = field(default_factory=list)
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
                _tear_down(worker.stage)

    def call(self, tasks: Sequence[TracedTask]) -> CallOutcome:
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

    def _process(self, worker: _Worker, tasks: Sequence[TracedTask]) -> CallOutcome:
        """Process some tasks, and note what it cost."""
        items = sum(getattr(one.task, "num_items", 1) for one in tasks)  # before the stage changes them
        began = time.perf_counter()
        results, failures = self._results(worker.stage, tasks)
        ended = time.perf_counter()
        cost = StageStats(
            worker.stage.name,
            calls=1,
            tasks_in=len(tasks),
            tasks_out=len(results),
            items=items,
            process_s=ended - began,
            idle_s=began - worker.idle_since,
        )
        worker.idle_since = ended
        perf = StagePerfStats(
            cost.name, cost.process_s, cost.idle_s, cost.items, worker.stage.drain_metrics()
        )
        for one in results:
            records = getattr(one.task, "_stage_perf", None)
            if isinstance(records, list):
                records.append(perf)
        return CallOutcome(results, failures, cost)

    def _results(
        self, stage: ProcessingStage[Any, Any], tasks: Sequence[TracedTask]
    ) -> tuple[list[TracedTask], list[TaskFailure]]:
        """Call the stage, task by task where it does not take several; find out on which one it fails."""
        if len(tasks) > 1 and not stage.supports_batch_processing():
            return self._one_by_one(stage, tasks)
        try:
            return _called(stage, tasks), []
        except Exception as error:
            if not self._ignore_failures:
                if isinstance(error, StageError):
                    raise
                why = f"{type(error).__name__}: {error}".rstrip(".")
                raise StageError(
                    f"Stage {stage.name!r} failed on {_name(tasks)}: {why}.",
                    next_step="Mend the stage; or run with InProcessExecutor(ignore_failures=True), which "
                    "drops such tasks and lists them.",
                ) from error
            if len(tasks) == 1:
                told = f"{type(error).__name__}: {error}"
                return [], [TaskFailure(stage.name, _name(tasks), told, tasks[0].origins)]
        return self._one_by_one(stage, tasks)

    def _one_by_one(
        self, stage: ProcessingStage[Any, Any], tasks: Sequence[TracedTask]
    ) -> tuple[list[TracedTask], list[TaskFailure]]:
        """Call the stage with one task after the other."""
        parts = [self._results(stage, [task]) for task in tasks]
        return [task for part, _ in parts for task in part], [one for _, part in parts for one in part]


def prepare_node(stage: ProcessingStage[Any, Any], node: NodeInfo) -> None:
    """Let a stage prepare a machine.

    Args:
        stage: The stage.
        node: The machine that this runs on.

    Raises:
        StageError: If the stage fails; the message names it.
    """
    try:
        stage.setup_on_node(node, WorkerMetadata())
    except WorkbenchError:
        raise
    except Exception as error:
        raise StageError(
            f"Stage {stage.name!r} could not prepare this machine: {type(error).__name__}: {error}"
        ) from error


def _tear_down(stage: ProcessingStage[Any, Any]) -> None:
    """Tear a worker down; a stage that fails to is named, and what came out is kept."""
    try:
        stage.teardown()
    except Exception as error:
        warnings.warn(
            f"Stage {stage.name!r} could not be torn down: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )


def _called(stage: ProcessingStage[Any, Any], tasks: Sequence[TracedTask]) -> list[TracedTask]:
    """Call the stage; what came of it, with what each was made of."""
    bare = [one.task for one in tasks]
    names = [getattr(task, "task_id", "") for task in bare]
    results = [_listed(one) for one in stage.process_batch(bare)]
    everything = frozenset[int]().union(*(one.origins for one in tasks))
    in_order = len(results) == len(tasks) > 1  # as process_batch promises; else anything may come of all
    found, made = [], []
    for place, several in enumerate(results):
        for task in several:
            found.append(TracedTask(task, tasks[place].origins if in_order else everything))
            made.append((task, [bare[place]] if in_order else bare))
    identify(made)
    for number, (task, _) in enumerate(made):
        if getattr(task, "task_id", None) == "" and len(names) == 1:
            task.task_id = f"{names[0]}_{number}"
    return found


def _listed(result: Any) -> list[Any]:
    """What came of a task as a list: nothing for None, and all of several."""
    if isinstance(result, list | GeneratorType):
        return [one for one in result if one is not None]
    return [] if result is None else [result]


def _name(tasks: Sequence[TracedTask]) -> str:
    """Name the tasks of a call in a message."""
    return ", ".join(str(getattr(one.task, "task_id", "") or repr(one.task)) for one in tasks)

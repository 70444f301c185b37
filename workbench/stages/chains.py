"""Chains of stages: what one worker on a cluster does with its share of the tasks. Knows nothing of Ray."""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from workbench.engine.loop import chunks
from workbench.stages.base import NodeInfo, ProcessingStage, WorkerMetadata
from workbench.stages.resources import Resources
from workbench.stages.runs import StageStats, TaskFailure
from workbench.stages.tasks import Task, numbered
from workbench.stages.workers import StageWorkers, TracedTask, prepare_node

__all__ = ["Parcel", "Segment", "StageChain", "is_start", "run_here", "segments_of"]

_AMOUNTS = ("cpus", "gpu_memory_gb", "gpus", "entire_gpu")


@dataclass
class Parcel:
    """Tasks that travel together, with what happened to them.

    Args:
        tasks: The tasks, in order.
        failures: Tasks that a stage failed on, when failures are ignored.
        stats: What each stage cost.
        error: What ended the run in a worker; None while all is well.
    """

    tasks: list[TracedTask] = field(default_factory=list)
    failures: list[TaskFailure] = field(default_factory=list)
    stats: list[StageStats] = field(default_factory=list)
    error: Exception | None = None

    def checked(self) -> "Parcel":
        """Give the parcel itself, or raise what ended the run."""
        if self.error is not None:
            raise self.error
        return self


@dataclass
class Segment:
    """Consecutive stages that share one worker, so that what passes between them never travels.

    Args:
        stages: The stages, in order.
        resources: What one worker needs.
        num_workers: How many workers; None lets the executor decide.
    """

    stages: list[ProcessingStage[Any, Any]]
    resources: Resources
    num_workers: int | None = None

    @property
    def name(self) -> str:
        """The names of the stages, for messages."""
        return " + ".join(stage.name for stage in self.stages)

    def takes(self, stage: ProcessingStage[Any, Any]) -> bool:
        """Whether a stage can join: it asks for no more, and not for another number of workers."""
        needs = stage.resources
        fits = all(getattr(needs, name) <= getattr(self.resources, name) for name in _AMOUNTS)
        return fits and (
            None in {stage.num_workers, self.num_workers} or stage.num_workers == self.num_workers
        )


def segments_of(stages: Iterable[ProcessingStage[Any, Any]]) -> list[Segment]:
    """Put stages together that can share a worker.

    Args:
        stages: In order.

    Returns:
        The segments, in order.

    Example:
        >>> from workbench.stages import DecodeStage, EmbedStage, Resources
        >>> embed = EmbedStage("workbench/spriteclip-tiny")
        >>> [segment.name for segment in segments_of([DecodeStage(), embed])]
        ['decode + embed']
        >>> on_gpu = embed.with_(resources=Resources(gpus=1))
        >>> [segment.name for segment in segments_of([DecodeStage(), on_gpu])]
        ['decode', 'embed']
    """
    segments: list[Segment] = []
    for stage in stages:
        if segments and segments[-1].takes(stage):
            segments[-1].stages.append(stage)
            segments[-1].num_workers = segments[-1].num_workers or stage.num_workers
        else:
            segments.append(Segment([stage], stage.resources, stage.num_workers))
    return segments


class StageChain:
    """One worker of a segment: a copy of each of its stages, set up when first needed.

    Several threads may call it: while one parcel is in the second stage, the next can be in the first.

    Args:
        stages: The stages, in order.
        ignore_failures: Whether a task on which a stage fails is dropped and listed.
        worker: What the stages are told about their worker.
    """

    def __init__(
        self,
        stages: Sequence[ProcessingStage[Any, Any]],
        *,
        ignore_failures: bool = False,
        worker: WorkerMetadata | None = None,
    ) -> None:
        self._workers = [
            StageWorkers(stage, ignore_failures=ignore_failures, count=1, worker=worker) for stage in stages
        ]

    def run(self, parcel: Parcel) -> Parcel:
        """Send a parcel through all stages.

        Args:
            parcel: What came out of the stages before.

        Returns:
            What came out. An error of a stage is in it, not raised: it has to travel.
        """
        failures, stats, tasks = list(parcel.failures), list(parcel.stats), parcel.tasks
        error = parcel.error
        for workers in self._workers if error is None else ():
            cost = StageStats(workers.stage.name)
            try:
                tasks = list(_through(workers, tasks, cost, failures))
            except Exception as caught:
                caught.add_note(f"In the worker:\n{''.join(traceback.format_exception(caught))}")
                error, tasks = caught, []
            stats.append(cost)
            if error is not None:
                break
        return Parcel(tasks, failures, stats, error)

    def close(self) -> None:
        """Tear the stages down."""
        for workers in self._workers:
            with workers:
                pass


def is_start(tasks: Any) -> bool:
    """Whether this is the one empty task that starts a pipeline whose first stage makes the tasks."""
    return isinstance(tasks, list) and len(tasks) == 1 and type(tasks[0]) is Task and not tasks[0].num_items


def run_here(stage: ProcessingStage[Any, Any], tasks: Iterable[Any], *, ignore_failures: bool) -> Parcel:
    """Run one stage in this thread: that which makes the tasks of a pipeline.

    Args:
        stage: The stage.
        tasks: What goes in.
        ignore_failures: Whether failures are listed and not raised.

    Returns:
        What came out.

    Raises:
        StageError: If the stage fails.
    """
    prepare_node(stage, NodeInfo())
    with closing(StageChain([stage], ignore_failures=ignore_failures)) as chain:
        return chain.run(Parcel([TracedTask(task) for task in numbered(tasks)])).checked()


def _through(
    workers: StageWorkers, tasks: list[TracedTask], cost: StageStats, failures: list[TaskFailure]
) -> Iterator[TracedTask]:
    """Send tasks through one stage, and note what it cost."""
    for group in chunks(tasks, workers.stage.tasks_per_call):
        outcome = workers.call(group)
        cost.add(outcome.cost)
        failures += outcome.failures
        yield from outcome.tasks

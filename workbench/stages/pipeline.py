"""Pipeline: stages in a row, described before they run and run by any executor."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from models.errors import InvalidTypeError
from workbench.errors import StageError
from workbench.stages.attributes import stage_attributes
from workbench.stages.base import ProcessingStage
from workbench.stages.chains import is_start, run_here
from workbench.stages.composite import parts_of
from workbench.stages.tasks import Task

if TYPE_CHECKING:
    from workbench.stages.runs import PipelineProgress, PipelineResult

__all__ = ["Executor", "Pipeline"]


class Executor(Protocol):
    """Whatever can run stages: in this process, or on a cluster."""

    def execute(
        self, stages: Sequence[ProcessingStage[Any, Any]], tasks: Iterable[Any], **options: Any
    ) -> "PipelineResult":
        """Run the tasks through the stages and wait for what comes out.

        Args:
            stages: In order.
            tasks: What goes into the first one.
            **options: ``on_done``, an ``OnDone``, when the run has a checkpoint.
        """


class Pipeline:
    """Stages in a row.

    Args:
        name: What it is called in messages.
        description: What it is for.
        stages: Its first stages; ``add_stage`` adds more.

    Example:
        >>> from workbench.stages import ImageBatch, processing_stage
        >>> @processing_stage()
        ... def keep(task):
        ...     return task if task.num_items else None
        >>> len(Pipeline("demo").add_stage(keep).run(initial_tasks=[ImageBatch()], progress=False))
        0
    """

    def __init__(
        self, name: str = "pipeline", description: str = "", stages: Iterable[ProcessingStage[Any, Any]] = ()
    ) -> None:
        self.name = name
        self.description = description
        self.stages: list[ProcessingStage[Any, Any]] = []
        for stage in stages:
            self.add_stage(stage)

    def add_stage(self, stage: ProcessingStage[Any, Any]) -> "Pipeline":
        """Put a stage at the end.

        Args:
            stage: The stage, an instance.

        Returns:
            This pipeline, so that calls can be chained.

        Raises:
            InvalidTypeError: If it is no stage.
        """
        if not isinstance(stage, ProcessingStage):
            hint = "Make an instance of it: add_stage(MyStage(...))." if isinstance(stage, type) else ""
            raise InvalidTypeError(f"A ProcessingStage was expected; {stage!r} came.", next_step=hint)
        self.stages.append(stage)
        return self

    def build(self) -> tuple[ProcessingStage[Any, Any], ...]:
        """Check the pipeline as a whole.

        Returns:
            The stages, in order; composite ones as their parts.

        Raises:
            StageError: If it has no stage, or two of one name.
            InvalidTypeError: If a composite stage is made of something else than plain stages.
        """
        if not self.stages:
            raise StageError(f"Pipeline {self.name!r} has no stage.", next_step="add_stage(...) adds one.")
        stages = parts_of(self.stages)
        names = [stage.name for stage in stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise StageError(
                f"Pipeline {self.name!r} has several stages named {', '.join(twice)}.",
                next_step="Give one another name: stage.with_(name=...).",
            )
        return tuple(stages)

    def describe(self) -> str:
        """Say what will run: for each stage its needs, tasks per call, inputs and outputs."""
        lines = [f"Pipeline {self.name}" + (f": {self.description}" if self.description else "")]
        for number, stage in enumerate(parts_of(self.stages), 1):
            needs = stage.resources
            gpu = f", {needs.gpus:g} GPU" if needs.gpus else ""
            gpu = f", {needs.gpu_memory_gb:g} GiB of GPU memory" if needs.gpu_memory_gb else gpu
            workers = f", {stage.num_workers} workers" if stage.num_workers else ""
            lines.append(
                f"  {number}. {stage.name}: {needs.cpus:g} CPU{gpu}{workers}, "
                f"{stage.tasks_per_call} tasks a call"
            )
            lines += [
                f"     {title} {', '.join(names)}"
                for title, names in (
                    ("needs", stage_attributes(stage.inputs())),
                    ("gives", stage_attributes(stage.outputs())),
                )
                if names
            ]
        return "\n".join(lines)

    def run(
        self,
        executor: Executor | None = None,
        initial_tasks: Iterable[Any] | None = None,
        *,
        progress: bool = True,
        checkpoint: Path | str | None = None,
    ) -> "PipelineResult":
        """Run everything and wait.

        Args:
            executor: Where to run; None is this process, with threads, a progress line and Ctrl-C.
            initial_tasks: What goes into the first stage; None for a stage that makes its own tasks:
                it gets one empty ``Task``.
            progress: Whether the executor of this process shows a progress line.
            checkpoint: A folder for a list of the tasks that are finished: the next run with the same folder
                leaves them out (``.resumed`` counts them). A task is known by its content and the names of
                the stages, what the first stage makes item by item, so that the folder it reads may grow; a
                checkpoint of stages with other options is refused. What a task gave must have been
                kept by a stage, such as ``WriteParquetStage``: it is not in the result again.

        Returns:
            The tasks that came out of the last stage, in order: a list, with ``.failures``,
            ``.stats`` and ``.stopped``.

        Raises:
            StageError: If the pipeline is empty, or a stage fails; the message names stage and task. If the
                checkpoint cannot be used, or was made by stages with other options.
        """
        stages, tasks = self.build(), _tasks(initial_tasks)
        if checkpoint is not None:
            return self._resume(executor, stages, tasks, Path(checkpoint), progress=progress)
        result = _execute(executor, stages, tasks, progress=progress)
        if initial_tasks is None and is_start(list(result)):
            warnings.warn(
                f"Pipeline {self.name!r} had nothing to work on: stage {stages[0].name!r} makes no tasks. "
                "Put one that reads before it, such as ReadClipsStage, or pass initial_tasks=.",
                stacklevel=2,
            )
        return result

    def _resume(
        self,
        executor: Executor | None,
        stages: Sequence[ProcessingStage[Any, Any]],
        tasks: Iterable[Any],
        checkpoint: Path,
        *,
        progress: bool,
    ) -> "PipelineResult":
        """Run what an earlier run with the same checkpoint has not finished."""
        from workbench.stages.ledger import Ledger
        from workbench.stages.settings import stage_settings

        # What the first stage is told to read may grow: what it makes is known item by item.
        starts, names = is_start(tasks) and len(stages) > 1, [stage.name for stage in stages]
        settings = {stage.name: stage_settings(stage) for stage in stages[int(is_start(tasks)) :]}
        ledger, made = Ledger(checkpoint, names, settings, by_item=starts), None
        if starts:
            ignore = getattr(executor, "ignore_failures", False)
            made, stages = run_here(stages[0], tasks, ignore_failures=ignore), stages[1:]
            tasks = [one.task for one in made.tasks]
        waiting = ledger.waiting(tasks)
        result = _execute(executor, stages, waiting, progress=progress, on_done=ledger.finish)
        if made is not None:
            result.stats[:0], result.failures[:0] = made.stats, made.failures
        result.resumed = ledger.skipped
        return result

    def submit(
        self,
        initial_tasks: Iterable[Any] | None = None,
        *,
        ignore_failures: bool = False,
        on_progress: "Callable[[PipelineProgress], None] | None" = None,
    ) -> Any:
        """Start the pipeline in this process and return at once.

        Args:
            initial_tasks: As for ``run``.
            ignore_failures: Whether a task on which a stage fails is dropped and listed in the
                result's ``.failures``; otherwise it ends the run.
            on_progress: Called with each new ``PipelineProgress``.

        Returns:
            A job: ``progress``, ``stop()``, ``result()``, awaitable.
        """
        from workbench.stages.in_process import InProcessExecutor

        executor = InProcessExecutor(ignore_failures=ignore_failures)
        return executor.submit(self.build(), _tasks(initial_tasks), on_progress=on_progress)

    def __repr__(self) -> str:
        return self.describe()


def _execute(
    executor: Executor | None,
    stages: Sequence[ProcessingStage[Any, Any]],
    tasks: Iterable[Any],
    *,
    progress: bool,
    **options: Any,
) -> "PipelineResult":
    """Run stages with an executor; without one in this process."""
    from workbench.stages.in_process import InProcessExecutor

    if executor is None or isinstance(executor, InProcessExecutor):
        return (executor or InProcessExecutor()).execute(stages, tasks, progress=progress, **options)
    return executor.execute(stages, tasks, **options)


def _tasks(initial: Iterable[Any] | None) -> Iterable[Any]:
    """What goes into the first stage."""
    if initial is None:
        return [Task()]
    return [initial] if isinstance(initial, Task) else initial

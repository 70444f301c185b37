"""RayDataExecutor: the stages of a pipeline as actors of Ray Data, with the results of this process."""

import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from models.counts import check_count
from models.errors import InvalidParameterError
from models.runtime import describe_runtime
from workbench.engine.loop import chunks
from workbench.errors import StageError
from workbench.stages.base import NodeInfo, ProcessingStage, WorkerMetadata
from workbench.stages.chains import Parcel, Segment, StageChain, is_start, run_here, segments_of
from workbench.stages.ray_session import import_ray, ray_session, worker_environment
from workbench.stages.resources import Resources
from workbench.stages.runs import OnDone, PipelineResult, StageStats
from workbench.stages.tasks import numbered
from workbench.stages.workers import TracedTask, prepare_node

__all__ = ["RayDataExecutor"]

_CALLS_PER_WORKER = 2  # while one parcel is embedded, the next is decoded
_RETRIES = 2  # where machines come and go; a worker that dies on the only one would die again


class RayDataExecutor:
    """Runs stages as actors of Ray Data: on this machine, or on the cluster that ``RAY_ADDRESS`` names.

    The results are those of ``InProcessExecutor``, in the same order. Consecutive stages share an actor
    where the later ones ask for no more than the first, so pictures stay where they were decoded. A stage
    that makes its own tasks, such as ``ReadClipsStage``, runs here. All tasks are read before the first runs.

    Args:
        num_workers: Actors of each group of stages whose ``num_workers`` says nothing; None takes as many as
            the processors allow.
        ignore_failures: Whether a task on which a stage fails is dropped and listed in the result's
            ``.failures``; otherwise it ends the run.

    Raises:
        MissingDependencyError: If Ray is not installed; ``extra`` names the extra.
        InvalidParameterError: If ``num_workers`` is no whole number from 1.

    Example:
        >>> from workbench.stages import Pipeline, RayDataExecutor
        >>> pipeline = Pipeline(stages=[...])  # doctest: +SKIP
        >>> pipeline.run(RayDataExecutor(num_workers=2)).items  # doctest: +SKIP
    """

    def __init__(self, *, num_workers: int | None = None, ignore_failures: bool = False) -> None:
        check_count("num_workers", num_workers, None)
        import_ray()
        self.num_workers = num_workers
        self.ignore_failures = ignore_failures

    def execute(
        self,
        stages: Sequence[ProcessingStage[Any, Any]],
        tasks: Iterable[Any],
        *,
        on_done: OnDone | None = None,
    ) -> PipelineResult:
        """Run the tasks through the stages and wait for what comes out.

        Args:
            stages: In order.
            tasks: What goes into the first one.
            on_done: Called with the places of the tasks that are finished, as they are.

        Returns:
            The tasks that came out of the last stage, in order.

        Raises:
            StageError: If a stage fails; the message names stage and task. Also if a stage or its results
                cannot be sent to another process, or a worker dies again and again.
        """
        todo, tasks = list(stages), list(numbered(tasks))
        made = is_start(tasks)
        start = Parcel([TracedTask(task, frozenset({place})) for place, task in enumerate(tasks)])
        if made:
            start = run_here(todo.pop(0), tasks, ignore_failures=self.ignore_failures)
        done = [Parcel(start.tasks)]
        if todo and start.tasks:
            done = self._on_ray(todo, start.tasks, None if made else on_done)
        return _result(stages, [Parcel([], start.failures, start.stats), *done])

    def _on_ray(
        self, stages: Sequence[ProcessingStage[Any, Any]], tasks: list[TracedTask], on_done: OnDone | None
    ) -> list[Parcel]:
        """Run tasks on the cluster; the parcels come back in order."""
        size = math.lcm(*(stage.tasks_per_call for stage in stages))
        parcels = list(chunks(tasks, size))
        segments = segments_of(stages)
        least = sum((one.num_workers or self.num_workers or 1) * one.resources.cpus for one in segments)
        with ray_session(least) as ray:
            _check_room(ray, segments)
            _set_up_nodes(ray, stages)
            counts = self._counts(segments, ray.cluster_resources().get("CPU", 1.0), len(parcels))
            rows = [
                {"place": place, "load": _packed(Parcel(part), "The tasks")}
                for place, part in enumerate(parcels)
            ]
            dataset = _dataset(ray, rows)
            for segment, count in zip(segments, counts, strict=True):
                dataset = self._mapped(ray, dataset, segment, count)
            found: dict[int, Parcel] = {}
            for place, parcel in _collected(ray, dataset, segments):
                found[place] = parcel
                if on_done is not None:
                    first = place * size
                    on_done(range(first, first + len(parcels[place])), parcel.failures)
            return [found[place] for place in sorted(found)]

    def _counts(self, segments: Sequence[Segment], cpus: float, parcels: int) -> list[int]:
        """Choose the number of workers of each segment: its own, or an equal share of the processors."""
        share = cpus / len(segments)
        free = [int(share / segment.resources.cpus) if segment.resources.cpus else 1 for segment in segments]
        wanted = [
            segment.num_workers or self.num_workers or one
            for segment, one in zip(segments, free, strict=True)
        ]
        return [max(min(one, parcels), 1) for one in wanted]

    def _mapped(self, ray: Any, dataset: Any, segment: Segment, count: int) -> Any:
        """Add a segment to the dataset's plan."""
        calls = min(_CALLS_PER_WORKER, len(segment.stages))
        needs = segment.resources
        retries = _RETRIES if len(ray.nodes()) > 1 else 0
        packed = _packed(segment.stages, f"Stage {segment.name!r}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray has no other way yet to bound the retries
            return dataset.map_batches(
                _Worker,
                batch_size=1,
                batch_format="numpy",
                fn_constructor_args=(packed, self.ignore_failures, needs.cpus),
                compute=ray.data.ActorPoolStrategy(
                    size=count, max_concurrent_calls_per_actor=calls, enable_true_multi_threading=calls > 1
                ),
                num_cpus=needs.cpus,
                num_gpus=_gpus(needs),
                runtime_env={
                    "env_vars": worker_environment() | {"OMP_NUM_THREADS": str(max(int(needs.cpus), 1))}
                },
                ray_remote_args_fn=lambda: {"max_restarts": retries, "max_task_retries": retries},
            )


class _Worker:
    """The actor: a chain of stages, fed with packed parcels."""

    def __init__(self, stages: bytes, ignore_failures: bool, cpus: float) -> None:  # noqa: FBT001 - Ray calls it
        self._threads = max(int(cpus), 1)
        worker = WorkerMetadata(f"{os.uname().nodename}-{os.getpid()}", allocation=Resources(cpus=cpus))
        self._chain = StageChain(_unpacked(stages), ignore_failures=ignore_failures, worker=worker)

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """Run the parcel of one row."""
        torch = sys.modules.get("torch")
        if torch is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)  # each worker would take all processors
        loads = [_packed_result(self._chain.run(_unpacked(load))) for load in rows["load"]]
        return {"place": rows["place"], "load": loads}

    def __del__(self) -> None:
        """Tear the stages down: Ray lets go of this object before the actor ends."""
        self._chain.close()


def _gpus(needs: Resources) -> float:
    """How many accelerators a worker takes, as Ray counts."""
    if not needs.gpu_memory_gb:
        return needs.gpu_share(1)
    devices = describe_runtime(probe_devices=True).devices
    totals = [device.total_bytes for device in devices if device.total_bytes]
    if not totals:
        raise InvalidParameterError(
            f"A worker needs {needs.gpu_memory_gb} GiB of accelerator memory; this machine has none.",
            next_step="Say Resources(gpus=...) for a cluster whose accelerators are elsewhere.",
        )
    return needs.gpu_share(min(totals))


def _check_room(ray: Any, segments: Sequence[Segment]) -> None:
    """Say that no machine has what a worker needs: Ray would wait for one to join, and say nothing."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for segment in segments:
        needs = {"CPU": segment.resources.cpus, "GPU": _gpus(segment.resources)}
        if any(all(machine.get(kind, 0.0) >= many for kind, many in needs.items()) for machine in machines):
            continue
        asked = " and ".join(f"{many:g} {kind}" for kind, many in needs.items() if many)
        most = ", ".join(f"{max(one.get(kind, 0.0) for one in machines):g} {kind}" for kind in needs)
        said = f"A worker of stage {segment.name!r} needs {asked}; no machine here has more than {most}."
        if len(machines) == 1:
            raise StageError(said, next_step="Ask for less: stage.with_(resources=Resources(...)).")
        warnings.warn(f"{said} The run waits until one joins.", RuntimeWarning, stacklevel=2)


def _set_up_nodes(ray: Any, stages: Sequence[ProcessingStage[Any, Any]]) -> None:
    """Let every stage prepare every machine, once, before any worker starts."""
    own = [stage for stage in stages if type(stage).setup_on_node is not ProcessingStage.setup_on_node]
    if not own:
        return
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    packed = _packed(own, "A stage")
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    task = ray.remote(_set_up_node)
    ray.get(
        [
            task.options(
                num_cpus=0,
                runtime_env={"env_vars": worker_environment()},
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            ).remote(packed, node)
            for node in nodes
        ]
    )


def _set_up_node(stages: bytes, node_id: str) -> None:
    """Prepare one machine; runs there."""
    for stage in _unpacked(stages):
        prepare_node(stage, NodeInfo(node_id))


def _dataset(ray: Any, rows: list[dict[str, Any]]) -> Any:
    """Make the dataset: a block for each parcel, so that whoever is free takes the next."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    return ray.data.from_items(rows, override_num_blocks=len(rows))


def _collected(ray: Any, dataset: Any, segments: Sequence[Segment]) -> Iterator[tuple[int, Parcel]]:
    """Run the plan; parcels come as they are finished, with their places."""
    try:
        for row in dataset.iter_rows():
            yield int(row["place"]), _unpacked(row["load"]).checked()
    except ray.exceptions.RayError as error:
        names = ", ".join(repr(segment.name) for segment in segments)
        raise StageError(
            f"A worker of stage {names} ended on its own: {str(error).splitlines()[0]}",
            next_step="Mostly memory: smaller batches, fewer workers. The cause says more.",
        ) from error


def _result(stages: Sequence[ProcessingStage[Any, Any]], parcels: Iterable[Parcel]) -> PipelineResult:
    """Put the parcels together."""
    stats = {stage.name: StageStats(stage.name) for stage in stages}
    result = PipelineResult(stats=stats.values())
    for parcel in parcels:
        result.extend(one.task for one in parcel.tasks)
        result.failures += parcel.failures
        for cost in parcel.stats:
            stats[cost.name].add(cost)
    return result


def _packed(what: Any, name: str) -> bytes:
    """Write anything, also classes of a notebook, as bytes."""
    from ray import cloudpickle

    try:
        return cloudpickle.dumps(what)
    except Exception as error:  # whatever an object makes of being copied
        raise StageError(
            f"{name} cannot be sent to another process: {type(error).__name__}: {error}",
            next_step="Keep plain values in the constructor, and make the rest in setup().",
        ) from error


def _packed_result(parcel: Parcel) -> bytes:
    """Write what came out of a worker; what cannot travel becomes an error that can."""
    names = ", ".join(repr(cost.name) for cost in parcel.stats)
    try:
        return _packed(parcel, f"What came of stage {names}")
    except StageError as error:
        cause = parcel.error
        told = error if cause is None else StageError(f"{type(cause).__name__}: {cause}")
        told.__cause__ = None
        return _packed(Parcel(error=told), names)


def _unpacked(content: bytes) -> Any:
    """Read what `_packed` wrote."""
    from ray import cloudpickle

    return cloudpickle.loads(content)

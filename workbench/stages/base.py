"""ProcessingStage: one step of a pipeline, written once, run by any executor."""

import copy
import inspect
import time
from abc import ABC
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, ClassVar, Generic, Self, TypeVar

from models.counts import check_count
from models.errors import InvalidParameterError, InvalidTypeError
from workbench.engine.adapter import is_model
from workbench.errors import StageError
from workbench.stages.attributes import Attributes, attributes_for
from workbench.stages.resources import Resources

__all__ = ["NodeInfo", "ProcessingStage", "WorkerMetadata", "processing_stage"]

In = TypeVar("In")
Out = TypeVar("Out")
_CHANGEABLE = ("name", "resources", "batch_size", "num_workers")


@dataclass(frozen=True)
class NodeInfo:
    """The machine that a stage is being set up on."""

    node_id: str = ""


@dataclass(frozen=True)
class WorkerMetadata:
    """The worker that a stage is being set up in, and what it was given."""

    worker_id: str = ""
    allocation: Any = None


class _StageName:
    """The name of a stage: its own, the ``_name`` that older stages declare, else its class's."""

    def __get__(self, stage: Any, owner: type) -> str:
        return (stage is not None and vars(stage).get("_stage_name")) or (
            getattr(owner if stage is None else stage, "_name", "") or owner.__name__
        )

    def __set__(self, stage: Any, name: str) -> None:
        vars(stage)["_stage_name"] = name


class ProcessingStage(ABC, Generic[In, Out]):
    """One step of a pipeline. Write ``process`` or ``process_batch``; load what it needs in ``setup``.

    The constructor stores options and nothing else: executors copy a stage to its workers and call
    ``setup`` there. A subclass may be a dataclass; a field ``_name`` names the stage, and a field
    ``batch_size`` is the stage's own business: it then gets one task a call.

    Attributes:
        name: What it is called in messages, metrics and ``describe()``.
        resources: What one of its workers needs.
        batch_size: Tasks per call of ``process_batch``.
        num_workers: Workers of this stage; None lets the executor decide.

    Example:
        >>> from workbench.stages import ImageBatch, ImageObject
        >>> class Count(ProcessingStage[ImageBatch, ImageBatch]):
        ...     def process(self, task):
        ...         task._metadata["count"] = task.num_items
        ...         return task
        >>> Count().process(ImageBatch(data=[ImageObject()]))._metadata, Count().name
        ({'count': 1}, 'Count')
    """

    name: Any = _StageName()
    resources: Any = Resources()
    batch_size: Any = 1
    num_workers: Any = None
    _own_batch_size: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Find mistakes when the class is written, not in the middle of a run."""
        super().__init_subclass__(**kwargs)
        for name in _CHANGEABLE:
            if isinstance(vars(cls).get(name), property):
                raise InvalidParameterError(
                    f"{cls.__name__}.{name} is a property; with_() could not change it.",
                    next_step=f"Make it a class attribute, or a field: {name} = ...",
                )
        if callable(vars(cls).get("num_workers")):
            raise InvalidParameterError(
                f"{cls.__name__}.num_workers is a method; nobody calls it.",
                next_step="Make it a class attribute, or a field: num_workers = ...",
            )
        wrong = sorted({"_resources", "_batch_size"} & vars(cls).keys())
        if wrong:
            raise InvalidParameterError(
                f"{cls.__name__} declares {', '.join(wrong)}, which nobody reads.",
                next_step=f"Write it without the underscore: {wrong[0][1:]} = ...",
            )
        if "batch_size" in inspect.get_annotations(cls):
            cls._own_batch_size = True

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Find a stage that does nothing when it is made."""
        base = ProcessingStage
        writes = cls.process is not base.process or cls.process_batch is not base.process_batch
        if not writes and not inspect.isabstract(cls):
            raise InvalidTypeError(
                f"{cls.__name__} has neither process nor process_batch.",
                next_step="Write one: def process(self, task): ... return task",
            )
        return super().__new__(cls)

    def process(self, task: In) -> "Out | list[Out] | None":
        """Process one task. A stage that has only ``process_batch`` gets it alone there.

        Args:
            task: What the stage before gave.

        Returns:
            The task, a list of several (fan out; they may also be yielded), or None to drop it.
        """
        results = self.process_batch([task])
        return results[0] if len(results) == 1 else [one for one in results if one is not None]

    def process_batch(self, tasks: Sequence[In]) -> "list[Out | None]":
        """Process several tasks at once; write it where that is faster.

        Args:
            tasks: At most ``batch_size`` of them.

        Returns:
            What came of them, in order; None for a dropped one.

        Raises:
            StageError: If a task lacks what ``inputs()`` asks for.
        """
        results: list[Out | None] = []
        for task in tasks:
            missing = self.missing_inputs(task)
            if missing:
                raise StageError(
                    f"Stage {self.name!r} needs {', '.join(missing)}; {task!r} has none of that name.",
                    next_step="Put the stage that makes it before this one.",
                )
            result = self.process(task)
            results.extend(result if isinstance(result, list | GeneratorType) else [result])
        return results

    def setup_on_node(self, node_info: NodeInfo | None = None, worker_metadata: Any = None) -> None:
        """Prepare a machine, once before any worker starts on it: downloads belong here.

        What it leaves on the disk is there for the workers; what it sets on the stage may not be.
        """

    def setup(self, worker_metadata: WorkerMetadata | None = None) -> None:
        """Prepare a worker, once before its first task: load the model here."""

    def teardown(self) -> None:
        """Let go of what ``setup`` made; called once at the end of each worker.

        A worker that is killed, as Ray kills those of a run that failed, has no such end. An error here is a
        warning: what came out of the run is kept.
        """

    def inputs(self) -> "Attributes | dict[type, Attributes]":
        """What a task must have: attributes of the task, attributes of each of its items."""
        return [], []

    def outputs(self) -> Attributes:
        """What a task has afterwards: attributes of the task, attributes of each of its items."""
        return [], []

    def missing_inputs(self, task: Any) -> list[str]:
        """List what a task lacks of ``inputs()``; an attribute of the first item stands for all.

        Args:
            task: A task.

        Returns:
            Names of the missing attributes.

        Raises:
            StageError: If ``inputs()`` is no pair of lists of names.
        """
        of_task, of_items = attributes_for(self, task)
        first = next(iter(getattr(task, "data", None) or ()), None)
        missing = [name for name in of_task if not hasattr(task, name)]
        return missing + [
            f"data.{name}" for name in of_items if first is not None and not hasattr(first, name)
        ]

    def validate_input(self, task: Any) -> bool:
        """Whether a task has everything that ``inputs()`` asks for."""
        return not self.missing_inputs(task)

    @property
    def tasks_per_call(self) -> int:
        """How many tasks an executor hands over at once."""
        return 1 if self._own_batch_size else max(int(self.batch_size), 1)

    def supports_batch_processing(self) -> bool:
        """Whether ``process_batch`` was written for this stage."""
        return type(self).process_batch is not ProcessingStage.process_batch

    def with_(self, **changes: Any) -> "ProcessingStage[In, Out]":
        """Make a copy with other settings; this stage stays as it is.

        Args:
            **changes: ``name``, ``resources``, ``batch_size``, ``num_workers``; None keeps the
                setting, except ``num_workers=None``, which leaves it to the executor again.

        Returns:
            The copy.

        Raises:
            InvalidParameterError: If there is no such setting, or a number is not one from 1.
        """
        unknown = sorted(set(changes) - set(_CHANGEABLE))
        if unknown:
            raise InvalidParameterError(
                f"with_() cannot change {', '.join(unknown)}; it changes {', '.join(_CHANGEABLE)}.",
                next_step="Options of a stage go to its constructor.",
            )
        # A model that was given loaded is shared: it is large, and may not be copied at all.
        models = {id(one): one for one in vars(self).values() if is_model(one)}
        check_count("batch_size", changes.get("batch_size"), None)
        check_count("num_workers", changes.get("num_workers"), None)
        if not isinstance(changes.get("resources", self.resources), Resources | None):
            raise InvalidParameterError(
                f"resources is {changes['resources']!r}; Resources(cpus=..., gpus=...) is expected."
            )
        stage = copy.deepcopy(self, models)
        for name, value in changes.items():
            if value is not None or name == "num_workers":
                setattr(stage, name, value)
        return stage

    def _log_metric(self, name: str, value: float) -> None:
        """Note a number of this call; it ends up in the task's ``_stage_perf``."""
        vars(self).setdefault("_logged_metrics", {})[name] = float(value)

    @contextmanager
    def _time_metric(self, name: str) -> Generator[None, None, None]:
        """Note how many seconds a block took."""
        began = time.perf_counter()
        yield
        self._log_metric(name, time.perf_counter() - began)

    def drain_metrics(self) -> dict[str, float]:
        """Take the numbers noted since the last call; for executors."""
        return vars(self).pop("_logged_metrics", {})


def processing_stage(
    name: str = "", resources: "Resources | dict[str, Any] | None" = None, batch_size: int = 1
) -> "Callable[[Callable[[Any], Any]], ProcessingStage[Any, Any]]":
    """Make a stage of a function with one argument.

    Args:
        name: What to call it; the function's name when empty.
        resources: What a worker needs, also as a dict.
        batch_size: Tasks per call.

    Returns:
        A decorator that gives a stage (an instance).

    Raises:
        InvalidParameterError: If the function does not take exactly one argument.

    Example:
        >>> @processing_stage(name="double")
        ... def twice(task):
        ...     return [task, task]
        >>> twice.name, twice.process("x")
        ('double', ['x', 'x'])
    """
    needs = Resources(**resources) if isinstance(resources, dict) else resources or Resources()

    def decorate(function: Callable[[Any], Any]) -> ProcessingStage[Any, Any]:
        code = getattr(function, "__code__", None)
        title = name or getattr(function, "__name__", "function")
        if code is None or code.co_argcount != 1:
            raise InvalidParameterError(
                f"A stage is made of a function with one argument; {function!r} came."
            )
        stage = _FunctionStage(function)
        return stage.with_(name=title, resources=needs, batch_size=batch_size)

    return decorate


class _FunctionStage(ProcessingStage[Any, Any]):
    """A stage that calls a function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def process(self, task: Any) -> Any:
        """Call the function."""
        return self._function(task)

"""Composite stages: several stages under one name, which a pipeline runs as its parts."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.errors import InvalidParameterError, InvalidTypeError
from workbench.errors import StageError
from workbench.stages.base import In, Out, ProcessingStage
from workbench.stages.compute import EmbedStage
from workbench.stages.decoding import DecodeStage
from workbench.stages.sources import ReadClipsStage
from workbench.stages.tasks import Task

__all__ = ["CompositeRunError", "CompositeStage", "EmbedClipsStage", "parts_of"]

Changes = Mapping[str, Mapping[str, Any]]


class CompositeRunError(StageError, RuntimeError):
    """A composite stage was asked to do the work of its parts."""


class CompositeStage(ProcessingStage[In, Out]):
    """Several stages under one name. Write ``decompose``; a pipeline puts the parts in its place.

    Example:
        >>> from workbench.stages import Pipeline, SampleStage
        >>> class Thin(CompositeStage):
        ...     def decompose(self):
        ...         return [SampleStage(8, name="first"), SampleStage(4, name="second")]
        >>> thin = Thin().with_({"second": {"num_workers": 2}})
        >>> [(stage.name, stage.num_workers) for stage in Pipeline(stages=[thin]).build()]
        [('first', None), ('second', 2)]
    """

    _changes: tuple[Changes, ...] = ()

    @abstractmethod
    def decompose(self) -> Sequence[ProcessingStage[Any, Any]]:
        """List the stages that do the work, in order."""

    def parts(self) -> tuple[ProcessingStage[Any, Any], ...]:
        """List the stages that do the work, with the settings that ``with_`` gave them.

        Raises:
            InvalidTypeError: If one is no stage, or is composite itself.
            InvalidParameterError: If settings name a part that is not there, or there several times.
        """
        parts = list(self.decompose())
        for part in parts:
            if not isinstance(part, ProcessingStage) or isinstance(part, CompositeStage):
                raise InvalidTypeError(
                    f"Stage {self.name!r} is made of {part!r}; plain stages are expected.",
                    next_step="decompose() lists stages that do work, none of them composite.",
                )
        names = [part.name for part in parts]
        for changes in self._changes:
            for name, settings in changes.items():
                if names.count(name) != 1:
                    raise InvalidParameterError(
                        f"Stage {self.name!r} has {names.count(name)} parts named {name!r}; "
                        f"its parts are {', '.join(names)}."
                    )
                place = names.index(name)
                parts[place] = parts[place].with_(**settings)
                names[place] = parts[place].name
        return tuple(parts)

    def with_(self, parts: Changes | None = None, /, **changes: Any) -> "CompositeStage[In, Out]":
        """Make a copy whose parts have other settings; this stage stays as it is.

        Args:
            parts: What ``with_`` of a part takes, by the name of the part.
            **changes: Only ``name``: what it needs and how many workers it has is said of its parts.

        Returns:
            The copy.

        Raises:
            InvalidParameterError: If a part is not there, or a setting is not one of a stage.
        """
        strange = sorted(set(changes) - {"name"})
        if strange:
            raise InvalidParameterError(
                f"{', '.join(strange)} of {self.name!r} cannot be changed: it runs as its parts.",
                next_step='Say it of a part: with_({"PART": {...}}).',
            )
        stage: Any = super().with_(**changes)
        stage._changes = (*self._changes, dict(parts or {}))  # noqa: SLF001 - a copy of this stage
        stage.parts()
        return stage

    def process(self, task: Any) -> Any:
        """Refuse: its parts do the work."""
        raise CompositeRunError(
            f"Stage {self.name!r} does no work itself; {task!r} came.",
            next_step="Add it to a Pipeline, which runs its parts.",
        )


class EmbedClipsStage(CompositeStage[Task, Task]):
    """Lists, decodes and embeds clips and images: what a pipeline of this workbench most often starts with.

    Its parts are called read_clips, decode and embed.

    Args:
        source: A file, a folder, a glob, a manifest, a list of these, or clips that are listed already.
        model: A model's id or a loaded model. One that is named is loaded once per worker.
        num_frames: T, frames of each clip; None is what the model wants.
        items_per_task: Clips in a batch.
        model_inference_batch_size: Clips per model call, as for ``EmbedStage``.
        remove_image_data: Whether pixels are dropped once they are embedded.
        **loading: ``device``, ``dtype``, ``backend``, as for ``EmbedStage``.

    Example:
        >>> from workbench import sample_clips
        >>> from workbench.stages import Pipeline
        >>> embedded = EmbedClipsStage(sample_clips()[:2], "workbench/spriteclip-tiny")
        >>> [item.embedding.shape for item in Pipeline(stages=[embedded]).run(progress=False).items]
        [(256,), (256,)]
    """

    name = "embed_clips"

    def __init__(
        self,
        source: Any,
        model: Any,
        *,
        num_frames: int | None = None,
        items_per_task: int = 32,
        model_inference_batch_size: int | str = 32,
        remove_image_data: bool = True,
        **loading: Any,
    ) -> None:
        self.source = source
        self.model = model
        self.num_frames = num_frames
        self.items_per_task = items_per_task
        self.model_inference_batch_size = model_inference_batch_size
        self.remove_image_data = remove_image_data
        self.loading = loading

    def decompose(self) -> list[ProcessingStage[Any, Any]]:
        """Read, decode, embed."""
        frames = self.num_frames or _frames_of(self.model)
        embed = EmbedStage(
            self.model,
            num_frames=frames,
            model_inference_batch_size=self.model_inference_batch_size,
            remove_image_data=self.remove_image_data,
            **self.loading,
        )
        read = ReadClipsStage(self.source, items_per_task=self.items_per_task)
        return [read, DecodeStage(frames), embed]


def parts_of(stages: Iterable[ProcessingStage[Any, Any]]) -> list[ProcessingStage[Any, Any]]:
    """Put the parts of composite stages in their place.

    Args:
        stages: Stages, in order.

    Returns:
        Stages that do work, in order.

    Raises:
        InvalidTypeError, InvalidParameterError: As ``CompositeStage.parts``.
    """
    found: list[ProcessingStage[Any, Any]] = []
    for stage in stages:
        found += stage.parts() if isinstance(stage, CompositeStage) else [stage]
    return found


def _frames_of(model: Any) -> int:
    """How many frames of a clip a model wants; one that is named is not loaded for it."""
    if isinstance(model, str):
        from models.loader.targets import find_target

        return find_target(model).card.num_frames or 1
    from workbench.engine.adapter import adapt

    return adapt(model).num_frames

"""Stages that compute: embed, score by text, sort into classes."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from models.counts import check_count
from models.errors import EmbeddingSpaceError, ModelInputError
from models.vectors import EmbeddingSpace
from workbench.analysis.ranking import probabilities, score_prompts
from workbench.engine.loop import Batch, Prepared, StopSignal, run_batches
from workbench.engine.sizing import BatchSizer
from workbench.engine.spaces import call_session, may_ask, new_session, session_of
from workbench.engine.text import check_templates, clean_prompts, embed_prompts
from workbench.errors import NothingToRankError, StageError
from workbench.media.hardware import decoding_on, takes_part
from workbench.stages.base import ProcessingStage, WorkerMetadata
from workbench.stages.resources import threads_given
from workbench.stages.tasks import NOT_DECODED, ImageObject, Task, VideoObject, good_items

if TYPE_CHECKING:
    from workbench.engine.adapter import AdaptedModel

__all__ = ["ClassifyStage", "EmbedStage", "TextScoreStage"]


class EmbedStage(ProcessingStage[Task, Task]):
    """Embeds a batch with any registered model.

    Args:
        model: A model's id or a loaded model. One that is named is loaded once per worker.
        num_frames: T that names the space, as in ``embed``, for images too; None is what clips come with.
        model_inference_batch_size: Items per model call; "auto" follows device and pace of the model. It is
            halved when memory runs out.
        remove_image_data: Whether pixels are dropped once they are embedded.
        device: Where to compute; like the next two, for a model that is named.
        dtype: Number format to compute in, as for ``AutoModel.from_pretrained``.
        backend: What has to run the model, such as "onnx"; "auto" takes what fits the worker best.
    """

    name = "embed"

    def __init__(
        self,
        model: Any,
        *,
        num_frames: int | None = None,
        model_inference_batch_size: int | str = 32,
        remove_image_data: bool = False,
        device: str = "auto",
        dtype: str = "auto",
        backend: str = "auto",
    ) -> None:
        check_count("model_inference_batch_size", model_inference_batch_size, "auto")
        check_count("num_frames", num_frames, None)
        self.model = model
        self.num_frames = num_frames
        self.model_inference_batch_size = model_inference_batch_size
        self.remove_image_data = remove_image_data
        self.device = device
        self.dtype = dtype
        self.backend = backend
        # Drawn here: without a version, copies of a model in several workers are known by one name.
        self._session = new_session() if isinstance(model, str) else session_of(model)
        self._adapted: AdaptedModel | None = None
        self._sizer: BatchSizer | None = None
        self._threads = 1
        self._on_device: ExitStack | None = None

    def setup(self, worker_metadata: WorkerMetadata | None = None) -> None:
        """Load the model; stages of the same process decode on its device from then on, where that can."""
        from workbench.engine.adapter import adapt, load_if_named

        loading = {"device": self.device, "dtype": self.dtype, "backend": self.backend}
        self._adapted = adapt(load_if_named(self.model, **loading))
        call_session(self._adapted.model, self._session)
        self._sizer = BatchSizer(self.model_inference_batch_size, device=self._adapted.device)
        self._threads = threads_given(worker_metadata)
        if takes_part(self._adapted.device):
            self._on_device = ExitStack()
            self._on_device.enter_context(decoding_on(self._adapted.device))

    def teardown(self) -> None:
        """Let go of a model that was loaded here."""
        if self._on_device is not None:
            self._on_device.close()
        self._on_device = None
        if isinstance(self.model, str) and self._adapted is not None:
            self._adapted.model.unload()
        self._adapted = None

    def process(self, task: Task) -> Task:
        """Fill ``embedding``, and ``embeddings`` under the model's id; note the space on the task.

        Args:
            task: A decoded batch.

        Returns:
            The same task; an item without pixels, or with such as no model takes, says so in ``errors``.
        """
        if self._adapted is None or self._sizer is None:
            raise StageError(f"Stage {self.name!r} is not set up.", next_step="Call setup() first.")
        adapted = self._adapted
        items = [item for item in good_items(task) if _has_pixels(item, self.name)]
        self._note_space(task, items)
        batches = run_batches(
            [[item] for item in items],
            lambda unit: [_prepared(adapted, item) for item in unit],
            adapted.start_items,
            sizer=self._sizer,
            workers=self._threads,
            stop=StopSignal(),
            overlap=not adapted.device.startswith("cpu"),
        )
        model_s = 0.0
        for batch in batches:
            if not isinstance(batch, Batch):
                batch.item.errors[self.name] = batch.problem
                continue
            model_s += batch.model_s
            for one, row in zip(batch.items, batch.rows, strict=True):
                one.item.embedding = one.item.embeddings[adapted.name] = row
                if self.remove_image_data:
                    _drop_pixels(one.item)
        self._log_metric("model_s", model_s)
        return task

    def _note_space(self, task: Task, items: list[Any]) -> None:
        """Say on the task which space its vectors live in, and what made them."""
        from workbench.engine.provenance import provenance_of

        adapted = self._adapted
        if adapted is None or not items:
            return
        clips = [len(item.frames) for item in items if isinstance(item, VideoObject)]
        frames = self.num_frames or (clips[0] if clips else adapted.num_frames)
        task.space = adapted.store_space(adapted.space(frames))
        task.provenance = provenance_of(adapted, task.space, frames)

    def outputs(self) -> tuple[list[str], list[str]]:
        """Items with vectors."""
        return [], ["embedding", "embeddings"]


class TextScoreStage(ProcessingStage[Task, Task]):
    """Scores the items of a batch by a text, and may keep those that fit.

    Args:
        model: The model that embedded them: its id or a loaded model.
        text: What to look for.
        at_least: Least cosine similarity of an item that is kept; None keeps all.
        score: Name under which the similarity stands in ``scores``; the text when empty.
    """

    name = "text_score"

    def __init__(self, model: Any, text: str, *, at_least: float | None = None, score: str = "") -> None:
        self.model = model
        self.text = text
        self.at_least = at_least
        self.score = score or text
        self._row: np.ndarray | None = None
        self._space: EmbeddingSpace | None = None

    def setup(self, worker_metadata: Any = None) -> None:  # noqa: ARG002 - all workers are alike
        """Embed the text, once."""
        from workbench.engine.adapter import adapt, load_if_named

        adapted = adapt(load_if_named(self.model))
        self._row = adapted.embed_texts([self.text])[0]
        self._space = adapted.store_space(adapted.space())
        if isinstance(self.model, str):
            adapted.model.unload()  # its row is all that is needed

    def process(self, task: Task) -> Task | None:
        """Score the items that have a vector.

        Args:
            task: An embedded batch.

        Returns:
            The task with the items that fit; None when none is left. Items with errors stay.

        Raises:
            EmbeddingSpaceError: If another model embedded it.
        """
        if self._row is None:
            raise StageError(f"Stage {self.name!r} is not set up.", next_step="Call setup() first.")
        _check_space(self, task, self._space)
        kept = []
        for item in task.data:
            if item.embedding is not None:
                item.scores[self.score] = float(item.embedding @ self._row)
            fits = self.at_least is None or item.scores.get(self.score, -2.0) >= self.at_least
            if fits or item.errors:
                kept.append(item)
        task.data = kept
        return task if kept else None


class ClassifyStage(ProcessingStage[Task, Task]):
    """Gives the items of a batch a probability for each label, and the best label.

    Args:
        model: The model that embedded them: its id or a loaded model.
        labels: One label, several in a list, or a text with one a line.
        templates: Texts with ``{}`` for the label, such as "a video of {}"; several are averaged.

    Example:
        >>> ClassifyStage("workbench/spriteclip-tiny", ["a star", "a ring"]).name
        'classify'
    """

    name = "classify"

    def __init__(self, model: Any, labels: Any, *, templates: Any = None) -> None:
        self.model = model
        self.labels = clean_prompts(labels)
        self.templates = check_templates(templates)
        if not self.labels:
            raise NothingToRankError(
                "There is no label.", next_step="Give at least one label that is not blank."
            )
        self._rows: np.ndarray | None = None
        self._space: EmbeddingSpace | None = None
        self._score: dict[str, Any] = {}

    def setup(self, worker_metadata: Any = None) -> None:  # noqa: ARG002 - all workers are alike
        """Embed the labels, once."""
        from workbench.engine.adapter import adapt, load_if_named

        adapted = adapt(load_if_named(self.model))
        self._rows = embed_prompts(adapted.model, self.labels, templates=self.templates)
        self._space = adapted.store_space(adapted.space())
        self._score = {
            "kind": adapted.score_kind,
            "scale": adapted.logit_scale,
            "bias": adapted.logit_bias,
        }
        if isinstance(self.model, str):
            adapted.model.unload()  # its rows are all that is needed

    def process(self, task: Task) -> Task:
        """Write each label's probability into ``scores``, the best label and its own into ``metadata``.

        Args:
            task: An embedded batch.

        Returns:
            The same task; ``metadata`` has "label" and "probability" for each item with a vector.

        Raises:
            EmbeddingSpaceError: If another model embedded it.
        """
        if self._rows is None:
            raise StageError(f"Stage {self.name!r} is not set up.", next_step="Call setup() first.")
        _check_space(self, task, self._space)
        items = [item for item in task.data if item.embedding is not None]
        if not items:
            return task
        cosines = score_prompts(np.stack([item.embedding for item in items]), self._rows)
        for item, row in zip(items, probabilities(cosines, **self._score), strict=True):
            item.scores.update(zip(self.labels, map(float, row), strict=True))
            best = int(row.argmax())
            item.metadata.update(label=self.labels[best], probability=float(row[best]))
        return task


def _has_pixels(item: Any, stage: str) -> bool:
    """Whether an item is decoded; one that is not says so under the name of the stage."""
    there = (item.image_data if isinstance(item, ImageObject) else item.frames) is not None
    if not there:
        item.errors[stage] = NOT_DECODED
    return there


def _prepared(adapted: "AdaptedModel", item: Any) -> Prepared[Any]:
    """Preprocess an item; pixels that no model takes are its problem, not that of the batch."""
    try:
        return Prepared(item, adapted.preprocess(_pixels(item)))
    except ModelInputError as error:
        return Prepared(item, problem=str(error))


def _check_space(stage: ProcessingStage[Any, Any], task: Task, own: EmbeddingSpace | None) -> None:
    """Refuse vectors of another model; a task that does not say whose they are is taken."""
    if task.space is not None and own is not None and not may_ask(own, task.space):
        mine, theirs = (f"{one.model_id} {one.revision[:12]}".strip() for one in (own, task.space))
        raise EmbeddingSpaceError(
            f"Stage {stage.name!r} asks {mine}; the vectors of {task!r} are of {theirs}.",
            next_step="Use the model that embedded them.",
        )


def _pixels(item: Any) -> np.ndarray:
    """The pictures of an item: RGB uint8 (T, H, W, 3)."""
    return item.image_data[None] if isinstance(item, ImageObject) else item.frames


def _drop_pixels(item: Any) -> None:
    """Give the memory of the pictures back."""
    if isinstance(item, ImageObject):
        item.image_data = None
    else:
        item.frames = None

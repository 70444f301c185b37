"""Base classes of the models that do not embed: each category has one way to be called.

``model(images)`` runs ``infer``: ``pre_process`` -> ``forward`` -> ``post_process``. A subclass
writes these three and ``from_pretrained``; extra keyword arguments reach all three. Where boxes
or pictures must be brought back to the size of the original, ``pre_process`` returns
``(batch, meta)`` and ``post_process`` gets the meta; elsewhere it returns the batch alone.

The brackets name the types that pass between the steps, for readers and type checkers:
``ObjectDetectionModel[torch.Tensor, dict, torch.Tensor]``. No model has to extend these classes:
``from_pretrained`` is the only thing that ``AutoModel`` needs.
"""

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from models.errors import ModelInputError, PredictionError
from models.interface import release
from models.predictions import (
    ClassificationPrediction,
    Detections,
    InstanceDetections,
    KeyPoints,
    MultiLabelClassificationPrediction,
    SemanticSegmentationResult,
)

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "CategoryModel",
    "ClassificationModel",
    "DepthEstimationModel",
    "InstanceSegmentationModel",
    "KeyPointsDetectionModel",
    "MultiLabelClassificationModel",
    "ObjectDetectionModel",
    "OpenVocabularyObjectDetectionModel",
    "SemanticSegmentationModel",
    "StructuredOCRModel",
    "TextOnlyOCRModel",
]

PreprocessedInputs = TypeVar("PreprocessedInputs")
PreprocessingMetadata = TypeVar("PreprocessingMetadata")
RawPrediction = TypeVar("RawPrediction")
Prediction = TypeVar("Prediction")


class CategoryModel(ABC):
    """What all categories have in common: a way to load, to be called and to let go."""

    @classmethod
    @abstractmethod
    def from_pretrained(cls, model_name_or_path: str, **kwargs: Any) -> "Self":
        """Load a model from the folder that holds its files.

        Args:
            model_name_or_path: The folder.
            **kwargs: Options, among them ``device`` and ``dtype``; unknown ones are ignored.
        """

    @abstractmethod
    def infer(self, images: Any, **kwargs: Any) -> Any:
        """Run all steps."""

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        """Run all steps: the same as ``infer``."""
        return self.infer(images, *args, **kwargs)

    def unload(self) -> None:
        """Drop the network (``self._model``) and give its memory back."""
        release(self)


class _Labelled(CategoryModel):
    """A model whose numbers stand for words."""

    @property
    @abstractmethod
    def class_names(self) -> list[str]:
        """The words; a class id is a place in this list."""


class _BatchSteps(CategoryModel, Generic[PreprocessedInputs, RawPrediction, Prediction]):
    """The steps of models that need nothing but the batch to make their predictions."""

    @abstractmethod
    def pre_process(self, images: Any, **kwargs: Any) -> PreprocessedInputs:
        """Turn images into the network's batch."""

    @abstractmethod
    def forward(self, pre_processed_images: PreprocessedInputs, **kwargs: Any) -> RawPrediction:
        """Run the network."""

    @abstractmethod
    def post_process(self, model_results: RawPrediction, **kwargs: Any) -> Prediction:
        """Turn what the network gave into predictions."""

    def infer(self, images: Any, **kwargs: Any) -> Prediction:
        """Run all steps, without gradients.

        Args:
            images: What ``pre_process`` accepts.
            **kwargs: Passed to every step.

        Returns:
            What ``post_process`` returns.
        """
        with _no_grad():
            batch = self.pre_process(images, **kwargs)
            return self.post_process(self.forward(batch, **kwargs), **kwargs)


class _PairSteps(
    CategoryModel, Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction, Prediction]
):
    """The steps of models that must know how an image was changed before the network saw it."""

    @abstractmethod
    def pre_process(self, images: Any, **kwargs: Any) -> tuple[PreprocessedInputs, PreprocessingMetadata]:
        """Turn images into the network's batch; say in the second value how to go back."""

    @abstractmethod
    def forward(self, pre_processed_images: PreprocessedInputs, **kwargs: Any) -> RawPrediction:
        """Run the network."""

    @abstractmethod
    def post_process(
        self, model_results: RawPrediction, pre_processing_meta: PreprocessingMetadata, **kwargs: Any
    ) -> Prediction:
        """Turn what the network gave into predictions, in pixels of the original images."""

    def infer(self, images: Any, **kwargs: Any) -> Prediction:
        """Run all steps, without gradients.

        Args:
            images: What ``pre_process`` accepts.
            **kwargs: Passed to every step.

        Returns:
            What ``post_process`` returns.

        Raises:
            PredictionError: If ``pre_process`` does not return a pair.
        """
        with _no_grad():
            batch, meta = _pair(self, self.pre_process(images, **kwargs))
            return self.post_process(self.forward(batch, **kwargs), meta, **kwargs)


class ClassificationModel(
    _BatchSteps[PreprocessedInputs, RawPrediction, ClassificationPrediction],
    _Labelled,
    Generic[PreprocessedInputs, RawPrediction],
):
    """Says the one class of each image: one ``ClassificationPrediction`` per batch."""


class MultiLabelClassificationModel(
    _BatchSteps[PreprocessedInputs, RawPrediction, list[MultiLabelClassificationPrediction]],
    _Labelled,
    Generic[PreprocessedInputs, RawPrediction],
):
    """Says all classes of each image: a list with one record per image."""


class ObjectDetectionModel(
    _PairSteps[PreprocessedInputs, PreprocessingMetadata, RawPrediction, list[Detections]],
    _Labelled,
    Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction],
):
    """Finds things of known classes: a list with one ``Detections`` per image."""


class InstanceSegmentationModel(
    _PairSteps[PreprocessedInputs, PreprocessingMetadata, RawPrediction, list[InstanceDetections]],
    _Labelled,
    Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction],
):
    """Finds things and their outlines: a list with one ``InstanceDetections`` per image."""


class KeyPointsDetectionModel(
    _PairSteps[
        PreprocessedInputs,
        PreprocessingMetadata,
        RawPrediction,
        tuple[list[KeyPoints], list[Detections] | None],
    ],
    _Labelled,
    Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction],
):
    """Finds points of things: a list with one ``KeyPoints`` per image, and their boxes or None."""

    @property
    def key_points_classes(self) -> list[list[str]]:
        """Names of the points, for each class; empty when they have none."""
        return []

    @property
    def skeletons(self) -> list[list[tuple[int, int]]]:
        """Pairs of points that belong together, for each class; empty when none are known."""
        return []


class SemanticSegmentationModel(
    _PairSteps[PreprocessedInputs, PreprocessingMetadata, RawPrediction, list[SemanticSegmentationResult]],
    _Labelled,
    Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction],
):
    """Says the class of every pixel: a list with one ``SemanticSegmentationResult`` per image."""


class DepthEstimationModel(
    _PairSteps[PreprocessedInputs, PreprocessingMetadata, RawPrediction, list[Any]],
    Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction],
):
    """Says how far every pixel is: a list with one depth picture [H, W] or ``DepthMap`` per image."""


class StructuredOCRModel(
    _PairSteps[PreprocessedInputs, PreprocessingMetadata, RawPrediction, tuple[list[str], list[Detections]]],
    _Labelled,
    Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction],
):
    """Reads text and where it stands: the texts, and one ``Detections`` per image."""


class TextOnlyOCRModel(
    _BatchSteps[PreprocessedInputs, RawPrediction, list[str]], Generic[PreprocessedInputs, RawPrediction]
):
    """Reads text: one string per image."""


class OpenVocabularyObjectDetectionModel(
    CategoryModel, Generic[PreprocessedInputs, PreprocessingMetadata, RawPrediction]
):
    """Finds things of classes that are named in the call: ``model(images, ["a dog", "a ball"])``."""

    @abstractmethod
    def pre_process(self, images: Any, **kwargs: Any) -> tuple[PreprocessedInputs, PreprocessingMetadata]:
        """Turn images into the network's batch; say in the second value how to go back."""

    @abstractmethod
    def forward(
        self, pre_processed_images: PreprocessedInputs, classes: list[str], **kwargs: Any
    ) -> RawPrediction:
        """Run the network; a class id is a place in ``classes``."""

    @abstractmethod
    def post_process(
        self, model_results: RawPrediction, pre_processing_meta: PreprocessingMetadata, **kwargs: Any
    ) -> list[Detections]:
        """Turn what the network gave into predictions, in pixels of the original images."""

    def infer(self, images: Any, classes: str | Sequence[str] = (), **kwargs: Any) -> list[Detections]:
        """Run all steps, without gradients.

        Args:
            images: What ``pre_process`` accepts.
            classes: What to look for, one word or several.
            **kwargs: Passed to every step.

        Returns:
            One ``Detections`` per image; its class ids are places in ``classes``.

        Raises:
            ModelInputError: If no class is named, or one is no text.
            PredictionError: If ``pre_process`` does not return a pair.
        """
        names = _classes(classes)
        with _no_grad():
            batch, meta = _pair(self, self.pre_process(images, **kwargs))
            return self.post_process(self.forward(batch, names, **kwargs), meta, **kwargs)


def _classes(classes: Any) -> list[str]:
    """Read the classes to look for."""
    names = [classes] if isinstance(classes, str) else list(classes) if isinstance(classes, Sequence) else []
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ModelInputError(
            f"Classes to look for are one or more words; {classes!r} came.",
            next_step='For example model(images, ["a dog", "a ball"]).',
        )
    return names


def _pair(model: Any, prepared: Any) -> tuple[Any, Any]:
    """Check that ``pre_process`` returned the batch and how to go back."""
    if isinstance(prepared, tuple) and len(prepared) == 2:
        return prepared
    raise PredictionError(
        f"{type(model).__name__}.pre_process returned {type(prepared).__name__}; "
        "a pair (batch, meta) is expected, of which post_process gets the meta."
    )


def _no_grad() -> "contextlib.AbstractContextManager[Any]":
    """Switch gradients off when torch is in use."""
    return getattr(sys.modules.get("torch"), "no_grad", contextlib.nullcontext)()

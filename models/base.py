"""What a model is: the interface, and the base classes of the embedding models.

A model class says what it can do by its base class, and needs very little else: an image
model writes ``embed_images``, a text-image model ``embed_text`` too, a video-text model
``embed_videos`` and ``embed_text``. Everything below has a default that follows from those.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.categories import (
    ClassificationModel,
    DepthEstimationModel,
    InstanceSegmentationModel,
    KeyPointsDetectionModel,
    MultiLabelClassificationModel,
    ObjectDetectionModel,
    OpenVocabularyObjectDetectionModel,
    SemanticSegmentationModel,
    StructuredOCRModel,
    TextOnlyOCRModel,
)
from models.errors import EmbeddingSpaceError, ModelInputError
from models.inputs import as_rgb_clips, as_rgb_frames, as_rgb_images
from models.interface import ModelInterface, model_ids
from models.pending import Pending
from models.predictions import (
    ClassificationPrediction,
    DepthMap,
    Detections,
    InstanceDetections,
    KeyPoints,
    MultiLabelClassificationPrediction,
    SemanticSegmentationResult,
)
from models.vectors import EmbeddingSpace, as_rows, unit_rows

if TYPE_CHECKING:
    import torch

__all__ = [
    "ClassificationModel",
    "ClassificationPrediction",
    "DepthEstimationModel",
    "DepthMap",
    "Detections",
    "EmbeddingSpace",
    "ImageEmbeddingModel",
    "InstanceDetections",
    "InstanceSegmentationModel",
    "KeyPoints",
    "KeyPointsDetectionModel",
    "ModelInterface",
    "MultiLabelClassificationModel",
    "MultiLabelClassificationPrediction",
    "ObjectDetectionModel",
    "OpenVocabularyObjectDetectionModel",
    "SemanticSegmentationModel",
    "SemanticSegmentationResult",
    "StructuredOCRModel",
    "TextImageEmbeddingModel",
    "TextOnlyOCRModel",
    "VideoTextEmbeddingModel",
    "model_ids",
    "unit_rows",
]


class ImageEmbeddingModel(ModelInterface):
    """A model that turns images into unit vectors. Write ``embed_images``; the rest has defaults.

    The class attributes describe the model to the workbench; set them on the class or on the
    instance. ``from_pretrained`` of ``AutoModel`` sets ``model_id`` and ``revision``.
    """

    model_id: str = ""
    revision: str = ""  # exact version of the weights; "" = unversioned
    embedding_dim: int | None = None  # D; None = known after the first vector
    num_frames: int = 1  # T, frames that stand for one clip
    preprocessing: str = ""  # short signature, part of the embedding space
    score_kind: str = "softmax"  # how similarities become probabilities: "softmax" or "sigmoid"
    logit_scale: float = 100.0  # similarity * scale + bias = logit
    logit_bias: float = 0.0
    device: str = "cpu"
    known_answers: tuple[dict[str, Any], ...] = ()  # vectors recorded with the package
    known_answers_verified: bool = False  # they were reproduced when it was loaded
    package_hash: str = ""  # one sha256 for all files of the package; "" = there is none
    departure: str = ""  # what an option of the caller makes different: known answers do not apply then

    @property
    def model_id_names(self) -> list[str]:
        """Ids of the weights: the model's own id, when it has one."""
        return [self.model_id] if self.model_id else []

    def setup(self) -> None:
        """Load the weights; nothing to do for a model that has none."""
        return

    @abstractmethod
    def embed_images(self, images: Any) -> "torch.Tensor":
        """Embed images.

        Args:
            images: What ``models.inputs.as_rgb_images`` accepts: RGB uint8 (H, W, 3), a list
                or stack of them, PIL images, CHW tensors.

        Returns:
            float32 [N, D], unit rows, one per image in order, whatever the batch size.

        Raises:
            ModelInputError: If the input is none of these.
        """

    def preprocess_clip(self, frames: Any) -> Any:
        """Turn one clip into what ``embed_preprocessed`` takes; safe to call from threads.

        Args:
            frames: RGB uint8 (T, H, W, 3); a still image has T = 1.

        Returns:
            One item for the batch; here the validated frames themselves.
        """
        return as_rgb_frames(frames)

    def embed_preprocessed(self, batch: list[Any]) -> "torch.Tensor":
        """Embed clips that went through ``preprocess_clip``.

        An image model looks at each frame alone: a clip's vector is the mean of its frames'
        unit rows, made a unit row again.

        Args:
            batch: One item per clip.

        Returns:
            float32 [N, D], unit rows, one per clip in order.
        """
        import torch

        rows = unit_rows(self.embed_images([frame for clip in batch for frame in clip]))
        pooled = [part.mean(dim=0) for part in rows.split([len(clip) for clip in batch])]
        return unit_rows(torch.stack(pooled))

    def embed_preprocessed_async(self, batch: list[Any]) -> Pending:
        """Start ``embed_preprocessed``; a model that can compute while others work overrides this.

        Args:
            batch: One item per clip.

        Returns:
            What ``embed_preprocessed`` returns, to be waited for with ``result()``; here it is done.
        """
        rows = self.embed_preprocessed(batch)
        return Pending(lambda: rows)

    def compare_embeddings(self, x: Any, y: Any) -> "torch.Tensor":
        """Cosine similarity of every row of one side with every row of the other.

        Args:
            x: Vectors [Nx, D] or one vector [D], tensor or array.
            y: Vectors [Ny, D] or one vector [D], of the same embedding space.

        Returns:
            float32 [Nx, Ny] in -1..1.

        Raises:
            EmbeddingSpaceError: If the two sides have different D.
        """
        left = unit_rows(x)
        right = unit_rows(y).to(left.device)
        if left.shape[1] != right.shape[1]:
            raise EmbeddingSpaceError(
                f"Vectors of {left.shape[1]} and of {right.shape[1]} dimensions cannot be compared.",
                next_step="Embed both sides with the same model.",
            )
        return (left @ right.T).clamp(-1.0, 1.0)


class TextImageEmbeddingModel(ImageEmbeddingModel):
    """A model that puts images and texts into one space. Write ``embed_images`` and ``embed_text``."""

    @abstractmethod
    def embed_text(self, texts: Any) -> "torch.Tensor":
        """Embed texts.

        Args:
            texts: One text or a list of texts.

        Returns:
            float32 [P, D], unit rows, one per text in order; a text's row does not depend on
            the texts beside it.

        Raises:
            ModelInputError: If the list is empty or an item is blank or no text.
        """


class VideoTextEmbeddingModel(TextImageEmbeddingModel):
    """A model that puts clips and texts into one space. Write ``embed_videos`` and ``embed_text``.

    The five methods of the InternVideo2 interface (``get_target_num_frames`` to ``evaluate``)
    work on top of those two; a family overrides them where its reference does otherwise.
    """

    num_frames: int = 8

    @abstractmethod
    def embed_videos(self, videos: Any) -> "torch.Tensor":
        """Embed clips.

        Args:
            videos: A list of clips, each RGB uint8 (T, H, W, 3).

        Returns:
            float32 [N, D], unit rows, one per clip in order, whatever the batch size.

        Raises:
            ModelInputError: If the input is no list of clips.
        """

    def embed_images(self, images: Any) -> "torch.Tensor":
        """Embed images as clips in which nothing moves."""
        return self.embed_videos([self._still(image[None]) for image in as_rgb_images(images)])

    def preprocess_clip(self, frames: Any) -> Any:
        """Validate the frames of one clip; a still image becomes ``num_frames`` equal frames."""
        return self._still(as_rgb_frames(frames))

    def embed_preprocessed(self, batch: list[Any]) -> "torch.Tensor":
        """Embed clips that went through ``preprocess_clip``: here by ``embed_videos``."""
        return self.embed_videos(batch)

    def get_target_num_frames(self) -> int:
        """T, the number of frames that the model wants to see of a clip."""
        return self.num_frames

    def formulate_input_frames(self, frames: Any) -> np.ndarray:
        """Choose the model's T frames out of any number of frames of one clip.

        The whole clip is covered, its tail too; a shorter clip repeats frames in order.

        Args:
            frames: RGB uint8 (N, H, W, 3) or a list of N frames.

        Returns:
            uint8 (1, T, H, W, 3), what ``encode_video_frames`` takes.
        """
        clip = as_rgb_frames(frames)
        wanted = self.get_target_num_frames()
        middles = (2 * np.arange(wanted) + 1) * len(clip) // (2 * wanted)
        return clip[middles][None]

    def encode_video_frames(self, iv2_frames: Any) -> "torch.Tensor":
        """Embed clips that went through ``formulate_input_frames``.

        Args:
            iv2_frames: Whatever ``formulate_input_frames`` returned, several joined on axis 0.

        Returns:
            float32 [N, D], unit rows.
        """
        return self.embed_videos(as_rgb_clips(list(iv2_frames)))

    def get_text_embedding(self, text: str) -> "torch.Tensor":
        """Embed one text: float32 [1, D]."""
        return self.embed_text([text])

    def evaluate(
        self, video_embd: Any, text_embds: Sequence["torch.Tensor"]
    ) -> tuple[list[float], list[int]]:
        """Tell which of several texts fits a clip, most likely first. Arithmetic only: no weights needed.

        Args:
            video_embd: Clip vector [1, D]; of several rows the first is used.
            text_embds: One vector [1, D] per text.

        Returns:
            Probabilities in descending order, and for each the index of its text. They are a
            softmax over all texts, or one sigmoid each when ``score_kind`` is "sigmoid".

        Raises:
            ModelInputError: If there is no text.
        """
        import torch

        if len(text_embds) == 0:
            raise ModelInputError("No text to compare with.", next_step="Pass at least one text vector.")
        texts = torch.cat([as_rows(text) for text in text_embds])
        logits = self.compare_embeddings(video_embd, texts)[0] * self.logit_scale + self.logit_bias
        probabilities = logits.sigmoid() if self.score_kind == "sigmoid" else logits.softmax(dim=0)
        best = probabilities.sort(descending=True, stable=True)
        return best.values.tolist(), best.indices.tolist()

    def _still(self, clip: np.ndarray) -> np.ndarray:
        """Repeat the only frame of a one-frame clip; leave every other clip alone."""
        return np.repeat(clip, self.get_target_num_frames(), axis=0) if len(clip) == 1 else clip

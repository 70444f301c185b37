"""InternVideo2 as the reference class offers it, and as a video-text model of the workbench."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from models.errors import ModelInputError, PackageNotFoundError
from models.families.internvideo2.config import InternVideo2Config
from models.families.internvideo2.embedding import EmbeddingMethods, signature
from models.families.internvideo2.errors import FrameShapeError, FrameTypeError, NetworkMissingError
from models.families.internvideo2.files import locate, repositories_to_fetch
from models.families.internvideo2.ids import (
    BERT_MODEL_ID,
    BERT_MODEL_REVISION,
    BERT_MODEL_REVISION_FULL,
    INTERNVIDEO2_MODEL_FILE,
    INTERNVIDEO2_MODEL_ID,
    INTERNVIDEO2_MODEL_REVISION,
    INTERNVIDEO2_MODEL_REVISION_FULL,
    ModelIds,
)
from models.families.internvideo2.preprocessing import normalize, squash, strided_frames
from models.families.internvideo2.setup import Setup, compute_dtype
from models.families.internvideo2.wrapper import (
    _create_config,
    _InternVideo2Stage2Wrapper,
    _setup_internvideo2,
)
from models.vectors import as_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BERT_MODEL_ID",
    "BERT_MODEL_REVISION",
    "BERT_MODEL_REVISION_FULL",
    "INTERNVIDEO2_MODEL_FILE",
    "INTERNVIDEO2_MODEL_ID",
    "INTERNVIDEO2_MODEL_REVISION",
    "INTERNVIDEO2_MODEL_REVISION_FULL",
    "InternVideo2MultiModality",
    "_InternVideo2Stage2Wrapper",
    "_create_config",
    "_setup_internvideo2",
]

_logger = logging.getLogger("models")
_PUBLISHED = Setup(InternVideo2Config.full_1b(), Path(), Path())


class InternVideo2MultiModality(EmbeddingMethods):
    """A video-text model of 1 B parameters and its smaller relatives.

    The constructor only stores options; ``setup`` loads. ``from_pretrained`` does both.

    Args:
        model_dir: Folder that holds ``OpenGVLab/InternVideo2-Stage2_1B-224p-f4`` and
            ``google-bert/bert-large-uncased``, or a package folder of any size.
        utils_only: Prepare frames only; the network is never loaded.
        device: Torch device, "auto" for the first accelerator.
        dtype: Number format to compute in: "float32" or "bfloat16"; "auto" is float32, or bfloat16 for
            a large network where that was measured to be faster and as good.
        end_with_sep: Close texts with ``[SEP]``, as the reference class does; the model was trained
            without.

    Example:
        >>> import tempfile
        >>> from models.families.internvideo2.tiny import make_tiny_package
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     package = make_tiny_package(Path(folder) / "tiny")
        ...     model = InternVideo2MultiModality.from_pretrained(package.directory, device="cpu")
        >>> frames = [np.zeros((48, 64, 3), np.uint8)] * 6
        >>> model.encode_video_frames(model.formulate_input_frames(frames)).shape
        torch.Size([1, 32])
    """

    model_id = INTERNVIDEO2_MODEL_ID
    revision = INTERNVIDEO2_MODEL_REVISION_FULL
    num_frames = 4
    embedding_dim = 512
    preprocessing = signature(_PUBLISHED)

    def __init__(
        self,
        model_dir: str | Path,
        utils_only: bool = False,  # noqa: FBT001, FBT002 - the reference's signature
        *,
        device: str = "auto",
        dtype: str = "auto",
        end_with_sep: bool = True,
    ) -> None:
        compute_dtype(dtype)
        self.model_dir = Path(model_dir).expanduser()
        self.utils_only = bool(utils_only)
        self.device = str(device)
        self._asked = replace(_PUBLISHED, device=str(device), dtype=str(dtype), end_with_sep=end_with_sep)
        self._settings: Setup | None = None
        self._model: _InternVideo2Stage2Wrapper | None = None

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str | Path,
        *,
        utils_only: bool = False,
        device: str = "auto",
        dtype: str = "auto",
        end_with_sep: bool = True,
        **_: Any,
    ) -> InternVideo2MultiModality:
        """Load a model of any size from a folder.

        Args:
            model_name_or_path: A folder with ``config.json``, ``model.safetensors`` or a ``.pt`` file,
                and ``vocab.txt``, or one of its weights files; or the published model's folder, as the
                hub lays it out.
            utils_only: Prepare frames only; needs no weights.
            device: Torch device, "auto" for the first accelerator.
            dtype: Number format to compute in: "auto" (float32), "float32" or "bfloat16".
            end_with_sep: Close texts with ``[SEP]``.

        Returns:
            The model, ready to use.

        Raises:
            PackageNotFoundError: If the folder or one of its files is missing.
            CorruptedModelPackageError: If the files do not fit together.
        """
        folder = Path(model_name_or_path).expanduser()
        if not folder.exists():
            raise PackageNotFoundError(f"There is no folder or file {folder}.", next_step="Correct the path.")
        model = cls(folder, utils_only, device=device, dtype=dtype, end_with_sep=end_with_sep)
        model.setup()
        return model

    @classmethod
    def download_weights_on_node(cls, model_dir: str | Path) -> None:
        """Fetch the published weights and BERT's word list, once a machine; what is there is kept.

        Args:
            model_dir: Folder that shall hold both as ``<org>/<name>``.

        Raises:
            ModelRetrievalError: If the hub cannot be reached or asks for an agreement first.
        """
        from models.packages import download_package

        for model_id in repositories_to_fetch(Path(model_dir).expanduser()):
            download_package(model_id, model_dir=model_dir)

    @property
    def model_id_names(self) -> list[str]:
        """Ids of the published weights and of their tokenizer; the list may also be called."""
        return ModelIds([INTERNVIDEO2_MODEL_ID, BERT_MODEL_ID])

    def setup(self) -> None:
        """Read the configuration and, unless ``utils_only``, load the weights; again after ``unload``.

        Raises:
            PackageNotFoundError: If the weights or the word list are missing.
            CorruptedModelPackageError: If the files do not fit together.
        """
        files = locate(self.model_dir)
        asked = replace(self._asked, config=files.config, weights=files.weights, vocabulary=files.vocabulary)
        self._settings = asked
        self.num_frames, self.embedding_dim = files.config.vision.num_frames, files.config.proj_dim
        self.departure = "" if asked.end_with_sep else "texts do not end with [SEP]"
        self.image_mean, self.image_std = files.config.image_mean, files.config.image_std
        self.logit_scale, self.preprocessing = files.config.logit_scale, signature(asked)
        if not files.published and type(self).model_id == self.model_id:
            self.model_id, self.revision = f"local/{self.model_dir.absolute().name}", ""
        if not self.utils_only:
            self._load_network(asked)

    @property
    def _ready(self) -> Setup:
        """What ``setup`` read."""
        if self._settings is None:
            raise NetworkMissingError("InternVideo2 is not set up.", next_step="Call setup() first.")
        return self._settings

    @property
    def _network(self) -> _InternVideo2Stage2Wrapper:
        """The loaded network."""
        if self._model is None:
            step = "Make the model without utils_only." if self.utils_only else "Call setup() first."
            raise NetworkMissingError("InternVideo2 has no network loaded.", next_step=step)
        return self._model

    def _normalize(self, data: np.ndarray) -> np.ndarray:
        """Normalise RGB grey levels, uint8 (..., 3), to float32."""
        config = self._ready.config
        return normalize(np.asarray(data), config.image_mean, config.image_std)

    def _construct_frames(
        self, vid_list: Sequence[np.ndarray], fnum: int = 8, target_size: tuple[int, int] = (224, 224)
    ) -> np.ndarray:
        """Choose, shrink and normalise ``fnum`` frames to (1, fnum, 3, height, width); (0,) if too few.

        ``target_size`` is width and height, as OpenCV has it.
        """
        if not hasattr(vid_list, "__len__"):
            raise ModelInputError(f"A list of frames was expected, {type(vid_list).__name__} came.")
        if len(vid_list) < fnum:
            _logger.error("InternVideo2 needs %d frames of a clip; %d came.", fnum, len(vid_list))
            return np.empty(0, np.float32)
        width, height = target_size
        chosen = squash([vid_list[int(i)] for i in strided_frames(len(vid_list), fnum)], height, width)
        return np.ascontiguousarray(self._normalize(chosen).transpose(0, 3, 1, 2))[None]

    def get_target_num_frames(self) -> int:
        """T, the number of frames that the network sees of a clip."""
        return self._ready.config.vision.num_frames

    def formulate_input_frames(self, frames: Any) -> np.ndarray:
        """Prepare the frames of one clip as the reference does; works with ``utils_only`` too.

        Frames 0, s, 2s, ... are taken with s = number // T, so the tail of a clip may stay unseen;
        ``embed_videos`` covers all of it.

        Args:
            frames: A list or array of RGB uint8 (H, W, 3).

        Returns:
            float32 (1, T, 3, S, S); an empty array of shape (0,) for fewer than T frames.

        Raises:
            ModelInputError: If a frame is not RGB.
        """
        vision = self._ready.config.vision
        return self._construct_frames(frames, vision.num_frames, (vision.img_size, vision.img_size))

    def encode_video_frames(self, iv2_frames: np.ndarray) -> torch.Tensor:
        """Embed what ``formulate_input_frames`` returned, several joined on axis 0.

        Args:
            iv2_frames: float (B, T, 3, S, S), or (B, 1, 3, S, S) for images.

        Returns:
            float32 [B, D], unit rows, on the model's device; an empty tensor for an empty array.

        Raises:
            FrameTypeError: If it is no array of floats.
            FrameShapeError: If the network is built for frames of another shape.
        """
        if not isinstance(iv2_frames, np.ndarray) or iv2_frames.dtype.kind != "f":
            what = getattr(iv2_frames, "dtype", "")
            raise FrameTypeError(
                f"An array of floats was expected, {type(iv2_frames).__name__} {what} came.",
                next_step="Pass what formulate_input_frames returned.",
            )
        if iv2_frames.size == 0:
            return torch.empty(0)
        network, frames = self._network, torch.tensor(iv2_frames, dtype=torch.float32)
        if frames.ndim != 5:
            return network.get_vid_feat(frames)  # which says what is expected
        parts = frames.split(self._clips_per_pass(frames.shape[1]))
        return torch.cat([network.get_vid_feat(part) for part in parts])

    def get_text_embedding(self, text: str | Sequence[str]) -> torch.Tensor:
        """Embed one text, which may be empty, or a list of texts: float32 [P, D], unit rows."""
        return self._network.get_txt_feat(text)

    def evaluate(
        self, video_embd: torch.Tensor, text_embds: Sequence[torch.Tensor]
    ) -> tuple[list[float], list[int]]:
        """Tell which of several texts fits a clip, most likely first.

        Args:
            video_embd: Clip vector [1, D]; of several rows the first is used.
            text_embds: One vector [1, D] per text.

        Returns:
            Probabilities, falling, and for each the index of its text; as many as the list is long.

        Raises:
            ModelInputError: If there is no text.
            FrameShapeError: If there is no clip vector, or its dimension is another one.
        """
        network = self._network
        if len(text_embds) == 0:
            raise ModelInputError("No text to compare with.", next_step="Pass at least one text vector.")
        videos = torch.as_tensor(video_embd)
        texts = [as_rows(text).to(videos.device) for text in text_embds]
        if videos.numel() == 0 or len({rows.shape[1] for rows in texts}) > 1:
            shapes = ", ".join(str(tuple(rows.shape)) for rows in (videos, *texts[:8]))
            raise FrameShapeError(
                f"A clip vector [1, D] and text vectors [1, D] are expected; {shapes} came."
            )
        values, places = network.predict_label(as_rows(videos), torch.cat(texts), top=len(text_embds))
        return values[0].tolist(), places[0].tolist()

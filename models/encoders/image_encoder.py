"""What every model built from an image tower does: pixels in, unit rows out, clips by frame pooling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from models.base import ImageEmbeddingModel
from models.counts import check_count
from models.encoders.number_format import NumberFormat, load_in_best_format
from models.encoders.transfer import fetch, send
from models.errors import InvalidParameterError, ModelInputError, ModelNotReadyError
from models.inputs import as_rgb_clips, as_rgb_images
from models.pending import Pending
from models.vectors import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from models.encoders.parts import EncoderParts
    from models.encoders.preprocessing import ImagePreprocessing

__all__ = ["FRAME_POOLING", "ImageEncoderModel", "torch_dtype"]

FRAME_POOLING = "frame-mean"  # a clip's vector: mean of its frames' unit rows, made a unit row
_FRAMES_ON_PROCESSOR = 16  # in one pass: 8 to 16 were fastest (more costs page faults), and memory grows
_FRAMES_ON_ACCELERATOR = 128
_CLIPS_PER_GROUP = 32  # how many clips of a long list are held as pixels at a time
_DTYPES = {"auto": torch.float32} | {str(t)[6:]: t for t in (torch.float32, torch.bfloat16, torch.float16)}


def torch_dtype(name: Any) -> torch.dtype:
    """Read the number format to compute in.

    Args:
        name: "auto" (float32), "float32", "bfloat16", "float16", or the torch dtype.

    Returns:
        The torch dtype.

    Raises:
        InvalidParameterError: If it is another one.

    Example:
        >>> torch_dtype("auto"), torch_dtype(torch.bfloat16)
        (torch.float32, torch.bfloat16)
    """
    found = _DTYPES.get(str(name).removeprefix("torch."))
    if found is None:
        raise InvalidParameterError(f"dtype {name!r} is unknown; it is one of {', '.join(_DTYPES)}.")
    return found


class ImageEncoderModel(ImageEmbeddingModel):
    """An image tower as a model: images, and clips by frame pooling.

    A family writes ``_load``; the constructor only stores options, ``setup`` loads.

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "float32", "bfloat16" or "float16"; "auto" is float32, or bfloat16 for a large network
            where that was measured to be faster and as good. Vectors are float32 always.
        num_frames: T, how many frames the workbench takes of a clip.
        compile: Let ``torch.compile`` make the towers faster: takes 10 to 60 s when they are first
            used, and again for some shapes; where it fails, they run as they are.

    Attributes:
        dtype: Number format that the network computes in.
        dtype_reason: Why it is that one.
    """

    num_frames: int = 8
    pooling: str = FRAME_POOLING
    dtype: str = "float32"
    dtype_reason: str = ""

    def __init__(
        self,
        model_dir: str | Path | None = None,
        *,
        device: str = "cpu",
        dtype: Any = "auto",
        num_frames: int | None = None,
        compile: bool = False,  # noqa: A002 - torch's own word for it
    ) -> None:
        check_count("num_frames", num_frames, None)
        self.model_dir = None if model_dir is None else Path(model_dir).expanduser()
        self.device = str(device)
        self.num_frames = num_frames or type(self).num_frames
        self._asked_dtype = str(dtype).removeprefix("torch.")
        self._dtype = torch_dtype(dtype)  # what ``_load`` loads in
        self._compile = bool(compile)
        self._parts: EncoderParts | None = None
        self._model: Any = None
        self._image_preprocessing: ImagePreprocessing | None = None

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str | Path,
        *,
        device: str = "cpu",
        dtype: Any = "auto",
        num_frames: int | None = None,
        compile: bool = False,  # noqa: A002 - torch's own word for it
    ) -> Self:
        """Load a package folder; nothing is fetched from a network.

        Args:
            model_name_or_path: The folder.
            device: Torch device to compute on.
            dtype: "auto", "float32", "bfloat16" or "float16".
            num_frames: T, how many frames the workbench takes of a clip.
            compile: Let ``torch.compile`` make the towers faster.

        Returns:
            The model, ready to use.

        Raises:
            PackageNotFoundError: If the folder or a file of it is missing.
            CorruptedModelPackageError: If the files are damaged, do not fit together, or are
                of another kind of model.
        """
        model = cls(model_name_or_path, device=device, dtype=dtype, num_frames=num_frames, compile=compile)
        model.setup()
        return model

    @classmethod
    def from_parts(cls, parts: EncoderParts, *, num_frames: int | None = None) -> Self:
        """Wrap parts that are in memory, without any file.

        Args:
            parts: What ``setup`` would have loaded.
            num_frames: T, how many frames the workbench takes of a clip.

        Returns:
            The model, ready to use; after ``unload`` it cannot be set up again.
        """
        model = cls(device=parts.towers.device, num_frames=num_frames)
        model._adopt(parts)
        return model

    def _load(self, folder: Path) -> EncoderParts:
        """Load everything from a folder onto ``self.device`` in ``self._dtype``; a family writes this."""
        raise ModelNotReadyError(
            f"{type(self).__name__} cannot load {folder}: it only wraps parts that are in memory.",
            next_step="Use from_parts, or a class whose _load reads the folder.",
        )

    def setup(self) -> None:
        """Load the weights from ``model_dir``; again after ``unload``."""
        if self.model_dir is None:
            raise ModelNotReadyError(
                f"{type(self).__name__} has no folder to load from.",
                next_step="Give it model_dir; a model from parts is built anew with from_parts.",
            )
        found = self._fixed_format(self.model_dir)
        if found is None:
            found = load_in_best_format(self, self.model_dir, self._load_in)
        else:
            self._load_in(found.dtype)
        self.dtype, self.dtype_reason = found.dtype, found.reason

    def _fixed_format(self, folder: Path) -> NumberFormat | None:  # noqa: ARG002 - exported packages say it
        """The number format, where there is nothing to choose; None where the best one is wanted."""
        return None if self._asked_dtype == "auto" else NumberFormat(self._asked_dtype, "as asked for")

    def _load_in(self, dtype: str) -> None:
        """Load from ``model_dir`` in a number format, in place of what is loaded."""
        if self._parts is not None:  # never two networks in memory
            self._parts.towers.unload()
            self._parts = self._model = None
        self._dtype = torch_dtype(dtype)
        self._adopt(self._load(Path(self.model_dir or "")))

    def _adopt(self, parts: EncoderParts) -> None:
        """Take parts over, and what they say about the model."""
        if self._compile:
            getattr(parts.towers, "compile", lambda: None)()
        self._parts = parts
        self._model = getattr(parts.towers, "network", parts.towers)
        self._image_preprocessing = parts.preprocessing
        signature = parts.preprocessing.signature
        self.preprocessing = f"{signature}|{self.pooling}" if self.pooling else signature
        self.embedding_dim = parts.embedding_dim
        self.score_kind = parts.score_kind
        self.logit_scale, self.logit_bias = parts.logit_scale, parts.logit_bias

    def unload(self) -> None:
        """Drop the network and give its memory back; ``setup`` loads it again."""
        if self._parts is not None:
            self._parts.towers.unload()
        self._parts = None
        super().unload()

    @property
    def parts(self) -> EncoderParts:
        """The loaded parts.

        Raises:
            ModelNotReadyError: If there are none.
        """
        if self._parts is None:
            raise ModelNotReadyError(
                f"{type(self).__name__} has no weights loaded.", next_step="Call setup() first."
            )
        return self._parts

    @property
    def image_preprocessing(self) -> ImagePreprocessing:
        """How frames become pixels; stays after ``unload``.

        Raises:
            ModelNotReadyError: If the model was never set up.
        """
        if self._image_preprocessing is None:
            raise ModelNotReadyError(
                f"{type(self).__name__} has not read its preprocessing yet.", next_step="Call setup() first."
            )
        return self._image_preprocessing

    def preprocess_clip(self, frames: Any) -> torch.Tensor:
        """Resize and crop the frames of one clip; safe to call from threads.

        Args:
            frames: RGB uint8 (T, H, W, 3), any T from 1.

        Returns:
            uint8 (T, 3, h, w) on the CPU.
        """
        return self.image_preprocessing(frames)

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        """Embed clips that went through ``preprocess_clip``: float32 [N, D] on the CPU, unit rows.

        A clip's row is the mean of its frames' unit rows, made a unit row again.
        """
        return self._start(batch).result()

    def embed_preprocessed_async(self, batch: list[Any]) -> Pending:
        """Start to embed clips that went through ``preprocess_clip``.

        On CUDA this returns while the accelerator computes, so that the next batch can be prepared.

        Args:
            batch: What ``preprocess_clip`` gave, one per clip.

        Returns:
            What ``embed_preprocessed`` returns, to be waited for with ``result()``.
        """
        if type(self).embed_preprocessed is not ImageEncoderModel.embed_preprocessed:
            return super().embed_preprocessed_async(batch)  # a batch step of a subclass's own
        return self._start(batch)

    def _start(self, batch: list[Any]) -> Pending:
        """Send the pixels of all clips, start all passes and the way back of all rows."""
        if len(batch) == 0:
            raise ModelInputError("An empty batch has nothing to embed.", next_step="Pass at least one clip.")
        towers, normalise = self.parts.towers, self.image_preprocessing.normalise
        at_once = _FRAMES_ON_PROCESSOR if self.device == "cpu" else _FRAMES_ON_ACCELERATOR
        with torch.inference_mode():
            passes = send(batch, self.device).split(at_once)
            rows = torch.cat([towers.encode_images(normalise(pixels)).float() for pixels in passes])
            landed = fetch(rows)
        lengths = [len(clip) for clip in batch]
        return Pending(lambda: _pooled(landed(), lengths))

    def embed_images(self, images: Any) -> torch.Tensor:
        """Embed images: float32 [N, D] on the CPU, unit rows in order."""
        return self._embed_all([image[None] for image in as_rgb_images(images)])

    def embed_videos(self, videos: Any) -> torch.Tensor:
        """Embed clips by frame pooling; every frame that comes is looked at.

        Args:
            videos: A list of clips, each RGB uint8 (T, H, W, 3), any T from 1.

        Returns:
            float32 [N, D] on the CPU, unit rows in order.
        """
        return self._embed_all(as_rgb_clips(videos))

    def _embed_all(self, clips: list[np.ndarray]) -> torch.Tensor:
        """Preprocess and embed a list of any length."""
        return torch.cat([self.embed_preprocessed(group) for group in self._groups(clips)])

    def _groups(self, clips: list[np.ndarray]) -> Iterator[list[torch.Tensor]]:
        """Preprocessed clips in groups, so that a long list is never held as pixels."""
        for start in range(0, len(clips), _CLIPS_PER_GROUP):
            yield [self.preprocess_clip(clip) for clip in clips[start : start + _CLIPS_PER_GROUP]]


def _pooled(rows: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """One unit row per clip: the mean of its frames' unit rows."""
    return unit_rows(torch.stack([part.mean(dim=0) for part in unit_rows(rows).split(lengths)]))

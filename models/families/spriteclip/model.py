"""SpriteCLIP as the workbench uses it: clips, images and texts in, unit vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.base import VideoTextEmbeddingModel
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelInputError,
    ModelNotReadyError,
    PackageNotFoundError,
)
from models.families.spriteclip.network import DualEncoder, NetworkConfig
from models.families.spriteclip.preprocessing import NUM_FRAMES, PREPROCESSING, to_network_input
from models.families.spriteclip.tokenizer import Tokenizer, pad
from models.inputs import as_rgb_clips, as_rgb_frames, as_rgb_images, as_texts
from models.json_text import read_json

__all__ = ["SpriteCLIP"]

_CHUNK = 32  # clips in one pass: bounds memory, and larger is not faster
_DTYPES = {"auto": torch.float32} | {str(t)[6:]: t for t in (torch.float32, torch.bfloat16, torch.float16)}
_WEIGHTS, _CONFIG, _WORDS = "model.safetensors", "config.json", "vocab.json"


class SpriteCLIP(VideoTextEmbeddingModel):
    """A dual encoder for rendered shapes that move.

    The constructor only stores options; ``setup`` loads. ``from_pretrained`` does both.

    Args:
        model_dir: Folder with ``model.safetensors``, ``config.json`` and ``vocab.json``; None
            is the one that ships with the project.
        device: Torch device to compute on.
        dtype: "auto" (float32), "float32", "bfloat16" or "float16".

    Example:
        >>> model = SpriteCLIP.from_pretrained()
        >>> rows = model.embed_text(["a red circle", "a blue star spinning"])
        >>> rows.shape, model.unknown_words("a red giraffe")
        (torch.Size([2, 256]), ['giraffe'])
    """

    model_id = "workbench/spriteclip-tiny"
    num_frames = NUM_FRAMES
    preprocessing = PREPROCESSING
    embedding_dim = 256

    def __init__(
        self, model_dir: str | Path | None = None, *, device: str = "cpu", dtype: str = "auto"
    ) -> None:
        if str(dtype).removeprefix("torch.") not in _DTYPES:
            raise InvalidParameterError(f"dtype {dtype!r} is unknown; it is one of {', '.join(_DTYPES)}.")
        self.model_dir = Path(model_dir) if model_dir is not None else Path(__file__).parent / "weights"
        self.device = str(device)
        self._dtype = _DTYPES[str(dtype).removeprefix("torch.")]
        self.dtype = str(self._dtype).removeprefix("torch.")
        self.dtype_reason = (
            "as asked for" if str(dtype) != "auto" else "a small model gains nothing from others"
        )
        self._model: DualEncoder | None = None
        self._tokenizer: Tokenizer | None = None

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str | Path | None = None,
        *,
        device: str = "cpu",
        dtype: str = "auto",
        **_: Any,
    ) -> SpriteCLIP:
        """Load a package folder.

        Args:
            model_name_or_path: The folder; None is the one that ships with the project.
            device: Torch device to compute on.
            dtype: "auto" (float32), "float32", "bfloat16" or "float16".

        Returns:
            The model, ready to use.

        Raises:
            PackageNotFoundError: If the folder or one of its files is missing.
            CorruptedModelPackageError: If the weights do not fit the configuration.
        """
        model = cls(model_name_or_path, device=device, dtype=dtype)
        model.setup()
        return model

    @classmethod
    def from_network(cls, network: DualEncoder, tokenizer: Tokenizer) -> SpriteCLIP:
        """Wrap a network that is in memory, trained or not, without any file.

        Example:
            >>> tokenizer = Tokenizer()
            >>> network = DualEncoder(NetworkConfig(num_tokens=len(tokenizer.tokens)))
            >>> SpriteCLIP.from_network(network, tokenizer).embed_text("a ring").shape
            torch.Size([1, 256])
        """
        model = cls()
        model._adopt(network, tokenizer)
        return model

    def setup(self) -> None:
        """Load the weights from ``model_dir``; again after ``unload``."""
        for name in (_WEIGHTS, _CONFIG, _WORDS):
            if not (self.model_dir / name).is_file():
                raise PackageNotFoundError(
                    f"SpriteCLIP's {name} is missing in {self.model_dir}.",
                    next_step="Restore the folder, or train it: python -m models.families.spriteclip.train.",
                )
        from safetensors.torch import load_file

        try:
            config = NetworkConfig.from_dict(read_json(self.model_dir / _CONFIG))
            network = DualEncoder(config)
            network.load_state_dict(load_file(self.model_dir / _WEIGHTS))
            tokenizer = Tokenizer.load(self.model_dir / _WORDS)
        except Exception as error:  # whatever a damaged file makes a reader raise
            raise CorruptedModelPackageError(
                f"SpriteCLIP's files in {self.model_dir} do not fit together: {error}",
                next_step="Put a fresh copy of the package there.",
            ) from error
        self._adopt(network, tokenizer)

    def _adopt(self, network: DualEncoder, tokenizer: Tokenizer) -> None:
        """Make a network ready for inference."""
        network = network.to(self.device, self._dtype).eval()
        network.to(memory_format=torch.channels_last)  # ty: ignore[no-matching-overload]  (missing in the stub)
        self._model, self._tokenizer = network.requires_grad_(requires_grad=False), tokenizer
        self.embedding_dim, self.logit_scale = network.config.embedding_dim, network.logit_scale

    def unload(self) -> None:
        """Drop the network and its words; ``setup`` loads them again."""
        self._tokenizer = None
        super().unload()

    @property
    def _network(self) -> DualEncoder:
        """The loaded network."""
        if self._model is None:
            raise ModelNotReadyError("SpriteCLIP has no weights loaded.", next_step="Call setup() first.")
        return self._model

    @property
    def _words(self) -> Tokenizer:
        """The loaded word list."""
        if self._tokenizer is None:
            raise ModelNotReadyError("SpriteCLIP has no weights loaded.", next_step="Call setup() first.")
        return self._tokenizer

    def unknown_words(self, text: str) -> list[str]:
        """Words of a text that the model does not know, in order.

        Args:
            text: A prompt.

        Returns:
            Lower-case words, each once; empty when all are known.
        """
        return self._words.unknown_words(text)

    def preprocess_clip(self, frames: Any) -> torch.Tensor:
        """Sample 8 frames and shrink them; safe to call from threads.

        Args:
            frames: RGB uint8 (T, H, W, 3), any T from 1.

        Returns:
            uint8 (8, h, w, 3) on the CPU; h x w is one of three sizes of equal area.
        """
        return to_network_input(as_rgb_frames(frames))

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        """Embed clips that went through ``preprocess_clip``: float32 [N, D], unit rows."""
        rows = torch.empty(len(batch), self._network.config.embedding_dim)
        by_size: dict[tuple[int, ...], list[int]] = {}
        for place, clip in enumerate(batch):
            by_size.setdefault(tuple(clip.shape), []).append(place)
        for places in by_size.values():
            for start in range(0, len(places), _CHUNK):
                chunk = places[start : start + _CHUNK]
                rows[chunk] = self._encode(torch.stack([batch[place] for place in chunk]))
        return rows

    @torch.inference_mode()
    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unit rows of clips of one picture size, on the CPU."""
        return self._network.encode_video(pixels.to(self.device)).float().cpu()

    def embed_videos(self, videos: Any) -> torch.Tensor:
        """Embed clips of any number of frames; the whole of each is covered by 8 frames.

        Args:
            videos: A list of clips, each RGB uint8 (T, H, W, 3).

        Returns:
            float32 [N, 256], unit rows in order.
        """
        return self.embed_preprocessed([to_network_input(clip) for clip in as_rgb_clips(videos)])

    def embed_images(self, images: Any) -> torch.Tensor:
        """Embed images as clips in which nothing moves: float32 [N, 256], unit rows."""
        return self.embed_preprocessed([to_network_input(image[None]) for image in as_rgb_images(images)])

    @torch.inference_mode()
    def embed_text(self, texts: Any) -> torch.Tensor:
        """Embed one text or a list of texts: float32 [P, 256], unit rows in order.

        Unknown words are skipped over; ``unknown_words`` names them.
        """
        numbers = [self._words.encode(text) for text in as_texts(texts)]
        # one length for all, so that a text's row is the same whatever stands beside it
        width = self._network.config.max_tokens
        padded = pad([*numbers, [0] * width])[:-1]
        parts = [self._network.encode_text(part.to(self.device)) for part in padded.split(256)]
        return torch.cat(parts).float().cpu()

    def formulate_input_frames(self, frames: Any) -> np.ndarray:
        """Choose and shrink the model's 8 frames: float32 (1, 8, 3, h, w) in 0..1."""
        pixels = self.preprocess_clip(frames).permute(0, 3, 1, 2)
        return (pixels.float() / 255.0).numpy()[None]

    def encode_video_frames(self, iv2_frames: Any) -> torch.Tensor:
        """Embed what ``formulate_input_frames`` returned (several joined on axis 0): [N, D]."""
        frames = torch.as_tensor(np.asarray(iv2_frames))
        if frames.ndim != 5 or tuple(frames.shape[1:3]) != (NUM_FRAMES, 3):
            raise ModelInputError(
                f"Frames of shape {tuple(frames.shape)} came; (N, {NUM_FRAMES}, 3, h, w) is expected.",
                next_step="Pass what formulate_input_frames returned.",
            )
        pixels = (frames * 255.0).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
        return self.embed_preprocessed(list(pixels.contiguous()))

    def get_text_embedding(self, text: str) -> torch.Tensor:
        """Embed one text: float32 [1, D]."""
        return self.embed_text([text])

"""X-CLIP through transformers: clips of a fixed number of frames, images and texts in one space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from models.encoders.dual_encoder import DualEncoderModel, EncoderParts
from models.encoders.transfer import fetch, send
from models.encoders.transformers_loading import (
    HubTokens,
    TransformersTowers,
    check_picture_size,
    feature_rows,
    load_network,
    load_tokenizer,
    read_preprocessing,
)
from models.errors import CorruptedModelPackageError, InvalidParameterError, ModelInputError
from models.inputs import as_rgb_clips, as_rgb_frames, as_texts
from models.vectors import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["XCLIPEmbedder"]

_CLIPS_PER_PASS = 4


class XCLIPEmbedder(DualEncoderModel):
    """An X-CLIP checkpoint: frames of one clip look at each other; softmax scores.

    A clip's vector is the network's video vector, a text's vector the network's text vector
    *before* it is adapted to a video, since a vector that is stored must not depend on what it
    will be compared with. ``conditioned_logits`` gives the scores of the whole network.

    T, the number of frames, is the checkpoint's own (8 or 16). Of a longer clip the middles of
    T equal parts are looked at; a shorter one repeats frames; an image is T equal frames.

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "float32", "bfloat16" or "float16"; "auto" is the faster one that is as good.
        num_frames: T, only to state it: another number than the checkpoint's is refused.
        compile: Let ``torch.compile`` make the towers faster.

    Example:
        >>> from models.families.xclip.tiny import make_tiny_package
        >>> model = XCLIPEmbedder.from_pretrained(make_tiny_package("tiny-xclip").directory)
        >>> model.embed_text(["a red ball", "a cat"]).shape, model.num_frames
        (torch.Size([2, 24]), 8)
    """

    pooling = "xclip-frames"  # the network's own: frames exchange messages and are integrated

    def __init__(
        self,
        model_dir: str | Path | None = None,
        *,
        device: str = "cpu",
        dtype: Any = "auto",
        num_frames: int | None = None,
        compile: bool = False,  # noqa: A002 - torch's own word for it
    ) -> None:
        super().__init__(model_dir, device=device, dtype=dtype, num_frames=num_frames, compile=compile)
        self._stated_frames = num_frames

    @classmethod
    def _read_tokens(cls, folder: Path, *, max_length: int, vocab_size: int) -> HubTokens:
        """Read the tokenizer of a package folder."""
        from transformers import CLIPTokenizer

        return load_tokenizer(CLIPTokenizer, folder, max_length=max_length, vocab_size=vocab_size)

    def _load(self, folder: Path) -> EncoderParts:
        """Load tokenizer, preprocessing and the network."""
        from transformers import XCLIPModel

        network = load_network(XCLIPModel, folder, model_types=("xclip",))
        text, vision = network.config.text_config, network.config.vision_config
        self._take_frames(vision.num_frames)
        preprocessing = read_preprocessing(folder, "VideoMAEImageProcessor")
        check_picture_size(folder, preprocessing, vision.image_size)
        tokenizer = self._read_tokens(
            folder, max_length=text.max_position_embeddings, vocab_size=text.vocab_size
        )
        _check_end_mark(folder, tokenizer)
        return EncoderParts(
            preprocessing=preprocessing,
            tokenizer=tokenizer,
            embedding_dim=network.config.projection_dim,
            logit_scale=float(network.logit_scale.exp()),
            towers=TransformersTowers(network, device=self.device, dtype=self._dtype, images=_clip_rows),
        )

    def _take_frames(self, num_frames: int) -> None:
        """Take T from the checkpoint; whoever stated another one is told."""
        if self._stated_frames not in (None, num_frames):
            raise InvalidParameterError(
                f"This X-CLIP reads {num_frames} frames of a clip; {self._stated_frames} were asked for.",
                next_step="Leave num_frames out, or take a checkpoint made for that number.",
            )
        self.num_frames = num_frames

    def preprocess_clip(self, frames: Any) -> torch.Tensor:
        """Choose T frames of one clip, resize and crop them; safe to call from threads.

        Args:
            frames: RGB uint8 (N, H, W, 3), any N from 1.

        Returns:
            uint8 (T, 3, h, w) on the CPU.
        """
        clip = as_rgb_frames(frames)
        middles = (2 * np.arange(self.num_frames) + 1) * len(clip) // (2 * self.num_frames)
        wanted, places = np.unique(middles, return_inverse=True)
        return self.image_preprocessing(clip[wanted])[torch.from_numpy(places)]

    def embed_videos(self, videos: Any) -> torch.Tensor:
        """Embed clips by the network's own video vector, from T frames of each.

        Args:
            videos: A list of clips, each RGB uint8 (N, H, W, 3), any N from 1.

        Returns:
            float32 [N, D] on the CPU, unit rows in order.
        """
        return super().embed_videos(videos)

    def embed_images(self, images: Any) -> torch.Tensor:
        """Embed images as clips in which nothing moves: float32 [N, D] on the CPU, unit rows in order."""
        return super().embed_images(images)

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        """Embed clips that went through ``preprocess_clip``: float32 [N, D] on the CPU, unit rows."""
        towers = self.parts.towers
        with torch.inference_mode():
            rows = torch.cat([towers.encode_images(pixels).float() for pixels in self._passes(batch)])
        return unit_rows(fetch(rows)())

    def conditioned_logits(self, videos: Any, texts: Any) -> torch.Tensor:
        """Score clips against texts with the whole network: each text is adapted to each clip first.

        Args:
            videos: A list of clips, each RGB uint8 (N, H, W, 3).
            texts: One text or a list of texts.

        Returns:
            float32 [N, P] on the CPU, the network's ``logits_per_video``; a softmax over a row
            gives probabilities.
        """
        input_ids, mask = (part.to(self.device) for part in self.tokenizer(as_texts(texts)))
        network = self._network
        clips = as_rgb_clips(videos)
        batches = self._passes([self.preprocess_clip(clip) for clip in clips])
        with torch.inference_mode():
            logits = [
                network(input_ids=input_ids, attention_mask=mask, pixel_values=pixels.to(network.dtype))
                for pixels in batches
            ]
        return torch.cat([found.logits_per_video.float().cpu() for found in logits])

    @property
    def _network(self) -> Any:
        """The network of transformers itself."""
        towers = self.parts.towers
        if not isinstance(towers, TransformersTowers):
            raise ModelInputError(
                "Scores of the whole network need the network of transformers, not an exported package.",
                next_step="Load the package of the backend hugging-face.",
            )
        return towers.network

    def _passes(self, batch: list[Any]) -> Iterator[torch.Tensor]:
        """Normalised pixels [n, T, 3, h, w] of a few clips at a time, on the device."""
        if len(batch) == 0:
            raise ModelInputError("An empty batch has nothing to embed.", next_step="Pass at least one clip.")
        sent = send(batch, self.device).unflatten(0, (len(batch), -1))
        for part in sent.split(_CLIPS_PER_PASS):
            pixels = self.image_preprocessing.normalise(part.flatten(0, 1))
            yield pixels.unflatten(0, part.shape[:2])


def _clip_rows(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Rows of clips [n, T, 3, h, w]."""
    return feature_rows(network.get_video_features(pixel_values=pixels))


def _check_end_mark(folder: Path, tokenizer: HubTokens) -> None:
    """See that a text ends with its largest number: there the network reads the text's vector."""
    numbers, mask = tokenizer(["a"])
    if int(numbers[0].argmax()) != int(mask[0].sum()) - 1:
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} does not end a text with the largest token number, as X-CLIP needs.",
            next_step="Put a fresh copy of the package there.",
        )

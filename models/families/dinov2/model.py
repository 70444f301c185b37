"""DINOv2 through transformers: images and clips in, no texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.encoders.image_encoder import ImageEncoderModel
from models.encoders.parts import EncoderParts
from models.encoders.transformers_loading import (
    TransformersTowers,
    load_network,
    read_config,
    read_preprocessing,
)

if TYPE_CHECKING:
    from pathlib import Path

    import torch

__all__ = ["DINOv2Embedder"]


class DINOv2Embedder(ImageEncoderModel):
    """A DINOv2 checkpoint, with registers or without: images, and clips by frame pooling; it knows no texts.

    An image's vector is the CLS token after the last layer norm, which is the ``pooler_output``
    of transformers' ``Dinov2Model`` and the feature of the reference implementation.

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "float32", "bfloat16" or "float16"; "auto" is the faster one that is as good.
        num_frames: T, how many frames the workbench takes of a clip.

    Example:
        >>> from models.families.dinov2.tiny import make_tiny_package
        >>> model = DINOv2Embedder.from_pretrained(make_tiny_package("tiny-dinov2").directory)
        >>> import numpy as np
        >>> model.embed_images(np.zeros((48, 64, 3), np.uint8)).shape
        torch.Size([1, 32])
    """

    def _load(self, folder: Path) -> EncoderParts:
        """Load preprocessing and network."""
        from transformers import Dinov2Model, Dinov2WithRegistersModel

        kinds = {"dinov2": Dinov2Model, "dinov2_with_registers": Dinov2WithRegistersModel}
        kind = read_config(folder, tuple(kinds))["model_type"]
        network = load_network(kinds[kind], folder, model_types=(kind,))
        return EncoderParts(
            preprocessing=read_preprocessing(folder, "BitImageProcessor"),
            embedding_dim=network.config.hidden_size,
            towers=TransformersTowers(network, device=self.device, dtype=self._dtype, images=_class_token),
        )


def _class_token(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """CLS token after the last layer norm."""
    return network(pixel_values=pixels).last_hidden_state[:, 0]

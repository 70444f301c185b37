"""CLIP through transformers: the checkpoints of OpenAI, LAION and all others in that format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.dual_encoder import DualEncoderModel, EncoderParts
from models.transformers_loading import (
    TransformersTowers,
    load_network,
    load_tokenizer,
    read_preprocessing,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CLIPEmbedder"]


class CLIPEmbedder(DualEncoderModel):
    """A CLIP checkpoint: images, texts, and clips by frame pooling; softmax scores.

    Layers, heads, activation and sizes come from the package's ``config.json``; texts are padded
    to the length of the text tower (77 for the published ones).

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "auto" (float32), "float32", "bfloat16" or "float16".
        num_frames: T, how many frames the workbench takes of a clip.

    Example:
        >>> from models.families.clip.tiny import make_tiny_package
        >>> model = CLIPEmbedder.from_pretrained(make_tiny_package("tiny-clip").directory)
        >>> model.embed_text(["a red ball", "a cat"]).shape, model.score_kind
        (torch.Size([2, 24]), 'softmax')
    """

    def _load(self, folder: Path) -> EncoderParts:
        """Load tokenizer, preprocessing and both towers."""
        from transformers import CLIPModel, CLIPTokenizer

        network = load_network(CLIPModel, folder, model_types=("clip",))
        text = network.config.text_config
        return EncoderParts(
            preprocessing=read_preprocessing(folder, "CLIPImageProcessor"),
            tokenizer=load_tokenizer(
                CLIPTokenizer, folder, max_length=text.max_position_embeddings, vocab_size=text.vocab_size
            ),
            embedding_dim=network.config.projection_dim,
            logit_scale=float(network.logit_scale.exp()),
            towers=TransformersTowers(network, device=self.device, dtype=self._dtype),
        )

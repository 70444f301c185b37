"""SigLIP 2 through transformers: checkpoints of fixed resolution, and those of any aspect ratio (NaFlex)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from models.encoders.filled_tokens import Words
from models.encoders.sigmoid_encoder import SigmoidEncoderModel
from models.encoders.transformers_loading import load_network, read_config
from models.families.siglip2.naflex import read_patches

if TYPE_CHECKING:
    from pathlib import Path

    from models.encoders.dual_encoder import EncoderParts
    from models.pending import Pending

__all__ = ["Siglip2Embedder", "small_letters"]

_TYPES = ("siglip", "siglip2")  # what checkpoints of fixed resolution, and of NaFlex, call themselves


def small_letters(text: str) -> str:
    """Write a text as SigLIP 2's were in training: small letters, everything else kept.

    Letters are changed one by one, as the tokenizer of transformers does it, whatever stands
    beside them (Python's own ``lower`` treats a Greek sigma at the end of a word apart).

    Args:
        text: A text.

    Returns:
        The text as it is read.

    Example:
        >>> small_letters("Ein ROTER Ball, 3 x!")
        'ein roter ball, 3 x!'
    """
    return "".join(letter.lower() for letter in text)


class Siglip2Embedder(SigmoidEncoderModel):
    """A SigLIP 2 checkpoint: SigLIP's towers, Gemma's vocabulary of many languages.

    Those of fixed resolution stretch a picture to a square; those named "naflex" keep its aspect
    ratio and look at as many patches as their preprocessing allows (256).

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "float32", "bfloat16" or "float16"; "auto" is the faster one that is as good.
        num_frames: T, how many frames the workbench takes of a clip.

    Example:
        >>> from models.families.siglip2.tiny import make_tiny_package
        >>> model = Siglip2Embedder.from_pretrained(make_tiny_package("tiny-siglip2").directory)
        >>> model.embed_text(["ein roter Ball", "un ballon rouge"]).shape, model.score_kind
        (torch.Size([2, 32]), 'sigmoid')
    """

    words = Words(
        "SigLIP 2",
        end="<eos>",
        filling="<pad>",
        clean=small_letters,
        is_other=lambda vocab: "<eos>" not in vocab and "</s>" in vocab,  # SentencePiece's, of SigLIP
        ends_itself=("",),
    )

    def _load(self, folder: Path) -> EncoderParts:
        """Load tokenizer, preprocessing and both towers, of either kind."""
        if read_config(folder, _TYPES)["model_type"] == "siglip":
            return super()._load(folder)
        from transformers import Siglip2Model

        network = load_network(Siglip2Model, folder, model_types=("siglip2",))
        patches = read_patches(folder, network.config.vision_config.patch_size)
        return self._joined(folder, network, patches, images=patches.encode)

    def embed_preprocessed_async(self, batch: list[Any]) -> Pending:
        """Start to embed clips; those of many sizes are embedded before this returns."""
        one_size = len({tuple(clip.shape[2:]) for clip in batch}) < 2
        return self._start(batch) if one_size else super().embed_preprocessed_async(batch)

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        """Embed clips that went through ``preprocess_clip``, of one size or of many: [N, D], unit rows."""
        sizes = sorted({tuple(clip.shape[2:]) for clip in batch})
        if len(sizes) < 2:
            return super().embed_preprocessed(batch)
        rows = torch.empty(len(batch), self.parts.embedding_dim or 0)
        for size in sizes:
            places = [i for i, clip in enumerate(batch) if tuple(clip.shape[2:]) == size]
            rows[places] = super().embed_preprocessed([batch[i] for i in places])
        return rows

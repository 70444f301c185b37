"""What a family loads: the network behind a model, its tokenizer, its preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    from models.encoders.preprocessing import ImagePreprocessing

__all__ = ["EncoderParts", "TextTokens", "Towers"]


@runtime_checkable
class Towers(Protocol):
    """The network behind a model, whatever runs it. Rows may have any length and float dtype."""

    device: str

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode normalised pixels float32 [N, 3, h, w] on any device: [N, D]."""
        ...

    def encode_text(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode token numbers int64 [P, L] with their mask: [P, D]."""
        ...

    def unload(self) -> None:
        """Drop the network."""
        ...


class TextTokens(Protocol):
    """How texts become token numbers."""

    max_length: int

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token numbers and mask, both int64 [P, L] with one L for every call."""
        ...

    def cut_off(self, text: str) -> str:
        """The end of a text that does not fit; "" when all of it does."""
        ...


@dataclass(frozen=True)
class EncoderParts:
    """What a family loads: everything the shared model needs.

    Args:
        preprocessing: From frames to pixels.
        towers: The network.
        tokenizer: From texts to token numbers; None for a model without a text side.
        embedding_dim: D; None = known after the first vector.
        logit_scale: Similarity * scale + bias = logit.
        logit_bias: See there.
        score_kind: "softmax" or "sigmoid".
    """

    preprocessing: ImagePreprocessing
    towers: Towers
    tokenizer: TextTokens | None = None
    embedding_dim: int | None = None
    logit_scale: float = 100.0
    logit_bias: float = 0.0
    score_kind: str = "softmax"

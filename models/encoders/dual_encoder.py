"""A model of two towers, images and texts in one space, whatever network runs behind it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

from models.base import VideoTextEmbeddingModel
from models.encoders.image_encoder import FRAME_POOLING, ImageEncoderModel
from models.encoders.parts import EncoderParts, TextTokens, Towers
from models.errors import ModelNotReadyError
from models.inputs import as_texts
from models.vectors import unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FRAME_POOLING", "DualEncoderModel", "EncoderParts", "TextTokens", "Towers"]

_TEXTS_PER_PASS = 64
_logger = logging.getLogger("models")


class DualEncoderModel(ImageEncoderModel, VideoTextEmbeddingModel):
    """Images, clips and texts in one space; a family writes ``_load`` and nothing else.

    Clips are embedded by frame pooling: the mean of the frames' unit rows, made a unit row.
    That is part of the embedding space (``preprocessing``).
    """

    @property
    def tokenizer(self) -> TextTokens:
        """How texts become token numbers.

        Raises:
            ModelNotReadyError: If the model is not loaded, or has no text side.
        """
        tokenizer = self.parts.tokenizer
        if tokenizer is None:
            raise ModelNotReadyError(f"{type(self).__name__} was loaded without a tokenizer.")
        return tokenizer

    @property
    def text_length(self) -> int:
        """Number of tokens that the text tower reads, marks included."""
        return self.tokenizer.max_length

    def cut_off(self, text: str) -> str:
        """The end of a text that the model does not read because the text is too long.

        Args:
            text: A prompt.

        Returns:
            The unread rest; "" when all of it is read.
        """
        return self.tokenizer.cut_off(text)

    def embed_text(self, texts: Any) -> torch.Tensor:
        """Embed one text or a list of texts.

        Every text is padded to the length that the model was trained with, so its row does not
        depend on the texts beside it. What does not fit is not read; ``cut_off`` names it, and
        a warning goes to the log of "models".

        Args:
            texts: One text or a list of texts.

        Returns:
            float32 [P, D] on the CPU, unit rows in order.
        """
        known, towers = as_texts(texts), self.parts.towers
        input_ids, mask = self.tokenizer(known)
        self._say_what_is_cut([text for text, full in zip(known, mask.all(dim=1), strict=True) if full])
        with torch.inference_mode():
            rows = [
                towers.encode_text(ids.to(self.device), seen.to(self.device)).float().cpu()
                for ids, seen in zip(
                    input_ids.split(_TEXTS_PER_PASS), mask.split(_TEXTS_PER_PASS), strict=True
                )
            ]
        return unit_rows(torch.cat(rows))

    def _say_what_is_cut(self, candidates: Sequence[str]) -> None:
        """Log which texts are too long, of those that fill the whole length."""
        for text in candidates:
            if rest := self.cut_off(text):
                _logger.warning(
                    "%s reads %d tokens of a text; it does not read %r at the end of %r.",
                    self.model_id or type(self).__name__,
                    self.text_length,
                    rest if len(rest) <= 80 else f"{rest[:77]}...",
                    text if len(text) <= 40 else f"{text[:37]}...",
                )

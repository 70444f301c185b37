"""SigLIP's two towers through transformers, for both of its generations: they differ in their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from models.encoders.dual_encoder import DualEncoderModel, EncoderParts
from models.encoders.filled_tokens import FilledTokens, Words, load_tokens
from models.encoders.transformers_loading import (
    TransformersTowers,
    check_picture_size,
    feature_rows,
    load_network,
    read_preprocessing,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from models.encoders.preprocessing import ImagePreprocessing

    ImageRows = Callable[[Any, torch.Tensor], torch.Tensor]

__all__ = ["SigmoidEncoderModel"]


class SigmoidEncoderModel(DualEncoderModel):
    """Two towers trained with a sigmoid loss: every text has a score of its own.

    Sizes come from the package's ``config.json``, scale and bias of the scores from the weights.
    A family sets ``words``.
    """

    score_kind = "sigmoid"
    words: ClassVar[Words]

    @classmethod
    def read_tokens(cls, folder: Path, *, max_length: int, vocab_size: int) -> FilledTokens:
        """Read the tokenizer of a package folder; exported packages read texts with it too."""
        return load_tokens(folder, cls.words, max_length=max_length, vocab_size=vocab_size)

    def _load(self, folder: Path) -> EncoderParts:
        """Load tokenizer, preprocessing and both towers."""
        from transformers import SiglipModel

        network = load_network(SiglipModel, folder, model_types=("siglip",))
        preprocessing = read_preprocessing(folder, "SiglipImageProcessor")
        check_picture_size(folder, preprocessing, network.config.vision_config.image_size)
        return self._joined(folder, network, preprocessing)

    def _joined(
        self, folder: Path, network: Any, preprocessing: ImagePreprocessing, images: ImageRows | None = None
    ) -> EncoderParts:
        """Join a network with the folder's tokenizer; ``images`` turns pixels into rows."""
        text = network.config.text_config
        return EncoderParts(
            preprocessing=preprocessing,
            tokenizer=self.read_tokens(
                folder, max_length=text.max_position_embeddings, vocab_size=text.vocab_size
            ),
            embedding_dim=text.projection_size,
            logit_scale=float(network.logit_scale.exp()),
            logit_bias=float(network.logit_bias),
            score_kind="sigmoid",
            towers=TransformersTowers(
                network, device=self.device, dtype=self._dtype, images=images, texts=_text_rows
            ),
        )


def _text_rows(network: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Rows of texts; the mask is left out, as in training (see ``filled_tokens``)."""
    del attention_mask
    return feature_rows(network.get_text_features(input_ids=input_ids))

"""CLIP through transformers: the checkpoints of OpenAI, LAION and all others in that format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.encoders.dual_encoder import DualEncoderModel, EncoderParts
from models.encoders.transformers_loading import (
    HubTokens,
    TransformersTowers,
    check_picture_size,
    load_network,
    load_tokenizer,
    read_preprocessing,
)
from models.errors import CorruptedModelPackageError
from models.families.clip.last_layer import ClassTokenLayer

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
        dtype: "float32", "bfloat16" or "float16"; "auto" is the faster one that is as good.
        num_frames: T, how many frames the workbench takes of a clip.

    Example:
        >>> from models.families.clip.tiny import make_tiny_package
        >>> model = CLIPEmbedder.from_pretrained(make_tiny_package("tiny-clip").directory)
        >>> model.embed_text(["a red ball", "a cat"]).shape, model.score_kind
        (torch.Size([2, 24]), 'softmax')
    """

    @classmethod
    def read_tokens(cls, folder: Path, *, max_length: int, vocab_size: int) -> HubTokens:
        """Read the tokenizer of a package folder; exported packages read texts with it too."""
        from transformers import CLIPTokenizer

        return load_tokenizer(CLIPTokenizer, folder, max_length=max_length, vocab_size=vocab_size)

    def _load(self, folder: Path) -> EncoderParts:
        """Load tokenizer, preprocessing and both towers."""
        from transformers import CLIPModel

        network = load_network(CLIPModel, folder, model_types=("clip",))
        text = network.config.text_config
        preprocessing = read_preprocessing(folder, "CLIPImageProcessor")
        check_picture_size(folder, preprocessing, network.config.vision_config.image_size)
        tokenizer = self.read_tokens(
            folder, max_length=text.max_position_embeddings, vocab_size=text.vocab_size
        )
        _check_end_mark(folder, tokenizer, text.eos_token_id)
        layers = network.vision_model.encoder.layers
        if layers:
            layers[-1] = ClassTokenLayer(layers[-1])
        return EncoderParts(
            preprocessing=preprocessing,
            tokenizer=tokenizer,
            embedding_dim=network.visual_projection.out_features,
            logit_scale=float(network.logit_scale.exp()),
            towers=TransformersTowers(network, device=self.device, dtype=self._dtype),
        )


def _check_end_mark(folder: Path, tokenizer: HubTokens, end: Any) -> None:
    """See that the network finds the end of a text: it pools there, or else at the start of every text."""
    numbers = tokenizer(["a"])[0][0]
    # 2 stands in the oldest configurations, by mistake: there the largest number marks the end.
    mark = int(numbers.max()) if end == 2 else end
    if mark not in numbers[1:].tolist():
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} does not end a text with the token {end} that the network looks for.",
            next_step="Put a fresh copy of the package there.",
        )

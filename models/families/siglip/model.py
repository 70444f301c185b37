"""SigLIP through transformers: the checkpoints of Google and all others in that format."""

from __future__ import annotations

import re
import string

from models.encoders.filled_tokens import Words
from models.encoders.sigmoid_encoder import SigmoidEncoderModel

__all__ = ["SiglipEmbedder", "clean_text"]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def clean_text(text: str) -> str:
    """Write a text as SigLIP's were in training: small letters, no punctuation, single spaces.

    Args:
        text: A text.

    Returns:
        The text as it is read; "" when nothing but punctuation came.

    Example:
        >>> clean_text("  A Red   ball, it's ROUND! ")
        'a red ball its round'
    """
    return re.sub(r"\s+", " ", text.lower().translate(_NO_PUNCTUATION)).strip()


class SiglipEmbedder(SigmoidEncoderModel):
    """A SigLIP checkpoint: images, texts, and clips by frame pooling; a sigmoid score for each text.

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "float32", "bfloat16" or "float16"; "auto" is the faster one that is as good.
        num_frames: T, how many frames the workbench takes of a clip.

    Example:
        >>> from models.families.siglip.tiny import make_tiny_package
        >>> model = SiglipEmbedder.from_pretrained(make_tiny_package("tiny-siglip").directory)
        >>> model.embed_text(["A red ball!", "a red ball"]).diff(dim=0).abs().max().item(), model.score_kind
        (0.0, 'sigmoid')
    """

    words = Words(
        "SigLIP",
        end="</s>",
        filling="</s>",
        clean=clean_text,
        is_other=lambda vocab: {"<bos>", "<eos>"} <= set(vocab),  # Gemma's, of SigLIP 2
        ends_itself=("", "SiglipTokenizer", "SiglipTokenizerFast"),
    )

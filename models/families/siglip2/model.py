"""SigLIP 2 of fixed resolution through transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import CorruptedModelPackageError
from models.filled_tokens import Words
from models.sigmoid_encoder import SigmoidEncoderModel
from models.transformers_loading import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from models.dual_encoder import EncoderParts

__all__ = ["Siglip2Embedder", "small_letters"]


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
    """A SigLIP 2 checkpoint of fixed resolution: SigLIP's towers, Gemma's vocabulary of many languages.

    The checkpoints named "naflex", which keep the aspect ratio of a picture, are refused.

    Args:
        model_dir: The package folder.
        device: Torch device to compute on.
        dtype: "auto" (float32), "float32", "bfloat16" or "float16".
        num_frames: T, how many frames the workbench takes of a clip.

    Example:
        >>> from models.families.siglip2.tiny import make_tiny_package
        >>> model = Siglip2Embedder.from_pretrained(make_tiny_package("tiny-siglip2").directory)
        >>> model.embed_text(["ein roter Ball", "un ballon rouge"]).shape, model.score_kind
        (torch.Size([2, 32]), 'sigmoid')
    """

    words = Words("SigLIP 2", end="<eos>", filling="<pad>", clean=small_letters)

    def _load(self, folder: Path) -> EncoderParts:
        """Load tokenizer, preprocessing and both towers; refuse NaFlex by name."""
        if read_json(folder, "config.json").get("model_type") == "siglip2":
            raise CorruptedModelPackageError(
                f"{folder} is a NaFlex checkpoint of SigLIP 2 (pictures of any shape); only those of fixed "
                "resolution can be run.",
                next_step="Take one named after its resolution, such as google/siglip2-base-patch16-256.",
            )
        return super()._load(folder)

"""Does an exported package give the vectors of the model that it was exported from?"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from models.errors import ModelExportError, WorkbenchError
from models.exported.towers import last_words
from models.known_answers import known_answer_frames
from models.vectors import unit_rows

if TYPE_CHECKING:
    from models.encoders.dual_encoder import DualEncoderModel

__all__ = ["LOWEST_COSINE", "example_texts", "lowest_cosine", "require_agreement"]

LOWEST_COSINE = {"float32": 0.9999, "bfloat16": 0.9995}
_BATCHES = (1, 2, 3, 7)
_PATTERNS = ("ramp", "moving-square", "checker", "noise")
_TEXTS = (
    "a",
    "a photo of a red ball on green grass",
    "Two dogs, running; 3 cats (asleep)!",
    "été à la plage",
)


def example_texts(count: int, *, seed: int = 0) -> list[str]:
    """Write texts of random letters, from one word to far more than any model reads.

    Args:
        count: How many.
        seed: Draws them.

    Returns:
        The texts.

    Example:
        >>> len(example_texts(3)), example_texts(3) == example_texts(3)
        (3, True)
    """
    generator = np.random.default_rng(seed)
    letters = list(string.ascii_letters + string.digits + ",.'-")
    lengths = generator.integers(1, 120, size=count)
    return [" ".join("".join(generator.choice(letters, size=5)) for _ in range(words)) for words in lengths]


def lowest_cosine(model: DualEncoderModel, exported: DualEncoderModel) -> float:
    """Compare the vectors of two models that should be one, on everything that differs in practice.

    Random pixels and random texts in batches of several sizes, real texts and synthetic clips
    through the whole way from frames to vectors.

    Args:
        model: The model.
        exported: What was exported from it.

    Returns:
        The lowest cosine between two vectors of the same input; -1 when one is no number.

    Raises:
        ModelExportError: If the exported model cannot answer, or answers in another shape.
    """
    try:
        found = [*_towers_cosines(model, exported), *_models_cosines(model, exported)]
    except WorkbenchError as error:
        raise ModelExportError(f"What was exported cannot be used: {error}") from error
    except Exception as error:  # an engine raises its own errors for a graph with a frozen batch
        said = last_words(error)
        raise ModelExportError(f"What was exported cannot compute: {said}") from error
    return min(found)


def require_agreement(model: DualEncoderModel, exported: DualEncoderModel, dtype: str) -> float:
    """See that an exported model gives the vectors of its model.

    Args:
        model: The model.
        exported: What was exported from it.
        dtype: Number format that the exported one computes in: "float32" or "bfloat16".

    Returns:
        The lowest cosine that was seen.

    Raises:
        ModelExportError: If it is below what the number format explains, or the exported model
            is of another embedding space.
    """
    for name in ("preprocessing", "embedding_dim", "score_kind", "logit_scale", "logit_bias", "text_length"):
        before, after = getattr(model, name), getattr(exported, name)
        if before != after:
            raise ModelExportError(f"The exported model has {name} {after!r}; the model has {before!r}.")
    found, bound = lowest_cosine(model, exported), LOWEST_COSINE[dtype]
    if not found >= bound:
        raise ModelExportError(
            f"The exported model's vectors differ: the lowest cosine is {found:.6f}, "
            f"at least {bound} is wanted in {dtype}.",
            next_step="Export in float32." if dtype != "float32" else "Use the model itself.",
        )
    return found


def _towers_cosines(model: DualEncoderModel, exported: DualEncoderModel) -> list[float]:
    """Both pairs of towers on random input, in batches of several sizes."""
    height, width = model.image_preprocessing.output_size
    generator = torch.Generator().manual_seed(0)
    towers, others, found = model.parts.towers, exported.parts.towers, []
    for size in _BATCHES:
        pixels = torch.randn(size, 3, height, width, generator=generator)
        tokens = model.tokenizer(example_texts(size, seed=size))
        with torch.inference_mode():
            found.append(_cosine(towers.encode_images(pixels), others.encode_images(pixels)))
            found.append(_cosine(towers.encode_text(*tokens), others.encode_text(*tokens)))
    return found


def _models_cosines(model: DualEncoderModel, exported: DualEncoderModel) -> list[float]:
    """Both models on texts and clips, all the way."""
    clips: Any = [known_answer_frames(pattern, (3, 48, 64, 3)) for pattern in _PATTERNS]
    return [
        _cosine(model.embed_text(list(_TEXTS)), exported.embed_text(list(_TEXTS))),
        _cosine(model.embed_videos(clips), exported.embed_videos(clips)),
        _cosine(model.embed_images(clips[0]), exported.embed_images(clips[0])),
    ]


def _cosine(rows: torch.Tensor, others: torch.Tensor) -> float:
    """Lowest cosine of two sets of rows, each with its partner."""
    left, right = unit_rows(rows).double(), unit_rows(others).double()
    if left.shape != right.shape:
        raise ModelExportError(f"It gives {tuple(right.shape)}; the model gives {tuple(left.shape)}.")
    return float((left * right).sum(dim=1).nan_to_num(-1.0).min())

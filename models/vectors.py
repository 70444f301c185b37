"""Vectors and the space they live in: what makes two of them comparable."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from models.errors import ModelInputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class EmbeddingSpace:
    """Where a vector lives; vectors of different spaces are never compared.

    Args:
        model_id: The model's id in the catalogue, or the name of its class.
        revision: The exact version of its weights; "" when it has none.
        preprocessing: Short signature of what happens to pixels before the network.
        sampling: Which frames stand for a clip, for example "uniform-middle:8".

    Example:
        >>> a = EmbeddingSpace("me/m", "1", "rgb64", "uniform-middle:8")
        >>> b = EmbeddingSpace("me/m", "1", "rgb64", "uniform-middle:16")
        >>> a == b, a.same_model(b), len(a.key)
        (False, True, 16)
    """

    model_id: str
    revision: str = ""
    preprocessing: str = ""
    sampling: str = ""

    @classmethod
    def of(cls, model: Any, sampling: str = "") -> "EmbeddingSpace":
        """Read the space of a model's vectors from the model.

        Args:
            model: Any embedding model, loaded or not.
            sampling: Name of the frame sampling that its clips went through.

        Returns:
            The space; a model without an id is known by its class name.
        """
        model_id = getattr(model, "model_id", "") or type(model).__name__
        preprocessing = getattr(model, "preprocessing", "")
        return cls(str(model_id), str(getattr(model, "revision", "")), str(preprocessing), sampling)

    @property
    def key(self) -> str:
        """Short stable hash of all four parts, fit for a file name."""
        parts = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def same_model(self, other: "EmbeddingSpace") -> bool:
        """Tell whether both come from one model and revision with one preprocessing.

        That is what a text vector and a clip vector must have in common; the sampling of
        the clips may differ.
        """
        mine = (self.model_id, self.revision, self.preprocessing)
        return mine == (other.model_id, other.revision, other.preprocessing)


def unit_rows(vectors: Any) -> "torch.Tensor":
    """Bring vectors to unit length.

    Args:
        vectors: Tensor or array [N, D], or one vector [D].

    Returns:
        float32 [N, D]; a row of zeros stays zero.

    Raises:
        ModelInputError: If it is neither one vector nor rows of vectors.

    Example:
        >>> unit_rows([[3.0, 4.0]]).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    import torch

    return torch.nn.functional.normalize(as_rows(vectors), dim=1)


def as_rows(vectors: Any) -> "torch.Tensor":
    """Read vectors as rows.

    Args:
        vectors: Tensor or array [N, D], or one vector [D].

    Returns:
        float32 [N, D], cut off from any gradient.

    Raises:
        ModelInputError: If it is neither one vector nor rows of vectors.
    """
    import torch

    rows = torch.as_tensor(vectors).detach().to(torch.float32)
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2:
        raise ModelInputError(f"Vectors have shape [N, D] or [D]; {tuple(rows.shape)} came.")
    return rows

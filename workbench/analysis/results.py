"""Results that people look at: a ranking of clips per prompt, label probabilities per clip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.analysis.ranking import check_rows, rank_order, top_k
from workbench.errors import InvalidParameterError
from workbench.media.names import shortened
from workbench.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from models.base import EmbeddingSpace


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Clips in order for each prompt.

    Args:
        scores: float32 (P, N), prompts by clips; higher fits better.
        prompts: The P prompts.
        keys: The N clips' keys.
        paths: The N files, as text; empty takes the keys.
        space: The embedding space of the vectors, when they have one.
        negatives: Prompts whose similarity was subtracted.
        templates: Texts that the prompts were put into.
        unknown_words: Words the model does not know, by prompt; prompts without any are left out.
        skipped: Clips that could not be ranked, with ``key`` and ``reason``.
        clips: The clips, for thumbnails.

    Raises:
        InvalidParameterError: If the scores do not fit prompts and keys, or are not finite.

    Example:
        >>> ranking = Ranking(np.array([[0.1, 0.9]], np.float32), ["red star"], ["a.mp4", "b.mp4"])
        >>> ranking
        Ranking(1 prompt x 2 clips)
          red star   b.mp4 0.900   a.mp4 0.100
        >>> [(key, round(score, 3)) for key, score in ranking.top(1)[0]]
        [('b.mp4', 0.9)]
    """

    scores: np.ndarray
    prompts: list[str]
    keys: list[str]
    paths: list[str] = field(default_factory=list)
    space: "EmbeddingSpace | None" = None
    negatives: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    unknown_words: dict[str, list[str]] = field(default_factory=dict)
    skipped: Sequence[Any] = ()
    clips: Sequence[Any] | None = None
    order: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        scores = _matrix("scores", self.scores, np.float32, (len(self.prompts), len(self.keys)))
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "order", rank_order(scores))
        object.__setattr__(self, "paths", _paths(self.paths, self.keys))

    def top(self, k: int = 3) -> list[list[tuple[str, float]]]:
        """Return the best clips of each prompt.

        Args:
            k: How many; more than there are gives all.

        Returns:
            One list per prompt of (key, score), best first; equal scores in the clips' order.
        """
        best = top_k(self.scores, k)
        return [
            [(self.keys[i], float(self.scores[row, i])) for i in columns] for row, columns in enumerate(best)
        ]

    def to_frame(self) -> "pd.DataFrame":
        """Return a table in long form: ``prompt``, ``rank`` from 1, ``key``, ``score``, ``path``."""
        import pandas as pd

        order = self.order.ravel()
        rows = np.repeat(np.arange(len(self.prompts)), len(self.keys))
        return pd.DataFrame(
            {
                "prompt": np.repeat(np.array(self.prompts, dtype=object), len(self.keys)),
                "rank": np.tile(np.arange(1, len(self.keys) + 1), len(self.prompts)),
                "key": np.array(self.keys, dtype=object)[order],
                "score": self.scores[rows, order],
                "path": np.array(self.paths, dtype=object)[order],
            }
        )

    def heatmap(self) -> "Figure":
        """Draw prompts by clips; a mark shows the best clip of each prompt."""
        from workbench.plots import heatmap

        label = "cosine minus highest negative" if self.negatives else "cosine similarity"
        return heatmap(self.scores, self.prompts, self.keys, value_label=label)

    def __repr__(self) -> str:
        title = f"{counted(len(self.prompts), 'prompt')} x {counted(len(self.keys), 'clip')}"
        return _text_table("Ranking", title, self.prompts, self.top(3))

    def _repr_html_(self) -> str:
        from workbench.reprs import ranking_html

        return ranking_html(self)


@dataclass(frozen=True, eq=False, repr=False)
class Classification:
    """Label probabilities for each clip.

    Args:
        probabilities: float64 (N, L), clips by labels.
        labels: The L labels.
        keys: The N clips' keys.
        kind: "softmax": a clip's probabilities add up to 1. "sigmoid": each stands alone.
        paths: The N files, as text; empty takes the keys.
        space: The embedding space of the vectors, when they have one.
        templates: Texts that the labels were put into.
        unknown_words: Words the model does not know, by label.
        skipped: Clips that could not be classified, with ``key`` and ``reason``.
        clips: The clips, for thumbnails.

    Raises:
        InvalidParameterError: If the probabilities do not fit clips and labels, or are not finite.

    Example:
        >>> result = Classification(np.array([[0.2, 0.8]]), ["cat", "dog"], ["a.mp4"])
        >>> result
        Classification(1 clip x 2 labels)
          a.mp4   dog 0.800   cat 0.200
        >>> result.top(1)
        [[('dog', 0.8)]]
    """

    probabilities: np.ndarray
    labels: list[str]
    keys: list[str]
    kind: str = "softmax"
    paths: list[str] = field(default_factory=list)
    space: "EmbeddingSpace | None" = None
    templates: list[str] = field(default_factory=list)
    unknown_words: dict[str, list[str]] = field(default_factory=dict)
    skipped: Sequence[Any] = ()
    clips: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.keys), len(self.labels))
        values = _matrix("probabilities", self.probabilities, np.float64, shape)
        object.__setattr__(self, "probabilities", values)
        object.__setattr__(self, "paths", _paths(self.paths, self.keys))

    def top(self, k: int = 3) -> list[list[tuple[str, float]]]:
        """Return the most probable labels of each clip.

        Args:
            k: How many; more than there are gives all.

        Returns:
            One list per clip of (label, probability), most probable first.
        """
        best = top_k(self.probabilities, k)
        return [
            [(self.labels[i], float(self.probabilities[row, i])) for i in columns]
            for row, columns in enumerate(best)
        ]

    def to_frame(self) -> "pd.DataFrame":
        """Return a table in long form: ``key``, ``rank`` from 1, ``label``, ``probability``, ``path``."""
        import pandas as pd

        order = rank_order(self.probabilities)
        rows = np.repeat(np.arange(len(self.keys)), len(self.labels))
        return pd.DataFrame(
            {
                "key": np.repeat(np.array(self.keys, dtype=object), len(self.labels)),
                "rank": np.tile(np.arange(1, len(self.labels) + 1), len(self.keys)),
                "label": np.array(self.labels, dtype=object)[order.ravel()],
                "probability": self.probabilities[rows, order.ravel()],
                "path": np.repeat(np.array(self.paths, dtype=object), len(self.labels)),
            }
        )

    def heatmap(self) -> "Figure":
        """Draw labels by clips; a mark shows the most probable clip of each label."""
        from workbench.plots import heatmap

        return heatmap(self.probabilities.T, self.labels, self.keys, value_label="probability")

    def __repr__(self) -> str:
        title = f"{counted(len(self.keys), 'clip')} x {counted(len(self.labels), 'label')}"
        return _text_table("Classification", title, self.keys, self.top(3))

    def _repr_html_(self) -> str:
        from workbench.reprs import classification_html

        return classification_html(self)


def _matrix(name: str, values: Any, dtype: Any, shape: tuple[int, int]) -> np.ndarray:
    """Read a finite matrix of a given shape; the copy is read-only."""
    matrix = np.array(check_rows(f"The {name}", values), dtype=dtype)
    if matrix.shape != shape:
        raise InvalidParameterError(f"The {name} have shape {list(matrix.shape)}; {list(shape)} is expected.")
    matrix.setflags(write=False)
    return matrix


def _paths(paths: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Use the keys where no paths came; refuse another number of them."""
    if paths and len(paths) != len(keys):
        raise InvalidParameterError(f"{len(paths)} paths came with {len(keys)} keys; one each is needed.")
    return list(paths) or list(keys)


def _text_table(kind: str, title: str, names: Sequence[str], tops: list[list[tuple[str, float]]]) -> str:
    """One line, and below it a line for each of the first names."""
    most = 12
    width = min(max((len(name) for name in names[:most]), default=0), 32)
    lines = [f"{kind}({title})"]
    for name, best in list(zip(names, tops, strict=True))[:most]:
        lines.append(
            "   ".join(
                [f"  {shortened(name, width):{width}}", *(f"{shortened(n, 28)} {v:.3f}" for n, v in best)]
            )
        )
    lines += [f"  … {len(names) - most} more"] if len(names) > most else []
    return "\n".join(lines)

"""Scores, orders and probabilities. Pure arithmetic on arrays."""

import numpy as np

from workbench.errors import EmbeddingSpaceError, InvalidParameterError

BLOCK = 8192  # rows brought to float64 at once: 34 MB at 512 dimensions


def score_prompts(
    vectors: np.ndarray, prompt_vectors: np.ndarray, negative_vectors: np.ndarray | None = None
) -> np.ndarray:
    """Score every clip for every prompt.

    The score is the cosine of prompt and clip. With negatives the clip's highest cosine with any
    negative is subtracted: ``score = cos(p, v) - max_n cos(n, v)``. That orders clips exactly as
    the relevancy of LERF does (Kerr et al. 2023, arXiv:2303.09553, section 3.4): the smallest, over
    the negatives, of the two-way softmax of prompt against negative, which grows with this difference.

    Sums are made in float64, so equal vectors get equal scores wherever they stand.

    Args:
        vectors: Unit rows of the clips, (N, D).
        prompt_vectors: Unit rows of the prompts, (P, D).
        negative_vectors: Unit rows of what should not be found, (M, D); None or no rows for none.

    Returns:
        float32 (P, N): in -1..1, with negatives in -2..2.

    Raises:
        EmbeddingSpaceError: If the sides have different D.
        InvalidParameterError: If an array is not (rows, D) or holds NaN or infinite numbers.

    Example:
        >>> score_prompts(np.eye(2), np.array([[0.6, 0.8]]), negative_vectors=np.array([[0.0, 1.0]]))
        array([[ 0.6, -0.2]], dtype=float32)
    """
    vectors = check_rows("The clip vectors", vectors)
    prompts = check_rows("The prompt vectors", prompt_vectors).astype(np.float64)
    sides = [prompts]
    if negative_vectors is not None and len(negative_vectors):
        sides.append(check_rows("The negative vectors", negative_vectors).astype(np.float64))
    for side in sides:
        if side.shape[1] != vectors.shape[1]:
            raise EmbeddingSpaceError(
                f"Prompts of {side.shape[1]} and clips of {vectors.shape[1]} dimensions cannot be compared.",
                next_step="Embed both with the same model.",
            )
    scores = np.empty((len(prompts), len(vectors)), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64)
        cosines = [side @ block.T for side in sides]
        against = cosines[1].max(axis=0) if len(cosines) > 1 else 0.0
        scores[:, start : start + BLOCK] = cosines[0] - against
    return scores


def rank_order(scores: np.ndarray) -> np.ndarray:
    """Order the columns of each row, highest score first; equal scores keep their input order.

    Args:
        scores: (P, N).

    Returns:
        Column numbers, int64 (P, N).

    Raises:
        InvalidParameterError: If it is not (P, N) or holds NaN or infinite numbers.

    Example:
        >>> rank_order(np.array([[0.1, 0.7, 0.7]]))
        array([[1, 2, 0]])
    """
    return np.argsort(-check_rows("The scores", scores), axis=1, kind="stable")


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Find the k highest columns of each row: the start of ``rank_order``, without ordering the rest.

    Args:
        scores: (P, N).
        k: How many, at least 1; more than N gives all N.

    Returns:
        Column numbers, int64 (P, min(k, N)), best first, equal scores in input order.

    Raises:
        InvalidParameterError: If ``k`` is below 1 or the scores are not finite numbers (P, N).

    Example:
        >>> top_k(np.array([[0.1, 0.7, 0.7, 0.9]]), k=2)
        array([[3, 1]])
    """
    scores = check_rows("The scores", scores)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidParameterError(f"k is {k!r}; it is a number of at least 1.")
    if k >= scores.shape[1]:
        return rank_order(scores)
    return np.stack([_top_of_row(row, k) for row in scores]) if len(scores) else np.empty((0, k), np.int64)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn each row into probabilities that add up to 1.

    Args:
        logits: (N, L) with L at least 1.

    Returns:
        float64 (N, L).

    Raises:
        InvalidParameterError: If there is no column, or a number is not finite.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]]))
        array([[0.5, 0.5]])
    """
    logits = check_rows("The logits", logits).astype(np.float64)
    if logits.shape[1] == 0:
        raise InvalidParameterError("There is no label to give probabilities to.")
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Turn each number into a probability of its own.

    Args:
        logits: Any shape.

    Returns:
        float64, the same shape; large numbers of either sign do not overflow.

    Example:
        >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
        array([0. , 0.5, 1. ])
    """
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64)))


def probabilities(
    scores: np.ndarray, *, kind: str = "softmax", scale: float = 100.0, bias: float = 0.0
) -> np.ndarray:
    """Turn cosines of labels and clips into label probabilities per clip.

    Args:
        scores: Cosines (L, N), labels by clips.
        kind: "softmax": the labels of a clip share a probability of 1. "sigmoid": each label has
            a probability of its own, as models trained that way mean it (SigLIP).
        scale: Factor on the cosines.
        bias: Added after that; matters for "sigmoid" only.

    Returns:
        float64 (N, L).

    Raises:
        InvalidParameterError: If ``kind`` is another word.

    Example:
        >>> probabilities(np.array([[0.3], [0.3]]))
        array([[0.5, 0.5]])
    """
    logits = check_rows("The scores", scores).T.astype(np.float64) * scale + bias
    if kind == "softmax":
        return softmax(logits)
    if kind == "sigmoid":
        return sigmoid(logits)
    raise InvalidParameterError(f'score_kind is {kind!r}; it is "softmax" or "sigmoid".')


def check_rows(name: str, values: np.ndarray) -> np.ndarray:
    """Refuse what is not a matrix of finite numbers.

    Args:
        name: What it is, as the start of a sentence.
        values: The array.

    Returns:
        The same array.

    Raises:
        InvalidParameterError: Saying what is wrong.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise InvalidParameterError(f"{name} have shape {list(values.shape)}; rows and columns are needed.")
    if not np.isfinite(values).all():
        raise InvalidParameterError(f"{name} hold NaN or infinite numbers, which cannot be ranked.")
    return values


def _top_of_row(row: np.ndarray, k: int) -> np.ndarray:
    """Find the k highest of one row; of equal scores at the edge the first ones are taken."""
    least = np.partition(row, len(row) - k)[len(row) - k]
    candidates = np.flatnonzero(row >= least)
    order = np.argsort(-row[candidates], kind="stable")
    return candidates[order[:k]]

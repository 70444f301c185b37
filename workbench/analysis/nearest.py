"""Exact search: the rows of a matrix that are nearest to a query, and rows that are nearly the same."""

from collections.abc import Iterator

import numpy as np

from workbench.errors import EmbeddingSpaceError, InvalidParameterError

__all__ = ["near_duplicates", "nearest", "nearest_per_group"]

BLOCK_ROWS = 65_536  # rows compared at once with several queries: bounds the memory at any size of the matrix


def nearest(
    matrix: np.ndarray, queries: np.ndarray, k: int = 10, *, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows with the largest dot product; exact, no index.

    Args:
        matrix: float32 (N, D), unit rows for cosine similarity; may be memory-mapped.
        queries: float32 (Q, D), or (D,) for one.
        k: How many rows for each query; fewer when there are not as many.
        mask: bool (N,), rows that count; None is all.

    Returns:
        Scores (Q, k) in descending order and their places in the matrix (Q, k); equal scores in the
        order of the rows.

    Raises:
        InvalidParameterError: If ``k`` is not positive.
        EmbeddingSpaceError: If queries and matrix have different D.

    Example:
        >>> scores, places = nearest(np.eye(3, dtype=np.float32), np.array([0.0, 1.0, 0.5]), k=2)
        >>> places.tolist(), scores.tolist()
        ([[1, 2]], [[1.0, 0.5]])
    """
    asked = np.atleast_2d(np.asarray(queries, np.float32))
    if k < 1:
        raise InvalidParameterError(f"k is {k}; at least 1 row is asked for.")
    if asked.shape[1] != matrix.shape[1]:
        raise EmbeddingSpaceError(
            f"Queries of {asked.shape[1]} and rows of {matrix.shape[1]} dimensions cannot be compared.",
            next_step="Embed the query with the model that made the rows.",
        )
    k = k if mask is None else min(k, int(np.count_nonzero(mask)))
    if len(asked) == 1:
        return _best(_scores(matrix, asked[0], mask)[None], k)
    return _in_blocks(matrix, asked, k, mask)


def nearest_per_group(
    matrix: np.ndarray, query: np.ndarray, groups: np.ndarray, k: int = 10, *, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the best row of each of the best groups, such as one clip of each film.

    Args:
        matrix: float32 (N, D); may be memory-mapped.
        query: float32 (D,).
        groups: int (N,), the group of each row, counted from 0.
        k: How many groups; fewer when there are not as many.
        mask: bool (N,), rows that count; None is all.

    Returns:
        Scores (k,) in descending order and the places of the rows (k,).

    Example:
        >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
        >>> nearest_per_group(rows, np.array([1, 0], np.float32), np.array([0, 0, 1]))[1].tolist()
        [0, 2]
    """
    scores = _scores(matrix, np.asarray(query, np.float32), mask)
    best = np.full(int(groups.max(initial=-1)) + 1, -np.inf, np.float32)
    np.maximum.at(best, groups, scores)
    values, chosen = _best(best[None], min(k, int(np.isfinite(best).sum())))
    places = [
        np.flatnonzero((groups == group) & (scores == value))[0]
        for group, value in zip(chosen[0], values[0], strict=True)
    ]
    return values[0], np.array(places, np.int64)


def _scores(matrix: np.ndarray, query: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Dot products of all rows with one query, float32 (N,); rows that do not count are never the best."""
    scores = matrix @ query
    if mask is not None:
        scores[~mask] = -np.inf
    return scores


def near_duplicates(matrix: np.ndarray, threshold: float = 0.98) -> list[tuple[int, int, float]]:
    """Find pairs of rows that are nearly the same.

    Args:
        matrix: float32 (N, D), unit rows.
        threshold: Least cosine similarity of a pair, in -1..1.

    Returns:
        (place, later place, similarity), the most alike first.

    Example:
        >>> near_duplicates(np.array([[1, 0], [0, 1], [1, 0]], np.float32))
        [(0, 2, 1.0)]
    """
    pairs = []
    for start, stop in _blocks(len(matrix), rows=2048):
        scores = matrix[start:stop] @ matrix[start:].T
        left, right = np.nonzero(scores >= threshold)
        later = right > left
        pairs += [
            (start + int(one), start + int(other), float(scores[one, other]))
            for one, other in zip(left[later], right[later], strict=True)
        ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))


def _in_blocks(
    matrix: np.ndarray, queries: np.ndarray, k: int, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Compare many queries block by block, and keep the best of what was seen."""
    scores = np.empty((len(queries), 0), np.float32)
    places = np.empty((len(queries), 0), np.int64)
    for start, stop in _blocks(len(matrix), rows=BLOCK_ROWS):
        compared = queries @ matrix[start:stop].T
        if mask is not None:
            compared[:, ~mask[start:stop]] = -np.inf
        block_scores, block_places = _best(compared, k)
        scores = np.concatenate([scores, block_scores], axis=1)
        places = np.concatenate([places, block_places + start], axis=1)
        scores, chosen = _best(scores, k)
        places = np.take_along_axis(places, chosen, axis=1)
    return scores, places


def _best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest of each row, sorted; ties in order of place."""
    k = min(k, scores.shape[1])
    if k == 0:
        return scores[:, :0], np.empty((len(scores), 0), np.int64)
    if k < scores.shape[1]:
        cut = np.partition(scores, scores.shape[1] - k, axis=1)[:, -k]
        chosen = np.stack([_tied(row, least, k) for row, least in zip(scores, cut, strict=True)])
    else:
        chosen = np.broadcast_to(np.arange(k), scores.shape)
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.lexsort((chosen, -values), axis=1)
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(chosen, order, axis=1)


def _tied(row: np.ndarray, least: np.float32, k: int) -> np.ndarray:
    """Places of the k largest; of those equal to the least, the first ones."""
    above = np.flatnonzero(row > least)
    return np.concatenate([above, np.flatnonzero(row == least)[: k - len(above)]])


def _blocks(count: int, *, rows: int) -> Iterator[tuple[int, int]]:
    """Cut a number of rows into blocks."""
    for start in range(0, count, rows):
        yield start, min(start + rows, count)

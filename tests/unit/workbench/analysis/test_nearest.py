"""Exact search against a plain sort."""

import numpy as np
import pytest

from workbench.analysis import nearest as module
from workbench.analysis.nearest import near_duplicates, nearest, nearest_per_group
from workbench.errors import EmbeddingSpaceError, InvalidParameterError


def rows(count, dim=6, seed=0):
    # few different values, so that there are many ties
    return np.random.default_rng(seed).integers(-2, 3, (count, dim)).astype(np.float32)


def plain(matrix, queries, k):
    scores = queries @ matrix.T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


@pytest.mark.parametrize("count", [1, 2, 9, 500])
@pytest.mark.parametrize("queries", [1, 7])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_nearest__equals_a_stable_sort_also_with_ties(count, queries, k, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 64)
    matrix, asked = rows(count), rows(queries, seed=1)
    scores, places = nearest(matrix, asked, k)
    expected_scores, expected_places = plain(matrix, asked, k)
    assert np.array_equal(scores, expected_scores)
    assert np.array_equal(places, expected_places)


def test_nearest__a_mask_leaves_rows_out():
    matrix = rows(50)
    mask = np.arange(50) % 3 == 0
    _, places = nearest(matrix, matrix[0], 50, mask=mask)
    assert sorted(places[0]) == list(range(0, 50, 3))
    assert nearest(matrix, matrix[0], 5, mask=np.zeros(50, bool))[0].shape == (1, 0)


def test_nearest__no_rows():
    assert nearest(np.empty((0, 4), np.float32), np.ones(4), 3)[1].shape == (1, 0)


def test_nearest__refuses():
    with pytest.raises(InvalidParameterError, match="k is 0"):
        nearest(rows(3), rows(1), 0)
    with pytest.raises(EmbeddingSpaceError, match="Queries of 5 and rows of 6"):
        nearest(rows(3), rows(1, dim=5))


def test_near_duplicates__across_blocks():
    matrix = np.random.default_rng(0).normal(size=(5000, 16)).astype(np.float32)
    matrix[4999], matrix[3000] = matrix[10], matrix[2999]
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    assert [(one, other) for one, other, _ in near_duplicates(matrix, 0.999)] == [(10, 4999), (2999, 3000)]


@pytest.mark.parametrize("queries", [1, 7])
def test_nearest__a_mask_gives_what_searching_the_other_rows_gives(queries, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    matrix, asked, mask = rows(90), rows(queries, seed=1), np.random.default_rng(2).random(90) < 0.3
    scores, places = nearest(matrix, asked, 5, mask=mask)
    expected_scores, expected_places = plain(matrix[mask], asked, 5)
    assert np.array_equal(scores, expected_scores)
    assert np.array_equal(places, np.flatnonzero(mask)[expected_places])


@pytest.mark.parametrize("masked", [False, True])
def test_nearest_per_group__equals_the_first_of_each_group_of_a_stable_sort(masked):
    matrix, query = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32), np.ones(6, np.float32)
    groups = np.random.default_rng(1).integers(0, 9, 80)
    mask = np.arange(80) % 2 == 0 if masked else None
    best: dict[int, int] = {}
    for place in np.argsort(-(matrix @ query), kind="stable"):
        if mask is None or mask[place]:
            best.setdefault(int(groups[place]), int(place))
    _, places = nearest_per_group(matrix, query, groups, 4, mask=mask)
    assert places.tolist() == list(best.values())[:4]


def test_nearest_per_group__no_rows():
    none = nearest_per_group(np.empty((0, 4), np.float32), np.ones(4, np.float32), np.empty(0, int))
    assert [part.shape for part in none] == [(0,), (0,)]

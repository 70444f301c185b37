import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from models.errors import EmbeddingSpaceError, InvalidParameterError
from workbench.analysis.ranking import (
    BLOCK,
    probabilities,
    rank_order,
    score_prompts,
    sigmoid,
    softmax,
    top_k,
)

# Few different values, so that ties are the rule.
tied_scores = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.sampled_from([-0.5, 0.0, 0.25, 0.25000003, 1.0]),
)


def units(rows, dim, seed=0):
    values = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@given(tied_scores)
def test_rank_order__best_first_and_ties_in_input_order(scores):
    for row, order in zip(scores, rank_order(scores), strict=True):
        assert order.tolist() == sorted(range(len(row)), key=lambda i: (-row[i], i))


@given(tied_scores, st.integers(1, 15))
def test_top_k__is_the_start_of_rank_order(scores, k):
    np.testing.assert_array_equal(top_k(scores, k), rank_order(scores)[:, :k])


@given(st.integers(0, 10_000), st.lists(st.integers(0, 4), min_size=2, max_size=30))
def test_score_prompts__equal_vectors_tie_wherever_they_stand(seed, which):
    vectors = units(5, 37, seed)[which]
    scores = score_prompts(vectors, units(3, 37, seed + 1))
    for i, first in enumerate(which):
        assert (scores[:, i] == scores[:, which.index(first)]).all()


def test_score_prompts__many_clips_are_scored_in_blocks():
    vectors, prompts = units(BLOCK + 7, 8), units(2, 8, 1)
    np.testing.assert_allclose(score_prompts(vectors, prompts), prompts @ vectors.T, atol=1e-6)


def test_score_prompts__the_nearest_negative_is_subtracted():
    clips = np.array([[1, 0, 0], [0.6, 0.8, 0]])
    scores = score_prompts(clips, np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0], [0, 0, 1.0]]))
    np.testing.assert_allclose(scores, [[1.0, -0.2]], atol=1e-6)


def test_score_prompts__negatives_order_clips_as_the_relevancy_of_lerf():
    clips, prompt, negatives = units(40, 6), units(1, 6, 1), units(3, 6, 2)
    ours = score_prompts(clips, prompt, negatives)
    positive, others = np.exp(10 * prompt @ clips.T), np.exp(10 * negatives @ clips.T)
    relevancy = (positive / (positive + others)).min(axis=0, keepdims=True)
    np.testing.assert_array_equal(rank_order(ours), rank_order(relevancy))


def test_score_prompts__no_negatives_are_the_same_as_none():
    clips, prompts = units(4, 3), units(2, 3, 1)
    np.testing.assert_array_equal(
        score_prompts(clips, prompts, np.empty((0, 3))), score_prompts(clips, prompts)
    )


def test_score_prompts__other_dimensions_are_another_space():
    with pytest.raises(EmbeddingSpaceError, match="2 and clips of 3"):
        score_prompts(units(1, 3), units(1, 2))
    with pytest.raises(EmbeddingSpaceError, match="2 and clips of 3"):
        score_prompts(units(1, 3), units(1, 3), units(1, 2))


def test_score_prompts__no_clips():
    assert score_prompts(np.empty((0, 3)), units(2, 3)).shape == (2, 0)


@pytest.mark.parametrize(
    "function", [rank_order, softmax, lambda x: top_k(x, 1), lambda x: score_prompts(x, x)]
)
def test_nan_is_refused(function):
    with pytest.raises(InvalidParameterError, match="NaN"):
        function(np.array([[0.5, np.nan]]))
    with pytest.raises(InvalidParameterError, match="shape"):
        function(np.array([0.5]))


@pytest.mark.parametrize("k", [0, -1, 1.0, True])
def test_top_k__k_must_be_a_number(k):
    with pytest.raises(InvalidParameterError, match="k is"):
        top_k(np.ones((1, 2)), k)


def test_top_k__no_rows_or_columns():
    assert top_k(np.empty((0, 5)), 2).shape == (0, 2)
    assert top_k(np.empty((2, 0)), 2).shape == (2, 0)


@given(arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6)))
def test_softmax__adds_up_to_one_without_overflow(logits):
    values = softmax(logits)
    np.testing.assert_allclose(values.sum(axis=1), 1.0)
    assert (values >= 0).all()


def test_softmax__no_label():
    with pytest.raises(InvalidParameterError, match="no label"):
        softmax(np.empty((2, 0)))


def test_sigmoid__by_hand():
    np.testing.assert_allclose(sigmoid(np.log([[1 / 3, 3.0]])), [[0.25, 0.75]])


def test_probabilities__softmax_and_sigmoid_by_hand():
    cosines = np.array([[0.03], [0.02]])
    np.testing.assert_allclose(probabilities(cosines), [[np.e / (1 + np.e), 1 / (1 + np.e)]])
    np.testing.assert_allclose(
        probabilities(cosines, kind="sigmoid", scale=100, bias=-2), [[np.e / (1 + np.e), 0.5]]
    )
    with pytest.raises(InvalidParameterError, match="'cosine'"):
        probabilities(cosines, kind="cosine")

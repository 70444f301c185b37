"""A model is shown a few pictures and texts, and timed."""

import numpy as np
import pytest

from models.pace import Pace, lowest_cosine, measure_pace
from tests.fakes import MeanColorModel, MotionModel


@pytest.mark.parametrize("model", [MeanColorModel(), MotionModel()])
def test_measure_pace__gives_a_pace_and_the_rows_of_clips_and_texts(model):
    pace = measure_pace(model)
    assert pace.frames_per_s > 0
    assert pace.rows.shape[0] == 4
    np.testing.assert_array_equal(pace.rows, measure_pace(model).rows)


def test_lowest_cosine__of_the_worst_row():
    rows = np.array([[1.0, 0.0], [0.6, 0.8]])
    assert lowest_cosine(Pace(1, rows), Pace(1, 3 * rows)) == pytest.approx(1.0)
    assert lowest_cosine(Pace(1, rows), Pace(1, np.array([[1.0, 0.0], [1.0, 0.0]]))) == pytest.approx(0.6)


@pytest.mark.parametrize("other", [np.zeros((2, 2)), np.full((2, 2), np.nan), np.ones((1, 2))])
def test_lowest_cosine__of_nonsense(other):
    assert lowest_cosine(Pace(1, np.eye(2)), Pace(1, other)) == -1.0

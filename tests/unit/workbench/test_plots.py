import io
import sys
import warnings

import numpy as np
import pytest

from models.errors import InvalidParameterError
from workbench.plots import MOST_IN, MOST_LABELS, heatmap


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (12, 200), (150, 3), (1, 300)])
def test_heatmap__draws_any_shape_without_warnings(shape):
    scores = np.random.default_rng(0).normal(size=shape)
    rows, columns = (
        [f"{name} {'x' * 50} {i}" for i in range(n)] for name, n in zip("rc", shape, strict=True)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = heatmap(scores, rows, columns)
        figure.savefig(file := io.BytesIO(), format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    assert max(figure.get_size_inches()) <= MOST_IN
    axes = figure.axes[0]
    labels = [label.get_text() for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]]
    assert all(len(label) <= 40 and "…" in label for label in labels)
    assert len(axes.get_xticklabels()) <= MOST_LABELS


def test_heatmap__frames_the_best_column_of_each_row():
    scores = np.array([[0.1, 0.9, 0.9], [0.3, 0.2, 0.1]])
    axes = heatmap(scores, ["a", "b"], ["x", "y", "z"]).axes[0]
    assert [patch.get_xy() for patch in axes.patches] == [(0.5, -0.5), (-0.5, 0.5)]


def test_heatmap__cells_hold_their_numbers():
    axes = heatmap(np.array([[-0.001, -0.25, 1.0]]), ["a"], ["x", "y", "z"]).axes[0]
    assert [text.get_text() for text in axes.texts] == [".00", "\N{MINUS SIGN}.25", "1.00"]


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [(np.empty((0, 2)), "at least one cell"), (np.ones((2, 1)), "came"), (np.full((1, 2), np.nan), "NaN")],
)
def test_heatmap__nothing_to_draw(scores, complaint):
    with pytest.raises(InvalidParameterError, match=complaint):
        heatmap(scores, ["a"], ["x", "y"])


def test_heatmap__leaves_pyplot_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    heatmap(np.ones((1, 1)), ["a"], ["x"])
    assert "matplotlib.pyplot" not in sys.modules

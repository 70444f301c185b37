import json

import numpy as np
import pytest
from traitlets import TraitError

from workbench.widgets.heatmap import Heatmap


def test_show__array_becomes_plain_rounded_numbers_with_holes():
    heatmap = Heatmap()
    heatmap.show(np.array([[1 / 3, np.nan]], dtype=np.float64), rows=["p"], columns=["a", "b"])
    assert heatmap.scores == [[0.333333, None]]
    json.dumps(heatmap.scores, allow_nan=False)


@pytest.mark.parametrize("scores", [[[1.0]], [[1.0, 2.0], [3.0, 4.0]], []])
def test_show__refuses_another_shape(scores):
    with pytest.raises(TraitError, match="1 rows x 2 columns"):
        Heatmap().show(scores, rows=["p"], columns=["a", "b"])


def test_show__fewer_rows_drop_a_selected_row_that_is_gone():
    heatmap = Heatmap(selected_row=3)
    heatmap.show([[1.0]], rows=["p"], columns=["a"])
    assert heatmap.selected_row == -1


def test_show__empty_table_is_the_empty_state():
    heatmap = Heatmap()
    heatmap.show([], rows=[], columns=[])
    assert heatmap.scores == []

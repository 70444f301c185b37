import numpy as np
import pytest
import torch

from models.errors import ModelInputError
from models.vectors import EmbeddingSpace, as_rows, unit_rows
from tests.fakes import MotionModel

SPACE = EmbeddingSpace("me/m", "1", "rgb64", "uniform-middle:8")


def test_key__every_part_counts_and_it_is_stable():
    others = [
        EmbeddingSpace("me/n", "1", "rgb64", "uniform-middle:8"),
        EmbeddingSpace("me/m", "2", "rgb64", "uniform-middle:8"),
        EmbeddingSpace("me/m", "1", "rgb32", "uniform-middle:8"),
        EmbeddingSpace("me/m", "1", "rgb64", "uniform-middle:16"),
        EmbeddingSpace("me/m1", "", "rgb64", "uniform-middle:8"),
    ]
    keys = {space.key for space in [SPACE, *others]}
    assert len(keys) == 6
    assert SPACE.key == "944a7cfe5e80d3f4"


def test_same_model__sampling_may_differ():
    assert SPACE.same_model(EmbeddingSpace("me/m", "1", "rgb64"))
    assert not SPACE.same_model(EmbeddingSpace("me/m", "2", "rgb64"))
    assert not SPACE.same_model(EmbeddingSpace("me/m", "1", "rgb32"))


def test_of__reads_the_model():
    assert EmbeddingSpace.of(MotionModel(), "all") == EmbeddingSpace(
        "fakes/motion", "1", "mean-rgb-motion", "all"
    )


def test_of__any_object_has_a_space():
    class Plain:
        pass

    assert EmbeddingSpace.of(Plain()).model_id.endswith("Plain")


def test_unit_rows__zero_rows_stay_zero():
    assert unit_rows(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2


def test_as_rows__drops_gradients_and_precision():
    rows = as_rows(torch.ones(3, dtype=torch.float16, requires_grad=True))
    assert (rows.shape, rows.dtype, rows.requires_grad) == ((1, 3), torch.float32, False)


def test_as_rows__refuses_other_shapes():
    with pytest.raises(ModelInputError, match=r"\(1, 2, 3\)"):
        as_rows(torch.ones(1, 2, 3))

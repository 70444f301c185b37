import hashlib

import numpy as np
import pytest

from models.errors import CorruptedModelPackageError, InvalidParameterError
from models.known_answers import known_answer_drift, known_answer_frames, record_known_answers
from tests.fakes import MeanColorModel, MotionModel

SHAPE = (3, 20, 32, 3)


@pytest.mark.parametrize(
    ("pattern", "digest"),
    [
        ("ramp", "4f6435ef481b"),
        ("moving-square", "965190de33c1"),
        ("checker", "d1a02d531c38"),
        ("noise", "a9a3663b451f"),
    ],
)
def test_known_answer_frames__are_these_bytes_everywhere(pattern, digest):
    frames = known_answer_frames(pattern, SHAPE)
    assert (frames.shape, frames.dtype) == (SHAPE, np.uint8)
    assert hashlib.sha256(frames.tobytes()).hexdigest()[:12] == digest


@pytest.mark.parametrize("pattern", ["ramp", "moving-square", "checker", "noise"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 2, 1, 3), (8, 3, 500, 3)])
def test_known_answer_frames__any_size(pattern, shape):
    assert known_answer_frames(pattern, shape).shape == shape


def test_known_answer_frames__moving_square_moves_right():
    frames = known_answer_frames("moving-square", SHAPE)
    columns = [np.flatnonzero(frame[10, :, 0] == 255).mean() for frame in frames]
    assert columns == sorted(columns)
    assert columns[0] < columns[-1]


@pytest.mark.parametrize(
    ("pattern", "shape"),
    [("spiral", SHAPE), ("ramp", (2, 2, 3)), ("ramp", (2, 2, 2, 4)), ("ramp", (0, 2, 2, 3))],
)
def test_known_answer_frames__refuses(pattern, shape):
    with pytest.raises(InvalidParameterError):
        known_answer_frames(pattern, shape)


def test_record_and_drift__the_same_model_does_not_drift():
    model = MotionModel()
    answers = record_known_answers(model, texts=["red right"], clips=[("moving-square", SHAPE)])
    assert [answer["kind"] for answer in answers] == ["text", "frames"]
    assert answers[0]["vector_head"] == pytest.approx([0.5**0.5, 0, 0, 0, 0.5**0.5, 0], abs=1e-6)
    assert known_answer_drift(model, answers) == []


def test_record_and_drift__image_models_pool_their_frames():
    answers = record_known_answers(MeanColorModel(), clips=[("ramp", SHAPE)])
    assert len(answers[0]["vector_head"]) == 4
    assert known_answer_drift(MeanColorModel(), answers) == []


def test_drift__names_input_and_distance():
    answers = record_known_answers(MotionModel(), texts=["red"], clips=[("ramp", SHAPE)])
    answers[0]["vector_head"][0] = 0.9
    [sentence] = known_answer_drift(MotionModel(), answers)
    assert sentence.startswith("The vector of the text 'red' is off by 0.1 ")


def test_drift__low_precision_is_allowed_more():
    answers = record_known_answers(MotionModel(), texts=["red"])
    answers[0]["vector_head"][0] -= 0.02
    assert known_answer_drift(MotionModel(), answers)
    assert known_answer_drift(MotionModel(), answers, low_precision=True) == []


def test_drift__another_length_or_nan_is_drift():
    answers = record_known_answers(MotionModel(), texts=["red"])
    assert known_answer_drift(MeanColorModel(), answers)
    answers[0]["vector_head"][1] = float("nan")
    assert known_answer_drift(MotionModel(), answers)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kind": "sound", "input": "x", "vector_head": [1]},
        {"kind": "text", "input": "x"},
        {"kind": "text", "input": "x", "vector_head": ["a"]},
        {"kind": "frames", "input": 3, "vector_head": [1]},
        "text",
    ],
)
def test_drift__malformed_answers(answer):
    with pytest.raises(CorruptedModelPackageError, match="malformed"):
        known_answer_drift(MotionModel(), [answer])

"""Settings as text: the same for stages made alike, another for each option."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import MeanColorModel
from workbench.stages import (
    DecodeStage,
    EmbedStage,
    ProcessingStage,
    ReadClipsStage,
    Resources,
    processing_stage,
)
from workbench.stages.settings import stage_settings


class Versioned(MeanColorModel):
    revision = "1"


class Holds(ProcessingStage):
    def __init__(self, value):
        self.value = value

    def process(self, task):
        return task


def test_stage_settings__what_only_changes_the_speed_does_not_count():
    fast = EmbedStage("me/m", model_inference_batch_size=64, device="cuda").with_(
        num_workers=4, resources=Resources(gpus=1), name="other"
    )
    assert stage_settings(fast) == stage_settings(EmbedStage("me/m"))
    assert stage_settings(DecodeStage(4)) != stage_settings(DecodeStage(8))


def test_stage_settings__a_model_is_its_id_and_revision():
    named = stage_settings(EmbedStage(Versioned()))
    Versioned.revision = "2"
    try:
        assert named["model"].endswith(' 1"')
        assert stage_settings(EmbedStage(Versioned()))["model"].endswith(' 2"')
    finally:
        Versioned.revision = "1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Path("a"), Path("b")),
        ({"x": [1, (2,)]}, {"x": [1, (3,)]}),
        ({"p", "q"}, {"p"}),
        (np.zeros(3), np.ones(3)),
        (["x" * 300, "a"], ["x" * 300, "b"]),
    ],
)
def test_stage_settings__values_of_any_kind(one, other):
    assert stage_settings(Holds(one)) == stage_settings(Holds(one)) != stage_settings(Holds(other))
    assert max(map(len, stage_settings(Holds(one)).values())) <= 200
    assert stage_settings(Holds(object()))["value"] == '"object"'
    assert stage_settings(ReadClipsStage("films"))["source"] == '"films"'


def keep(threshold):
    def inner(task):
        return task if task.num_items > threshold else None

    return processing_stage()(inner)


def among(*names):
    helper = (
        (lambda task: task.name in ("a", "b")) if names == ("a", "b") else (lambda task: task.name == "c")
    )

    @processing_stage()
    def inner(task):
        return task if helper(task) else None

    return inner


def with_default(value):
    def inner(task, least=value, *, most=value):
        return task if least <= task.num_items <= most else None

    return Holds(inner)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: keep(1), lambda: keep(100)),
        (lambda: among("a", "b"), lambda: among("c")),
        (lambda: with_default(1), lambda: with_default(2)),
        (lambda: Holds(lambda x: x + 1), lambda: Holds(lambda x: -x)),
        (lambda: Holds(lambda x: x in {"a", "b"}), lambda: Holds(lambda x: x in {"c", "d"})),
        (lambda: Holds(lambda x: [y + 1 for y in x]), lambda: Holds(lambda x: [y + 2 for y in x])),
    ],
    ids=["closure", "helper", "default", "code", "set", "nested"],
)
def test_stage_settings__functions_that_do_something_else(one, other):
    assert stage_settings(one()) == stage_settings(one()) != stage_settings(other())


def test_stage_settings__what_a_function_notes_as_it_runs_does_not_count():
    seen = []

    @processing_stage()
    def note(task):
        seen.append(task)
        return task if not seen else note

    before = stage_settings(note)
    seen.append(1)
    assert stage_settings(note) == before


class Plus:
    def apply(self, x):
        return x + 1


class Minus:
    def apply(self, x):
        return -x


def test_stage_settings__methods_and_partial_functions_count_too():
    names = [
        stage_settings(Holds(one))["value"]
        for one in (Plus().apply, Minus().apply, partial(pow, 2), partial(pow, 3), partial(Plus.apply, None))
    ]
    assert len(set(names)) == len(names)
    assert stage_settings(Holds(Plus().apply))["value"] == names[0]

"""Composite stages: a pipeline runs their parts; mistakes are found when it is built."""

import numpy as np
import pytest

from models.auto import AutoModel
from models.errors import InvalidParameterError, InvalidTypeError, UnknownBackendTypeError
from tests.fakes import MeanColorModel
from workbench import embed, sample_clips
from workbench.errors import StageError
from workbench.stages import (
    CompositeStage,
    EmbedClipsStage,
    ImageBatch,
    ImageObject,
    Pipeline,
    ProcessingStage,
    WriteStoreStage,
)


class Named(ProcessingStage):
    """Writes its name on the batch."""

    def __init__(self, name):
        self.name = name

    def process(self, task):
        task._metadata.setdefault("by", []).append(self.name)
        return task


class Two(CompositeStage):
    def __init__(self, *names):
        self.names = names

    def decompose(self):
        return [Named(name) for name in self.names]


def test_pipeline__runs_the_parts_in_its_place():
    pipeline = Pipeline(stages=[Named("first"), Two("a", "b"), Named("last")])
    result = pipeline.run(initial_tasks=[ImageBatch(data=[ImageObject()])], progress=False)
    assert result[0]._metadata["by"] == ["first", "a", "b", "last"]
    assert [one.name for one in result.stats] == ["first", "a", "b", "last"]
    assert "2. a: 1 CPU" in pipeline.describe()


def test_with__changes_parts_and_leaves_the_stage_as_it_is():
    stage = Two("a", "b")
    changed = stage.with_({"a": {"name": "c"}}).with_({"c": {"num_workers": 3}}, name="both")
    assert [(part.name, part.num_workers) for part in changed.parts()] == [("c", 3), ("b", None)]
    assert [part.name for part in stage.parts()] == ["a", "b"]
    assert (stage.name, changed.name) == ("Two", "both")


@pytest.mark.parametrize(
    ("stage", "parts", "changes", "words"),
    [
        (Two("a", "b"), {"c": {}}, {}, "0 parts named 'c'; its parts are a, b"),
        (Two("a", "a"), {"a": {}}, {}, "2 parts named 'a'"),
        (Two("a", "b"), {"a": {"colour": 1}}, {}, "cannot change colour"),
        (Two("a", "b"), {}, {"batch_size": 2}, "it runs as its parts"),
    ],
)
def test_with__refuses(stage, parts, changes, words):
    with pytest.raises(InvalidParameterError, match=words):
        stage.with_(parts, **changes)


def test_process__refuses_to_work():
    with pytest.raises(RuntimeError, match="does no work itself"):
        Two("a").process(ImageBatch())


@pytest.mark.parametrize("inner", [Two("a"), "a stage"])
def test_build__takes_plain_stages_only(inner):
    class Nested(CompositeStage):
        def decompose(self):
            return [inner]

    with pytest.raises(InvalidTypeError, match="plain stages are expected"):
        Pipeline(stages=[Nested()]).build()


def test_build__two_parts_of_one_name():
    with pytest.raises(StageError, match="several stages named a"):
        Pipeline(stages=[Two("a", "b"), Named("a")]).build()


def test_embed_clips__gives_the_rows_of_embed(tmp_path):
    clips, store = sample_clips()[:5], tmp_path / "store"
    stage = EmbedClipsStage(clips, "workbench/spriteclip-tiny", items_per_task=2)
    done = Pipeline(stages=[stage, WriteStoreStage(store)]).run(progress=False)
    again = embed("workbench/spriteclip-tiny", clips, store=store, progress=False)
    assert again.stats.reused == 5
    assert np.abs(np.stack([item.embedding for item in done.items]) - again.vectors).max() < 1e-6
    assert all(item.frames is None for item in done.items)


def test_embed_clips__asks_the_model_how_many_frames_it_wants():
    def frames(model, **options):
        return [part.num_frames for part in EmbedClipsStage("x", model, **options).parts()[1:2]]

    model = MeanColorModel()
    assert frames(model) == [model.num_frames]
    assert frames("workbench/spriteclip-tiny") == [
        AutoModel.from_pretrained("workbench/spriteclip-tiny").num_frames
    ]
    assert frames(model, num_frames=3) == [3]


def test_embed_clips__hands_on_how_the_model_is_loaded():
    stage = EmbedClipsStage([], "workbench/spriteclip-tiny", backend="abacus").parts()[2]
    with pytest.raises(UnknownBackendTypeError, match="abacus"):
        stage.setup()

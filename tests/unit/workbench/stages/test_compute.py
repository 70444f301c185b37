"""The ready stages, in one pipeline from a folder to a store."""

import pickle
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from models.errors import InvalidParameterError
from tests.fakes import MeanColorModel
from workbench.engine.embed import embed
from workbench.engine.spaces import stored_space
from workbench.engine.store import MemoryStore
from workbench.errors import StageError
from workbench.media.images import jpeg_bytes
from workbench.media.samples import sample_clips
from workbench.stages import (
    ClassifyStage,
    DecodeStage,
    EmbedClipsStage,
    EmbedStage,
    ImageBatch,
    ImageObject,
    Pipeline,
    ReadClipsStage,
    TextScoreStage,
    VideoBatch,
    VideoObject,
    WriteStoreStage,
)
from workbench.store import EmbeddingStore


class Versioned(MeanColorModel):
    revision = "1"


@pytest.fixture
def folder(tmp_path):
    """Five pictures and a file that is none."""
    for number, color in enumerate([(250, 0, 0), (240, 10, 0), (0, 250, 0), (0, 0, 250), (0, 10, 250)]):
        pixels = np.full((12, 12, 3), color, np.uint8)
        (tmp_path / f"{number}.jpg").write_bytes(jpeg_bytes(pixels, max_side=12))
    (tmp_path / "text.mp4").write_text("no film")
    return tmp_path


def run(*stages):
    return Pipeline(stages=stages).run(progress=False)


def test_pipeline__gives_the_vectors_that_embed_gives(folder):
    result = run(ReadClipsStage(folder, items_per_task=2), DecodeStage(), EmbedStage(Versioned()))
    images = [item for item in result.items if isinstance(item, ImageObject)]
    vectors = embed(Versioned(), folder, progress=False)
    assert [item.image_id for item in images] == vectors.keys
    assert np.array_equal(np.stack([item.embedding for item in images]), vectors.vectors)
    assert set(images[0].embeddings) == {Versioned.model_id or "Versioned"}


def test_pipeline__a_broken_file_is_an_item_with_its_reason(folder):
    result = run(ReadClipsStage(folder), DecodeStage(), EmbedStage(Versioned()))
    (broken,) = [item for item in result.items if item.errors]
    assert "text.mp4" in str(broken.video_path)
    assert broken.errors["read"]
    assert broken.embedding is None


def test_pipeline__videos_with_the_bundled_model():
    clips = sample_clips()[:3]
    model = "workbench/spriteclip-tiny"
    stages = [ReadClipsStage([clip.path for clip in clips]), DecodeStage(num_frames=8), EmbedStage(model)]
    (task,) = run(*stages)
    assert isinstance(task, VideoBatch)
    vectors = embed(model, clips, progress=False)
    assert np.allclose(np.stack([item.embedding for item in task.data]), vectors.vectors, atol=1e-5)
    assert task.data[0].times_s.shape == (8,)
    assert task._stage_perf[-1].custom_metrics["model_s"] > 0


def test_embed_stage__drops_pixels_when_asked(folder):
    stages = [ReadClipsStage(folder), DecodeStage(), EmbedStage(Versioned(), remove_image_data=True)]
    images = [item for item in run(*stages).items if isinstance(item, ImageObject)]
    assert all(item.image_data is None and item.embedding is not None for item in images)


def test_embed_stage__halves_its_batch_when_memory_runs_out():
    class Narrow(Versioned):
        calls: ClassVar[list[int]] = []

        def embed_images(self, images):
            self.calls.append(len(images))
            if len(images) > 3:
                raise MemoryError
            return super().embed_images(images)

    images = [np.full((4, 4, 3), 20 * number, np.uint8) for number in range(10)]
    tasks = [ImageBatch(data=[ImageObject(image_id=str(n), image_data=one) for n, one in enumerate(images)])]
    result = Pipeline(stages=[EmbedStage(Narrow(), model_inference_batch_size=8)]).run(
        initial_tasks=tasks, progress=False
    )
    assert Narrow.calls == [8, 4, 2, 2, 2, 2, 2]
    rows = np.stack([item.embedding for item in result.items])
    assert np.allclose(rows, np.asarray(Versioned().embed_images(images)), atol=1e-6)


@pytest.mark.parametrize("size", [0, True, "large", 2.5])
def test_embed_stage__refuses_batch_sizes(size):
    with pytest.raises(InvalidParameterError, match="model_inference_batch_size is"):
        EmbedStage(Versioned(), model_inference_batch_size=size)


def test_embed_stage__an_item_that_is_not_decoded_says_so():
    stage = EmbedStage(Versioned())
    stage.setup()
    task = stage.process(ImageBatch(data=[ImageObject()]))
    assert "not decoded" in task.data[0].errors["embed"]
    assert stage.process(ImageBatch()).data == []


def test_text_score__keeps_what_fits_and_what_is_broken(folder):
    stages = [ReadClipsStage(folder), DecodeStage(), EmbedStage(Versioned())]
    result = run(*stages, TextScoreStage(Versioned(), "red", at_least=0.5))
    good = [item for item in result.items if not item.errors]
    assert [item.image_id for item in good] == ["0.jpg", "1.jpg"]
    assert all(item.scores["red"] >= 0.5 for item in good)
    assert len([item for item in result.items if item.errors]) == 1


def test_write_store__the_next_embed_computes_nothing(folder, tmp_path_factory):
    pytest.importorskip("lancedb", reason="lancedb is not installed")
    store = tmp_path_factory.mktemp("stores") / "store"
    stages = [ReadClipsStage(folder, items_per_task=2), DecodeStage(), EmbedStage(Versioned())]
    run(*stages, WriteStoreStage(store))
    assert embed(Versioned(), folder, store=store, progress=False).stats.reused == 5


def test_write_store__keeps_vectors_in_the_space_of_the_frames_that_were_seen(tmp_path):
    pytest.importorskip("lancedb", reason="lancedb is not installed")
    paths = [clip.path for clip in sample_clips()[:2]]
    stages = [ReadClipsStage(paths), DecodeStage(num_frames=16), EmbedStage("workbench/spriteclip-tiny")]
    run(*stages, WriteStoreStage(tmp_path / "store"))
    (space,) = EmbeddingStore(tmp_path / "store").spaces()
    assert space.sampling == "uniform-middle:16"


def test_write_store__vectors_of_no_known_space_are_refused(tmp_path):
    stage = WriteStoreStage(MemoryStore())
    stage.setup()
    item = ImageObject(metadata={"clip": sample_clips()[0]}, embedding=np.ones(3, np.float32))
    with pytest.raises(StageError, match="which space"):
        stage.process(ImageBatch(data=[item]))


def test_stages__before_setup_and_with_strange_items():
    with pytest.raises(StageError, match="is not set up"):
        EmbedStage(Versioned()).process(ImageBatch())
    with pytest.raises(StageError, match="is not set up"):
        TextScoreStage(Versioned(), "red").process(ImageBatch())
    with pytest.raises(StageError, match="has no clip"):
        DecodeStage().process(VideoBatch(data=[VideoObject("x.mp4")]))


def pictures(*shades, channels=3):
    return [
        ImageObject(image_id=f"i{shade}", image_data=np.full((8, 8, channels), shade, np.uint8))
        for shade in shades
    ]


def test_embed_stage__pixels_that_no_model_takes_are_their_items_error():
    items = [*pictures(9), *pictures(1, channels=4), *pictures(200)]
    items[1].image_data = items[1].image_data.astype(np.int64)
    task = ImageBatch("set", items)
    result = Pipeline(stages=[EmbedStage(Versioned())]).run(initial_tasks=[task], progress=False)
    assert [item.embedding is None for item in result.items] == [False, True, False]
    assert "3 channels" in result.items[1].errors["embed"]


def test_write_store__keeps_images_that_were_made_by_hand(tmp_path):
    stages = [EmbedStage(Versioned()), WriteStoreStage(tmp_path / "s")]
    tasks = [ImageBatch("a", pictures(1, 9)), ImageBatch("b", pictures(1))]
    for _ in range(2):  # a second run adds nothing
        Pipeline(stages=stages).run(initial_tasks=tasks, progress=False)
    store = EmbeddingStore(tmp_path / "s")
    (space,) = store.spaces()
    assert store.rows(space)["key"].tolist() == ["i1", "i9", "i1"]
    assert store.rows(space)["kind"].unique().tolist() == ["image"]


@pytest.mark.parametrize("make", [lambda m: TextScoreStage(m, "red"), lambda m: ClassifyStage(m, ["red"])])
def test_stages__vectors_of_another_model_are_refused(make):
    task = ImageBatch(data=pictures(1))
    (embedded,) = Pipeline(stages=[EmbedStage(Versioned())]).run(initial_tasks=[task], progress=False)
    embedded.space = replace(embedded.space, model_id="some/other")
    with pytest.raises(StageError, match=r"EmbeddingSpaceError: .* of some/other 1"):
        Pipeline(stages=[make(Versioned())]).run(initial_tasks=[embedded], progress=False)


class Unversioned(MeanColorModel):
    revision = ""


def test_embed_stage__copies_of_a_model_without_a_version_are_known_by_one_name(folder):
    stage = EmbedStage(Unversioned())
    copies = [pickle.loads(pickle.dumps(stage)) for _ in range(2)]
    spaces = set()
    for copied in copies:
        spaces |= {batch.space for batch in run(ReadClipsStage(folder), DecodeStage(), copied) if batch.space}
    assert len(spaces) == 1
    assert stored_space(stage.model).revision == spaces.pop().revision


def test_text_score_stage__takes_copies_of_a_model_without_a_version_for_the_same(folder):
    embed_stage, score = (
        pickle.loads(pickle.dumps(one))
        for one in (EmbedStage(Unversioned()), TextScoreStage(Unversioned(), "red"))
    )
    result = run(ReadClipsStage(folder), DecodeStage(), embed_stage, score)
    assert sum("red" in item.scores for batch in result for item in batch.data) == 5


def test_embed_clips_stage__names_the_space_as_embed_does(folder):
    result = run(EmbedClipsStage(folder, Versioned(), num_frames=4))
    embeddings = embed(Versioned(), folder, num_frames=4, progress=False)
    assert {batch.space for batch in result if batch.space} == {embeddings.space}

"""What pipelines keep: Parquet files and shards, whole or not at all, replaced by a second run."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.fakes import MeanColorModel
from workbench import classify, embed, sample_clips
from workbench.errors import NothingToRankError, StageError
from workbench.media.shards import read_shard
from workbench.stages import (
    ClassifyStage,
    DecodeStage,
    EmbedStage,
    ImageBatch,
    ImageObject,
    ImageTextPairDataset,
    Pipeline,
    ReadClipsStage,
    RegisteredModelEmbedder,
    VideoBatch,
    VideoObject,
    WriteParquetStage,
    WriteWebDatasetStage,
)


def run(*stages):
    return Pipeline(stages=stages).run(progress=False)


def image(name, shade=0):
    return ImageObject(image_id=name, image_data=np.full((4, 6, 3), shade, np.uint8))


def test_write_parquet__a_second_run_replaces(tmp_path):
    clips = sample_clips()[:5]
    stages = [
        ReadClipsStage(clips, items_per_task=2),
        DecodeStage(2),
        EmbedStage(MeanColorModel()),
        WriteParquetStage(tmp_path / "new" / "table"),
    ]
    first = run(*stages)
    run(*stages)
    assert len(list((tmp_path / "new" / "table").iterdir())) == 3
    table = pd.read_parquet(tmp_path / "new" / "table").set_index("id").loc[clips.keys]
    vectors = np.stack([item.embedding for item in first.items])
    assert np.array_equal(np.stack(table["embedding"]), vectors)
    assert table["stop_s"].tolist() == [clip.stop_s for clip in clips]
    assert table["space"].unique().tolist() == [first[0].space.key]
    assert table["model_id"].unique().tolist() == [first[0].space.model_id]


def test_write_parquet__items_with_errors_and_strange_names(tmp_path):
    items = [VideoObject("ä\udc80.mp4", 'x"\n', errors={"decode": "cut short"}), VideoObject("b.mp4", "b")]
    WriteParquetStage(tmp_path).process(VideoBatch(data=items))
    table = pd.read_parquet(tmp_path)
    assert json.loads(table["errors"][0]) == {"decode": "cut short"}
    assert table["embedding"].tolist() == [None, None]
    assert table["path"].tolist() == ["ä\\udc80.mp4", "b.mp4"]


def test_write_parquet__nothing_and_a_failed_write_leave_no_file(tmp_path, monkeypatch):
    WriteParquetStage(tmp_path).process(ImageBatch())

    def full_disk(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("pyarrow.parquet.write_table", full_disk)
    with pytest.raises(OSError, match="no space"):
        WriteParquetStage(tmp_path).process(ImageBatch(data=[image("a")]))
    assert list(tmp_path.iterdir()) == []


def test_write_webdataset__can_be_read_back(tmp_path):
    batch = ImageBatch(data=[image(str(shade), shade) for shade in range(5)])
    batch.data[1].image_data = None
    batch.data[2].metadata = {"label": "grey", "clip": object()}
    stage = WriteWebDatasetStage(tmp_path, images_per_tar=3)
    shards = stage.process(batch)._metadata["shards"]
    contents = [(tmp_path / name).read_bytes() for name in shards]
    samples = [sample for shard in shards for sample in read_shard(shard)]
    assert [sample.key for sample in samples] == ["000000", "000002", "000003", "000004"]
    assert json.loads(samples[1].parts["json"]) == {"id": "2", "path": "", "scores": {}, "label": "grey"}
    (tmp_path / "one.png").write_bytes(samples[1].parts["png"])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.png")), batch.data[2].image_data)
    (tmp_path / "one.png").unlink()
    assert stage.process(batch)._metadata["shards"] == shards
    assert [(tmp_path / name).read_bytes() for name in shards] == contents
    assert len(list(tmp_path.iterdir())) == 2


def test_classify_stage__says_what_classify_says():
    clips, model = sample_clips()[:6], "workbench/spriteclip-tiny"
    labels = ["a star", "a circle", "a square"]
    result = run(ReadClipsStage(clips), DecodeStage(), EmbedStage(model), ClassifyStage(model, labels))
    expected = classify(model, embed(model, clips, progress=False), labels)
    rows = [[item.scores[label] for label in labels] for item in result.items]
    assert np.allclose(rows, expected.probabilities, atol=1e-5)
    assert [item.metadata["label"] for item in result.items] == [top[0][0] for top in expected.top(1)]
    assert all(item.metadata["probability"] == max(item.scores.values()) for item in result.items)


def test_classify_stage__without_labels_or_vectors():
    with pytest.raises(NothingToRankError, match="no label"):
        ClassifyStage(MeanColorModel(), [" "])
    stage = ClassifyStage(MeanColorModel(), ["red"])
    stage.setup()
    assert stage.process(ImageBatch(data=[image("a")])).data[0].scores == {}


def test_writers__scores_of_any_kind_are_valid_json(tmp_path):
    item = image("a")
    item.scores = {"half": np.float32(0.5), "none": float("nan"), "n": 1}
    item.errors = {"x": ValueError("bad")}
    item.metadata = {"id": "other", "label": "grey"}
    item.embedding = torch.ones(3, requires_grad=True)
    task = ImageBatch(data=[item])
    WriteParquetStage(tmp_path / "table").process(task)
    (shard,) = WriteWebDatasetStage(tmp_path / "shards").process(task)._metadata["shards"]
    (row,) = pd.read_parquet(tmp_path / "table").to_dict("records")
    assert json.loads(row["scores"], parse_constant=pytest.fail) == {"half": 0.5, "none": None, "n": 1}
    assert json.loads(row["errors"]) == {"x": "bad"}
    assert row["embedding"].tolist() == [1, 1, 1]
    facts = json.loads(next(read_shard(shard)).parts["json"], parse_constant=pytest.fail)
    assert (facts["id"], facts["label"], facts["scores"]["none"]) == ("a", "grey", None)


@pytest.mark.parametrize("vector", [np.array([1, np.nan]), np.ones((1, 2))])
def test_write_parquet__refuses_what_is_no_vector(tmp_path, vector):
    task = ImageBatch(data=[ImageObject(image_id="a", embedding=vector)])
    with pytest.raises(StageError, match="D finite numbers are expected"):
        WriteParquetStage(tmp_path).process(task)


def test_write_webdataset__can_be_embedded_again(tmp_path):
    WriteWebDatasetStage(tmp_path).process(ImageBatch(data=[image(f"img{n}", n) for n in range(3)]))
    table = RegisteredModelEmbedder(MeanColorModel())(ImageTextPairDataset.from_webdataset(tmp_path)).metadata
    assert table["id"].tolist() == ["img0", "img1", "img2"]
    assert not table["image_embedding"].isna().any()


def test_write_webdataset__what_cannot_be_written_says_so(tmp_path):
    clip = VideoObject(frames=np.zeros((1, 4, 4, 3), np.uint8))
    bare, broken = (
        ImageObject(image_id="bare"),
        ImageObject(image_id="broken", errors={"decode": "cut short"}),
    )
    stage = WriteWebDatasetStage(tmp_path)
    (task,) = Pipeline(stages=[stage]).run(
        initial_tasks=[ImageBatch(data=[clip, bare, broken])], progress=False
    )
    assert "shards hold images, and it is a clip" in clip.errors["write_webdataset"]
    assert "put a stage that decodes before" in bare.errors["write_webdataset"]
    assert broken.errors == {"decode": "cut short"}
    assert task._metadata["shards"] == []

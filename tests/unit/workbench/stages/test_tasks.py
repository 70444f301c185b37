"""What a task is known by: in checkpoints, and in the names of the files that are written of it."""

import numpy as np
import pandas as pd
import pytest

from workbench.stages import (
    ImageBatch,
    ImageObject,
    Pipeline,
    Task,
    VideoBatch,
    VideoObject,
    WriteParquetStage,
    WriteWebDatasetStage,
    processing_stage,
)
from workbench.stages.tasks import identify, identity_of, numbered


def image(name, shade=0, **facts):
    return ImageObject(image_id=name, image_data=np.full((4, 6, 3), shade, np.uint8), metadata=facts)


def test_identity__knows_items_pixels_facts_order_and_kind():
    one, two = image("", 1), image("", 2)
    identities = [
        identity_of(task)
        for task in (
            ImageBatch(data=[one, two]),
            ImageBatch(data=[two, one]),
            ImageBatch(data=[one]),
            ImageBatch(data=[image("a", 1)]),
            ImageBatch(data=[image("a", 2)]),
            ImageBatch("set", [image("a", 1)]),
            ImageBatch(data=[ImageObject(metadata={"url": "one"})]),
            ImageBatch(data=[ImageObject(metadata={"url": "two"})]),
            ImageBatch(_metadata={"page": 1}),
            ImageBatch(data=[]),
            VideoBatch(data=[]),
            VideoBatch(data=[VideoObject("a.mp4", stop_s=1.0)]),
            VideoBatch(data=[VideoObject("a.mp4", stop_s=2.0)]),
            "text",
        )
    ]
    assert len(set(identities)) == len(identities)
    assert identity_of(ImageBatch(data=[image("", 1)], task_id="9")) == identities[2]


def test_identity__stays_whatever_is_found_out_or_taken_away():
    (task,) = numbered([ImageBatch(data=[image("a"), image("b")])])
    before = task.identity
    task.data.pop().image_data = None
    task.data[0].scores["red"] = 1.0
    task.data[0].metadata["label"] = "red"
    assert identity_of(task) == before == next(numbered([ImageBatch(data=[image("a"), image("b")])])).identity


@pytest.mark.parametrize("count", [1, 2])
def test_identify__what_a_stage_makes_anew_is_known_by_what_it_came_from(count):
    parents = list(numbered([ImageBatch(data=[image(name)]) for name in "ab"[:count]]))
    first, second = ([(ImageBatch(data=[image("x")]), parents)] for _ in range(2))
    identify(first)
    identify(second)
    assert first[0][0].identity == second[0][0].identity
    assert (first[0][0].identity == parents[0].identity) == (count == 1)


def test_identify__of_the_empty_task_that_starts_a_pipeline_only_the_content_counts():
    made = [(ImageBatch(data=[image(name)]), [Task()]) for name in "ab"]
    identify(made)
    assert [task.identity for task, _ in made] == [
        identity_of(ImageBatch(data=[image(name)])) for name in "ab"
    ]


@processing_stage()
def crops(task):
    return [
        ImageBatch(data=[ImageObject(image_id="a", image_data=np.full((2, 2, 3), shade, np.uint8))])
        for shade in range(3)
    ]


@processing_stage()
def bare(task):
    for item in task.data:
        item.image_data = None
    return task


def rows(folder):
    return sorted(pd.read_parquet(folder)["id"])


def test_writers__parts_of_one_image_are_files_of_their_own(tmp_path):
    table, shards = tmp_path / "table", tmp_path / "shards"
    stages = [crops, WriteParquetStage(table), WriteWebDatasetStage(shards)]
    for _ in range(2):  # a second run replaces
        Pipeline(stages=stages).run(initial_tasks=[ImageBatch(data=[image("a")])], progress=False)
        assert rows(table) == ["a", "a", "a"]
        assert len(list(shards.iterdir())) == 3


def test_writers__batches_of_several_datasets_or_facts_are_files_of_their_own(tmp_path):
    tasks = [ImageBatch(name, [image("0")]) for name in "ab"]
    tasks += [ImageBatch("c", [ImageObject(metadata={"url": name})]) for name in "ab"]
    tasks += [ImageBatch("d", [image("0", shade)]) for shade in range(2)]
    Pipeline(stages=[bare, WriteParquetStage(tmp_path)]).run(initial_tasks=tasks, progress=False)
    assert rows(tmp_path) == ["", "", "0", "0", "0", "0"]

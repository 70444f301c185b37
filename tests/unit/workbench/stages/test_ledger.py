"""A pipeline that was cut off goes on where it was."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.fakes import MeanColorModel
from workbench.errors import StageError
from workbench.media.images import jpeg_bytes
from workbench.stages import (
    ImageBatch,
    ImageObject,
    InProcessExecutor,
    Pipeline,
    ProcessingStage,
    ReadClipsStage,
    TextScoreStage,
    WriteParquetStage,
    processing_stage,
)
from workbench.stages.ledger import Ledger
from workbench.stages.runs import TaskFailure


class Versioned(MeanColorModel):
    revision = "1"


def batches(count):
    return [
        ImageBatch(data=[ImageObject(image_id=f"{number}-{place}") for place in range(2)])
        for number in range(count)
    ]


def pipeline(seen, breaks=(), *, source=0):
    breaks = list(breaks)  # the state of the world, no option

    @processing_stage()
    def make(task):
        return batches(source)

    @processing_stage()
    def split(task):
        return [ImageBatch(data=[item]) for item in task.data]

    @processing_stage()
    def work(task):
        (item,) = task.data
        if item.image_id in breaks:
            raise OSError("no space left")
        seen.append(item.image_id)
        return task

    return Pipeline(stages=[*([make] if source else []), split, work])


@pytest.mark.parametrize("source", [0, 4])
def test_run__goes_on_after_an_error(tmp_path, source):
    seen = []
    given = None if source else batches(4)
    with pytest.raises(StageError, match="no space left"):
        pipeline(seen, ["2-1"], source=source).run(
            initial_tasks=given, progress=False, checkpoint=tmp_path / "new" / "one"
        )
    given = None if source else batches(4)
    first, again = list(seen), []
    result = pipeline(again, source=source).run(
        initial_tasks=given, progress=False, checkpoint=tmp_path / "new" / "one"
    )
    assert result.resumed
    assert again[0] == f"{result.resumed}-0"  # whole tasks only
    assert {*first, *again} == {f"{number}-{place}" for number in range(4) for place in range(2)}
    assert len(result) + 2 * result.resumed == 8
    result = pipeline([], source=source).run(
        initial_tasks=None if source else batches(4), progress=False, checkpoint=tmp_path / "new" / "one"
    )
    assert (list(result), result.resumed) == ([], 4)
    assert [stats.tasks_in for stats in result.stats] == [1, 0, 0][-len(result.stats) :]


def test_run__what_failed_is_tried_again(tmp_path):
    executor = InProcessExecutor(ignore_failures=True)
    result = pipeline([], ["1-1"]).run(executor, batches(3), checkpoint=tmp_path)
    assert [one.task for one in result.failures] == ["1_1"]
    seen = []
    assert pipeline(seen).run(executor, batches(3), checkpoint=tmp_path).resumed == 2
    assert seen == ["1-0", "1-1"]


def test_run__other_stages_and_other_contents_are_not_finished(tmp_path):
    pipeline([]).run(initial_tasks=batches(2), progress=False, checkpoint=tmp_path)
    other = pipeline([])
    other.stages[1] = other.stages[1].with_(name="other")
    assert other.run(initial_tasks=batches(2), progress=False, checkpoint=tmp_path).resumed == 0
    assert pipeline([]).run(initial_tasks=batches(3), progress=False, checkpoint=tmp_path).resumed == 2


def test_ledger__passes_over_damaged_lines(tmp_path):
    ledger = Ledger(tmp_path, ["a"])
    assert len(list(ledger.waiting(batches(3)))) == 3
    ledger.finish([0, 1])
    lines = ledger.path.read_bytes()
    ledger.path.write_bytes(b'\xff\n7\n{"task": 1}\n' + lines[:-20])  # the second was cut off
    again = Ledger(tmp_path, ["a"])
    assert [task.task_id for task in again.waiting(batches(3))] == ["1", "2"]
    again.finish([0, 1])
    assert list(Ledger(tmp_path, ["a"]).waiting(batches(3))) == []
    assert json.loads(again.path.read_text(errors="replace").splitlines()[-1])["task"] == "2"


def test_ledger__tells_failed_tasks_by_where_they_came_from(tmp_path):
    ledger = Ledger(tmp_path, ["a"])
    list(ledger.waiting(batches(4)))
    ledger.finish(range(4), [TaskFailure("s", "any name", "no", frozenset({1, 3}))])
    assert [task.task_id for task in Ledger(tmp_path, ["a"]).waiting(batches(4))] == ["1", "3"]


class Picky(ProcessingStage):
    """Fails on what it is told to, wherever it stands."""

    def __init__(self, refused):
        self._refused = refused

    def process(self, task):
        name = task if isinstance(task, str) else task.data[0].image_id
        if name in self._refused:
            raise ValueError(name)
        return task


class Anew(ProcessingStage):
    """Makes new tasks, two at a time, under names of its own."""

    batch_size = 2

    def process(self, task):
        return ImageBatch(data=list(task.data), task_id=f"child-{task.task_id}")

    def process_batch(self, tasks):
        return [ImageBatch(data=list(task.data)) for task in tasks]


@pytest.mark.parametrize("anew", [[], [Anew()], [Anew().with_(batch_size=1)]])
@pytest.mark.parametrize("names", ["", "x, {}", "1", "\n"])
def test_run__what_failed_is_tried_again_whatever_it_is_called(tmp_path, anew, names):
    def given():
        return [ImageBatch(data=[ImageObject(image_id=name)], task_id=names.format(name)) for name in "abcde"]

    executor = InProcessExecutor(ignore_failures=True)
    first = Pipeline(stages=[*anew, Picky("bd")]).run(executor, given(), checkpoint=tmp_path)
    assert len(first.failures) == 2
    again = Pipeline(stages=[*anew, Picky("")]).run(executor, given(), checkpoint=tmp_path)
    assert [item.image_id for item in again.items] == ["b", "d"]
    assert again.resumed == 3


def test_run__tasks_of_any_type_that_failed_are_tried_again(tmp_path):
    executor = InProcessExecutor(ignore_failures=True)
    Pipeline(stages=[Picky("b")]).run(executor, ["a", "b", "c"], checkpoint=tmp_path)
    again = Pipeline(stages=[Picky("")]).run(executor, ["a", "b", "c"], checkpoint=tmp_path)
    assert (list(again), again.resumed) == (["b"], 2)


def test_run__a_folder_that_grew_gives_each_item_once(tmp_path):
    (tmp_path / "in").mkdir()

    def add(name, shade):
        pixels = np.full((8, 8, 3), shade, np.uint8)
        (tmp_path / "in" / name).write_bytes(jpeg_bytes(pixels, max_side=8))

    def run():
        stages = [ReadClipsStage(tmp_path / "in", items_per_task=3), WriteParquetStage(tmp_path / "out")]
        return Pipeline(stages=stages).run(progress=False, checkpoint=tmp_path / "list")

    for place in range(7):
        add(f"i{place}.jpg", place)
    assert run().resumed == 0
    add("a.jpg", 100)  # comes first, so that every batch is another one
    add("i3.jpg", 200)  # another picture under the same name
    result = run()
    assert [item.image_id for item in result.items] == ["a.jpg", "i3.jpg"]
    assert run().resumed == 3
    found = pd.read_parquet(tmp_path / "out")["id"].value_counts().to_dict()
    assert found == {"a.jpg": 1, "i3.jpg": 2} | {f"i{place}.jpg": 1 for place in (0, 1, 2, 4, 5, 6)}


def test_ledger__where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError, match=r"finished\.jsonl cannot be used"):
        Ledger(tmp_path / "file", ["a"])
    ledger = Ledger(tmp_path / "gone", ["a"])
    list(ledger.waiting(batches(1)))
    (tmp_path / "gone").rmdir()
    with pytest.raises(StageError, match="cannot be used"):
        ledger.finish([0])


def test_run__stages_with_other_options_are_refused(tmp_path):
    def run(at_least=None, folder="a", **changes):
        stage = TextScoreStage(Versioned(), "red", at_least=at_least).with_(**changes)
        stages = [stage, WriteParquetStage(tmp_path / folder)]
        return Pipeline(stages=stages).run(initial_tasks=batches(2), progress=False, checkpoint=tmp_path)

    assert run().resumed == 0
    assert run(num_workers=2).resumed == 2  # how fast it runs does not matter
    with pytest.raises(StageError, match=r"at_least of stage 'text_score' was not set, now it is 0\.5"):
        run(at_least=0.5)
    with pytest.raises(StageError, match=r"folder of stage 'write_parquet' was .*a.*, now it is .*b"):
        run(folder="b")
    assert run(name="other").resumed == 0  # other stages may share the folder


def test_run__a_changed_function_is_refused(tmp_path):
    def run(threshold):
        keep = [lambda task: task if task.num_items > 1 else None, lambda task: task][threshold]
        stage = processing_stage(name="keep")(keep)
        return Pipeline(stages=[stage]).run(initial_tasks=batches(1), progress=False, checkpoint=tmp_path)

    assert (run(0).resumed, run(0).resumed) == (0, 1)
    with pytest.raises(StageError, match="function of stage 'keep' was"):
        run(1)

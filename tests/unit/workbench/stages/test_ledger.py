"""A pipeline that was cut off goes on where it was."""

import json

import pytest

from tests.fakes import MeanColorModel
from workbench.errors import StageError
from workbench.stages import (
    ImageBatch,
    ImageObject,
    InProcessExecutor,
    Pipeline,
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


def test_ledger__tells_failed_tasks_by_their_names(tmp_path):
    ledger = Ledger(tmp_path, ["a"])
    list(ledger.waiting(batches(12)))
    ledger.finish(range(12), [TaskFailure("s", "1_0_2, 3", "no")])
    assert [task.task_id for task in Ledger(tmp_path, ["a"]).waiting(batches(12))] == ["1", "3"]


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

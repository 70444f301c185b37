"""Pipelines in this process: order, fan out, filters, batches, failures, stop, metrics."""

import threading
import time

import pytest

from models.errors import InvalidTypeError
from tests.fakes import MeanColorModel
from workbench.engine.job import Job
from workbench.errors import InvalidParameterError, StageError
from workbench.stages import (
    DecodeStage,
    EmbedStage,
    ImageBatch,
    ImageObject,
    InProcessExecutor,
    Pipeline,
    PipelineResult,
    ProcessingStage,
    ReadClipsStage,
    RegisteredModelEmbedder,
    Resources,
    SampleStage,
    Task,
    VideoBatch,
    VideoObject,
    WriteWebDatasetStage,
    processing_stage,
)


def batches(count, items=2):
    return [
        ImageBatch(data=[ImageObject(image_id=f"{number}-{place}") for place in range(items)])
        for number in range(count)
    ]


class Tag(ProcessingStage[ImageBatch, ImageBatch]):
    """Notes its worker's number on every item."""

    lock = threading.Lock()
    made = 0

    def setup(self, worker_metadata=None):
        with Tag.lock:
            Tag.made += 1
            self.number = Tag.made

    def process(self, task):
        for item in task.data:
            item.metadata["worker"] = self.number
        self._log_metric("tagged", task.num_items)
        return task


@processing_stage()
def split(task):
    return [ImageBatch(data=[item]) for item in task.data]


@processing_stage()
def odd_only(task):
    return task if int(task.data[0].image_id.split("-")[0]) % 2 else None


def test_run__keeps_order_through_fan_out_and_filter():
    result = Pipeline(stages=[split, odd_only, Tag()]).run(initial_tasks=batches(6), progress=False)
    assert [item.image_id for item in result.items] == ["1-0", "1-1", "3-0", "3-1", "5-0", "5-1"]
    assert [task.task_id for task in result] == ["1_0", "1_1", "3_0", "3_1", "5_0", "5_1"]
    assert [stats.tasks_in for stats in result.stats] == [6, 12, 6]
    assert [stats.tasks_out for stats in result.stats] == [12, 6, 6]


def test_run__several_workers_keep_the_order_and_have_a_copy_each():
    Tag.made = 0
    stage = Tag().with_(num_workers=3)
    meet = threading.Barrier(3, timeout=30)

    @processing_stage()
    def wait(task):
        if int(task.data[0].image_id.split("-")[0]) < 3:
            meet.wait()  # passes only if three workers run at once
        return task

    result = Pipeline(stages=[wait.with_(num_workers=3), stage]).run(
        initial_tasks=batches(20), progress=False
    )
    assert [task.task_id for task in result] == [str(number) for number in range(20)]
    assert Tag.made <= 3
    assert not hasattr(stage, "number")


def test_run__metrics_travel_with_the_task():
    (task,) = Pipeline(stages=[split.with_(name="one"), Tag()]).run(
        initial_tasks=batches(1, items=1), progress=False
    )
    first, second = task._stage_perf
    assert (first.stage_name, second.stage_name) == ("one", "Tag")
    assert second.custom_metrics == {"tagged": 1.0}
    assert second.num_items == 1


def test_run__batches_of_tasks_reach_process_batch():
    sizes = []

    class Together(ProcessingStage[ImageBatch, ImageBatch]):
        batch_size = 3

        def process(self, task):
            raise NotImplementedError

        def process_batch(self, tasks):
            sizes.append(len(tasks))
            return list(tasks)

    result = Pipeline(stages=[Together()]).run(initial_tasks=batches(7), progress=False)
    assert sizes == [3, 3, 1]
    assert len(result) == 7


def test_run__a_source_stage_makes_the_tasks():
    @processing_stage()
    def source(task):
        assert type(task) is Task
        return batches(3)

    assert len(Pipeline(stages=[source]).run(progress=False)) == 3


@processing_stage(name="fragile")
def fragile(task):
    if task.task_id == "1":
        raise ValueError("no")
    return task


def test_run__a_failure_names_stage_and_task():
    with pytest.raises(StageError, match=r"'fragile' failed on 1: ValueError: no"):
        Pipeline(stages=[fragile]).run(initial_tasks=batches(3), progress=False)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_run__failures_may_be_outcomes(batch_size):
    pipeline = Pipeline(stages=[fragile.with_(batch_size=batch_size)])
    result = pipeline.run(InProcessExecutor(ignore_failures=True), batches(3))
    assert [task.task_id for task in result] == ["0", "2"]
    assert [(one.stage, one.task, one.error) for one in result.failures] == [
        ("fragile", "1", "ValueError: no")
    ]


def test_run__a_failure_among_several_leaves_the_others_processed_once():
    class Count(ProcessingStage[ImageBatch, ImageBatch]):
        batch_size = 3

        def process(self, task):
            for item in task.data:
                item.scores["n"] = item.scores.get("n", 0) + 1
            if task.task_id == "2":
                raise ValueError("bad")
            return task

    result = Pipeline(stages=[Count()]).run(InProcessExecutor(ignore_failures=True), batches(5))
    assert [item.scores["n"] for item in result.items] == [1] * 8
    assert [(one.task, one.origins) for one in result.failures] == [("2", frozenset({2}))]


def test_run__what_goes_in_is_counted_before_a_stage_changes_it():
    @processing_stage(name="first")
    def first(task):
        task.data = task.data[:1]
        return task

    result = Pipeline(stages=[first]).run(initial_tasks=batches(2, items=3), progress=False)
    assert result.stats[0].items == 6
    assert [task._stage_perf[0].num_items for task in result] == [3, 3]


def test_run__tasks_may_be_yielded_and_lists_of_a_batch_are_spread():
    class Yields(ProcessingStage):
        def process(self, task):
            yield from (f"{task}{place}" for place in range(2))

    class Nested(ProcessingStage):
        batch_size = 2

        def process(self, task):
            raise NotImplementedError

        def process_batch(self, tasks):
            return [[task, None, task.upper()] for task in tasks]

    result = Pipeline(stages=[Yields(), Nested()]).run(initial_tasks=["a"], progress=False)
    assert list(result) == ["a0", "A0", "a1", "A1"]


def test_run__setup_on_node_that_fails_names_the_stage():
    class Fails(ProcessingStage):
        def setup_on_node(self, node_info, worker_metadata):
            raise OSError(f"no room on {node_info}")

        def process(self, task):
            return task

    with pytest.raises(StageError, match=r"Stage 'Fails' could not prepare this machine: OSError: no room"):
        Pipeline(stages=[Fails()]).run(initial_tasks=["a"], progress=False)


def test_run__a_teardown_that_fails_is_a_warning_and_ends_no_other():
    ended = []

    class Fails(ProcessingStage):
        num_workers = 2

        def setup(self, worker_metadata=None):
            self.both = barrier

        def process(self, task):
            self.both.wait(5)
            return task

        def teardown(self):
            ended.append(self)
            raise ValueError("td")

    barrier = threading.Barrier(2)
    with pytest.warns(RuntimeWarning, match="'Fails' could not be torn down: ValueError: td"):
        result = Pipeline(stages=[Fails()]).run(initial_tasks=["a", "b"], progress=False)
    assert list(result) == ["a", "b"]
    assert len(ended) == 2


def test_run__setup_that_fails_names_the_stage():
    class Broken(Tag):
        def setup(self, worker_metadata=None):
            raise OSError("no weights")

    with pytest.raises(StageError, match=r"'Broken' could not be set up: OSError: no weights"):
        Pipeline(stages=[Broken()]).run(initial_tasks=batches(1), progress=False)


def test_run__teardown_comes_once_for_every_worker_also_after_a_failure():
    torn = []

    class Careful(Tag):
        def process(self, task):
            if task.task_id == "2":
                raise ValueError("no")
            return task

        def teardown(self):
            torn.append(self.number)

    with pytest.raises(StageError):
        Pipeline(stages=[Careful()]).run(initial_tasks=batches(5), progress=False)
    assert len(torn) == 1


def test_submit__reads_ahead_only_a_little_and_stops():
    read, gate, seen = [], threading.Event(), threading.Event()

    def endless():
        for task in iter(lambda: ImageBatch(data=[ImageObject()]), None):
            read.append(task)
            yield task

    @processing_stage()
    def slow(task):
        seen.set()
        gate.wait(30)
        return task

    job = Pipeline(stages=[slow]).submit(endless())
    assert seen.wait(30)
    job.stop()
    gate.set()
    result = job.result(30)
    assert result.stopped
    assert len(read) < 10


def test_submit__progress_counts_initial_tasks_also_dropped_ones():
    told = []
    job = Pipeline(stages=[odd_only, Tag()]).submit(batches(4), on_progress=told.append)
    assert len(job.result(30)) == 2
    assert (told[-1].done, told[-1].total, told[-1].items_out) == (4, 4, 4)
    assert "4 of 4 tasks" in job.progress.text


def test_missing_input__names_what_lacks():
    class Needs(Tag):
        def inputs(self):
            return ["dataset_name"], ["nothing_like_it"]

    with pytest.raises(StageError, match=r"'Needs' needs data\.nothing_like_it"):
        Pipeline(stages=[Needs()]).run(initial_tasks=batches(1), progress=False)


def test_inputs__by_type_of_task():
    class ImagesOnly(Tag):
        def inputs(self):
            return {ImageBatch: ([], ["image_data"])}

    assert ImagesOnly().validate_input(batches(1)[0])
    with pytest.raises(StageError, match="takes ImageBatch"):
        ImagesOnly().missing_inputs(Task())


@pytest.mark.parametrize("stage", [Tag, "tag", None])
def test_add_stage__refuses_what_is_no_stage(stage):
    with pytest.raises(TypeError, match="ProcessingStage was expected"):
        Pipeline().add_stage(stage)


def test_build__refuses_an_empty_pipeline_and_double_names():
    with pytest.raises(StageError, match="has no stage"):
        Pipeline("p").build()
    with pytest.raises(StageError, match="several stages named Tag"):
        Pipeline(stages=[Tag(), Tag()]).build()


def test_describe__lists_needs():
    text = Pipeline(
        "p", "tags", [Tag().with_(resources=Resources(cpus=2, gpus=0.5), num_workers=2)]
    ).describe()
    assert "1. Tag: 2 CPU, 0.5 GPU, 2 workers, 1 tasks a call" in text


def test_subclass__a_setting_must_not_be_a_property():
    with pytest.raises(InvalidParameterError, match=r"Bad\.resources is a property"):

        class Bad(Tag):
            @property
            def resources(self):
                return Resources()


@pytest.mark.parametrize(
    "wrong", [{"_resources": Resources(cpus=2)}, {"_batch_size": 5}, {"num_workers": lambda self: 2}]
)
def test_subclass__a_declaration_that_nobody_reads_is_refused(wrong):
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        type("Wrong", (Tag,), wrong)


def test_describe__inputs_that_are_no_pair_are_said():
    class Wrong(Tag):
        def inputs(self):
            return ["image_data"]

    with pytest.raises(StageError, match="is no pair of lists of names"):
        Pipeline(stages=[Wrong()]).describe()


def test_with__changes_a_copy_only():
    stage = Tag()
    other = stage.with_(name="b", resources=Resources(cpus=4), num_workers=2)
    assert (stage.name, stage.resources.cpus, stage.num_workers) == ("Tag", 1.0, None)
    assert (other.name, other.resources.cpus, other.num_workers) == ("b", 4, 2)
    assert other.with_(name=None, num_workers=None).num_workers is None
    with pytest.raises(InvalidParameterError, match="cannot change speed"):
        stage.with_(speed=2)


@pytest.mark.parametrize("change", [{"batch_size": -3}, {"num_workers": 0}, {"resources": "lots"}])
def test_with__refuses_what_no_executor_takes(change):
    with pytest.raises(InvalidParameterError, match=next(iter(change))):
        Tag().with_(**change)


def test_with__shares_a_loaded_model_and_copies_options():
    model = MeanColorModel()
    stage = EmbedStage(model)
    stage.notes = []
    other = stage.with_(name="b")
    assert other.model is model
    assert other.notes is not stage.notes


@pytest.mark.parametrize("wrong", [{"cpus": -1}, {"gpus": 1, "gpu_memory_gb": 1}, {"gpus": "one"}])
def test_resources__refuses(wrong):
    with pytest.raises(InvalidParameterError):
        Resources(**wrong)


def test_resources__memory_is_never_rounded_away():
    assert Resources(gpu_memory_gb=1).gpu_share(24 * 2**30) == pytest.approx(1 / 24)
    with pytest.raises(InvalidParameterError, match="needs 25"):
        Resources(gpu_memory_gb=25).gpu_share(24 * 2**30)


def test_processing_stage__wants_one_argument():
    with pytest.raises(InvalidParameterError, match="one argument"):
        processing_stage()(lambda one, two: None)


def test_repr__tells_of_errors():
    batch = ImageBatch(data=[ImageObject(errors={"read": "empty file"})])
    assert repr(batch) == "<ImageBatch: 1 items, 1 with errors>"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda count: ReadClipsStage("films", items_per_task=count), "items_per_task"),
        (lambda count: DecodeStage(num_frames=count), "num_frames"),
        (SampleStage, "num_frames"),
        (lambda count: WriteWebDatasetStage("out", images_per_tar=count), "images_per_tar"),
        (lambda count: RegisteredModelEmbedder("workbench/spriteclip-tiny", batch_size=count), "batch_size"),
    ],
)
@pytest.mark.parametrize("count", [0, -1, True, 1.5, "8"])
def test_ready_stages__refuse_a_count_before_anything_runs(make, name, count):
    with pytest.raises(InvalidParameterError, match=f"{name} is .* a whole number from 1"):
        make(count)


def test_result__says_what_came_out_and_what_each_stage_cost():
    def sometimes(task):
        if task.task_id == "1":
            raise ValueError("<b>no</b>")
        return task

    stage = processing_stage(name="<i>careful</i>")(sometimes)
    result = Pipeline(stages=[stage]).run(InProcessExecutor(ignore_failures=True), batches(3))
    assert result.caption == "2 tasks, 4 items · 1 task failed"
    html = result._repr_html_()
    assert "3 to 2" in html
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in html
    assert "<i>" not in html


def test_result__shows_what_went_wrong_with_items():
    bad = [VideoObject(errors={"decode": f"no <b>picture</b> {number}"}) for number in range(23)]
    html = PipelineResult([VideoBatch(data=[VideoObject(), *bad])])._repr_html_()
    assert "no &lt;b&gt;picture&lt;/b&gt; 19" in html
    assert "picture&lt;/b&gt; 20" not in html
    assert "and 3 more" in html
    assert "went wrong" not in PipelineResult([VideoBatch(data=[VideoObject()])])._repr_html_()


@pytest.mark.parametrize("executor", [None, InProcessExecutor(), InProcessExecutor(ignore_failures=True)])
def test_run__ctrl_c_stops_with_any_executor_of_this_process(executor, monkeypatch):
    began, done = threading.Event(), []

    @processing_stage()
    def slow(task):
        began.set()
        time.sleep(0.01)
        done.append(task)
        return task

    def interrupted(job, timeout=None):
        if timeout is not None:
            began.wait()
            raise KeyboardInterrupt
        return waits(job)

    waits = Job.wait
    monkeypatch.setattr(Job, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Pipeline(stages=[slow]).run(executor, [ImageBatch() for _ in range(500)], progress=False)
    count = len(done)
    time.sleep(0.1)
    assert len(done) == count < 500


def test_stage__with_process_batch_alone():
    class Doubles(ProcessingStage):
        batch_size = 2

        def process_batch(self, tasks):
            return [task for task in tasks for _ in range(2)]

    assert len(Pipeline(stages=[Doubles()]).run(initial_tasks=batches(3), progress=False)) == 6
    assert len(Doubles().process(batches(1)[0])) == 2


def test_stage__with_nothing_to_do_is_refused_when_it_is_made():
    class Nothing(ProcessingStage):
        pass

    with pytest.raises(InvalidTypeError, match="Nothing has neither process nor process_batch"):
        Nothing()


def test_run__without_a_stage_that_reads_says_so():
    with pytest.warns(UserWarning, match="'q' had nothing to work on: stage 'decode' makes no tasks"):
        Pipeline("q", stages=[DecodeStage()]).run(progress=False)


def test_run__results_say_what_stages_took():
    result = Pipeline(stages=[SampleStage()]).run(initial_tasks=batches(2), progress=False)
    assert repr(result.stats).startswith("[StageStats(sample: 2 calls · 2 tasks in, 2 out · 4 items · 0.00 s")

"""RayDataExecutor: what came out of Ray is what comes out of this process."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from models.errors import InvalidParameterError, MissingDependencyError
from workbench import sample_clips
from workbench.errors import StageError
from workbench.stages import (
    DecodeStage,
    EmbedStage,
    ImageBatch,
    ImageObject,
    InProcessExecutor,
    Pipeline,
    ProcessingStage,
    RayDataExecutor,
    ReadClipsStage,
    Resources,
    processing_stage,
)
from workbench.stages import ray_session as ray_session_module
from workbench.stages.chains import segments_of
from workbench.stages.ray_data import _check_room
from workbench.stages.ray_session import ray_session

pytest.importorskip("ray.data")
MODEL = "workbench/spriteclip-tiny"


@pytest.fixture(scope="module")
def cluster():
    with ray_session(2) as ray:  # the executors of this file join it
        yield ray


def batches(count, items=2):
    return [
        ImageBatch(data=[ImageObject(image_id=f"{number}-{place}") for place in range(items)])
        for number in range(count)
    ]


def here_and_there(make_stages, make_tasks=lambda: None, **options):
    here = Pipeline(stages=make_stages()).run(
        InProcessExecutor(**{name: options[name] for name in options if name == "ignore_failures"}),
        make_tasks(),
    )
    return here, Pipeline(stages=make_stages()).run(RayDataExecutor(**options), make_tasks())


@processing_stage()
def split(task):
    return [ImageBatch(data=[item]) for item in task.data]


@processing_stage(name="fragile")
def fragile(task):
    if task.task_id == "1":
        raise ValueError("no")
    return task


class Careful(ProcessingStage[ImageBatch, ImageBatch]):
    """Says where it ran, and when it was torn down."""

    batch_size = 3

    def __init__(self, folder):
        self.folder = folder

    def setup_on_node(self, node_info=None, worker_metadata=None):
        (Path(self.folder) / f"node-{node_info.node_id if node_info else ''}").touch()

    def setup(self, worker_metadata=None):
        self.where = worker_metadata.worker_id

    def process_batch(self, tasks):
        self._log_metric("together", len(tasks))
        for task in tasks:
            task._metadata["where"] = self.where
        return [None if task.task_id == "4" else task for task in tasks]

    def process(self, task):
        raise NotImplementedError

    def teardown(self):
        (Path(self.folder) / f"torn-{self.where}").touch()


@pytest.mark.slow
def test_execute__rows_are_those_of_this_process(cluster):
    clips = sample_clips()[:9]

    def stages():
        embed = EmbedStage(MODEL, remove_image_data=True).with_(num_workers=2)
        return [ReadClipsStage(clips, items_per_task=2), DecodeStage(), embed]

    here, there = here_and_there(stages)
    assert [task.task_id for task in there] == [task.task_id for task in here]
    assert [item.video_id for item in there.items] == [item.video_id for item in here.items] == clips.keys
    rows = [np.stack([item.embedding for item in result.items]) for result in (here, there)]
    assert np.abs(rows[0] - rows[1]).max() < 1e-6
    assert {task.space for task in there} == {task.space for task in here}
    assert [one.stage_name for one in there[0]._stage_perf] == ["read_clips", "decode", "embed"]
    counted = [[(one.name, one.tasks_in, one.tasks_out, one.items) for one in r.stats] for r in (here, there)]
    assert counted[0] == counted[1]


@pytest.mark.slow
def test_execute__own_stages_in_several_segments(cluster, tmp_path):
    def stages():
        return [Careful(str(tmp_path)), split.with_(num_workers=1, resources=Resources(cpus=0.5, gpus=0))]

    here, there = here_and_there(stages, lambda: batches(7), num_workers=1)
    assert [task.task_id for task in there] == [task.task_id for task in here]
    assert [item.image_id for item in there.items] == [item.image_id for item in here.items]
    assert (tmp_path / f"node-{cluster.nodes()[0]['NodeID']}").exists()
    assert [one.calls for one in there.stats] == [one.calls for one in here.stats]


@pytest.mark.slow
def test_execute__failures_may_be_outcomes(cluster):
    here, there = here_and_there(
        lambda: [fragile.with_(batch_size=3)], lambda: batches(5), num_workers=1, ignore_failures=True
    )
    assert there.failures == here.failures
    assert [one.task for one in there.failures] == ["1"]
    assert [task.task_id for task in there] == ["0", "2", "3", "4"]


@pytest.mark.slow
def test_run__goes_on_where_it_was(cluster, tmp_path):
    pipeline, executor = (
        Pipeline(stages=[fragile, split]),
        RayDataExecutor(num_workers=1, ignore_failures=True),
    )
    first = pipeline.run(executor, batches(3), checkpoint=tmp_path)
    assert ([task.task_id for task in first], first.resumed) == (["0_0", "0_1", "2_0", "2_1"], 0)
    again = pipeline.run(executor, batches(4), checkpoint=tmp_path)
    assert ([task.task_id for task in again], again.resumed) == (["3_0", "3_1"], 2)
    assert [one.task for one in again.failures] == ["1"]


@pytest.mark.slow
def test_execute__a_failure_names_stage_and_task(cluster):
    with pytest.raises(StageError, match=r"'fragile' failed on 1: ValueError: no") as caught:
        Pipeline(stages=[fragile]).run(RayDataExecutor(num_workers=1), batches(3))
    assert "In the worker" in caught.value.__notes__[0]


@pytest.mark.slow
def test_execute__a_worker_that_dies_ends_the_run(cluster):
    @processing_stage(name="deadly")
    def deadly(task):
        os._exit(3)

    with pytest.raises(StageError, match="A worker of stage 'deadly' ended on its own"):
        Pipeline(stages=[deadly]).run(RayDataExecutor(num_workers=1), batches(2))


@pytest.mark.slow
def test_execute__what_cannot_travel_is_named(cluster):
    stage = fragile.with_(name="locked")
    stage.lock = threading.Lock()
    with pytest.raises(StageError, match="Stage 'locked' cannot be sent to another process"):
        Pipeline(stages=[stage]).run(RayDataExecutor(num_workers=1), batches(1))

    @processing_stage(name="opens")
    def opens(task):
        task._metadata["lock"] = threading.Lock()
        return task

    with pytest.raises(StageError, match="What came of stage 'opens' cannot be sent"):
        Pipeline(stages=[opens]).run(RayDataExecutor(num_workers=1), batches(1))


def test_execute__without_tasks_starts_nothing(monkeypatch):
    monkeypatch.setattr("workbench.stages.ray_data.ray_session", None)
    assert Pipeline(stages=[fragile]).run(RayDataExecutor(), []) == []
    empty = processing_stage(name="nothing")(lambda task: [])
    assert Pipeline(stages=[empty, fragile]).run(RayDataExecutor()) == []


class Reluctant:
    """Ray on a busy machine: it fails so many times before it starts."""

    def __init__(self, failures, words="The current node timed out during startup."):
        self.failures, self.words, self.calls = failures, words, []

    def init(self, **how):
        self.calls.append(how)
        self.failures -= 1
        if self.failures >= 0:
            raise Exception(self.words)  # noqa: TRY002 - as Ray does

    def shutdown(self):
        self.calls.append("shutdown")


def test_start__tries_again_where_ray_came_too_late():
    ray = Reluctant(failures=2)
    ray_session_module._start(ray, num_cpus=2)
    assert ray.calls == [{"num_cpus": 2}, "shutdown", {"num_cpus": 2}, "shutdown", {"num_cpus": 2}]


def test_start__gives_up_in_the_end_and_at_once_on_other_errors():
    with pytest.raises(StageError, match="did not start within 3 tries: The current node timed out"):
        ray_session_module._start(Reluctant(failures=3))
    other = Reluctant(failures=1, words="no such address")
    with pytest.raises(Exception, match="no such address"):
        ray_session_module._start(other)
    assert other.calls == [{}, "shutdown"]


def test_ray_data_executor__says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'embedding-workbench\[ray\]'") as caught:
        RayDataExecutor()
    assert caught.value.extra == "ray"


@pytest.mark.parametrize("number", [0, -1, "two", 1.5])
def test_ray_data_executor__refuses_numbers_of_workers(number):
    with pytest.raises(InvalidParameterError, match="a whole number from 1"):
        RayDataExecutor(num_workers=number)


class Machines:
    """What is asked of Ray about its machines."""

    def __init__(self, *resources):
        self.resources = resources

    def nodes(self):
        return [{"Alive": True, "Resources": one} for one in self.resources]


@pytest.mark.parametrize(
    ("needs", "says"),
    [
        (Resources(gpus=1), "needs 1 CPU and 1 GPU; no machine here has more than 4 CPU, 0 GPU"),
        (Resources(cpus=64), "needs 64 CPU; no machine"),
    ],
)
def test_execute__what_no_machine_has_is_said_at_once(needs, says):
    segments = segments_of([EmbedStage(MODEL).with_(resources=needs)])
    with pytest.raises(StageError, match=says):
        _check_room(Machines({"CPU": 4.0}), segments)
    with pytest.warns(RuntimeWarning, match="waits until one joins"):
        _check_room(Machines({"CPU": 4.0}, {"CPU": 2.0}), segments)
    _check_room(Machines({"CPU": 4.0}, {"CPU": 64.0, "GPU": 1.0}), segments)


def test_execute__a_stage_for_a_gpu_that_is_not_there_does_not_hang(cluster):
    stage = EmbedStage(MODEL).with_(resources=Resources(gpus=64))
    with pytest.raises(StageError, match="needs 1 CPU and 64 GPU"):
        Pipeline(stages=[stage]).run(RayDataExecutor(), batches(1))

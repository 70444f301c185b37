import asyncio
import random
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from models.errors import InvalidParameterError, ModelInputError
from tests.fakes import MeanColorModel, MotionModel, moving_clip
from tests.unit.workbench.engine.fake_clips import FakeClip, GatedModel, colourful, expected_rows
from workbench.engine.embed import embed, submit_embed
from workbench.engine.store import MemoryStore
from workbench.errors import ClipDecodeError, JobStoppedError, ModelOutputError, NothingToEmbedError


def test_embed__rows_follow_the_clips_whatever_decodes_first():
    clips = colourful(60)
    chance = random.Random(1)
    for clip in clips:
        clip.delay_s = chance.random() * 0.01
    embeddings = embed(MeanColorModel(), clips, workers=4, batch_size=7)
    assert embeddings.keys == [clip.key for clip in clips]
    np.testing.assert_allclose(embeddings.vectors, expected_rows(clips), atol=1e-6)
    assert embeddings.vectors.dtype == np.float32


def test_embed__broken_clips_are_listed_and_the_others_stay_aligned():
    clips = colourful(20)
    clips[0].error = ClipDecodeError("clip0000 is cut short.")
    clips[9].error = FileNotFoundError("gone")
    clips[19].error = ClipDecodeError("clip0019 is damaged.", next_step="Encode it again.")
    embeddings = embed(MeanColorModel(), clips, batch_size=3)
    good = [clip for clip in clips if clip.error is None]
    assert embeddings.keys == [clip.key for clip in good]
    np.testing.assert_allclose(embeddings.vectors, expected_rows(good), atol=1e-6)
    assert [(one.key, one.reason) for one in embeddings.skipped] == [
        ("clip0000", "clip0000 is cut short."),
        ("clip0009", "gone"),
        ("clip0019", "clip0019 is damaged. Encode it again."),
    ]


def test_embed__every_clip_broken():
    clips = colourful(3, error=ClipDecodeError("no"))
    embeddings = embed(MeanColorModel(), clips)
    assert embeddings.vectors.shape == (0, 4)
    assert len(embeddings.skipped) == 3


@pytest.mark.parametrize("batch_size", [1, 4, 64, "auto"])
def test_embed__the_batch_size_changes_no_row(batch_size):
    clips = colourful(9)
    rows = embed(MeanColorModel(), clips, batch_size=batch_size).vectors
    np.testing.assert_allclose(rows, expected_rows(clips), atol=1e-6)


def test_embed__clips_of_unequal_sizes_and_images_share_a_batch():
    clips = [
        FakeClip("a", "red", size=(6, 8)),
        FakeClip("b", "green", size=(9, 5)),
        FakeClip("c", "blue", kind="image"),
    ]
    for model in (MeanColorModel(), StackingModel()):
        rows = embed(model, clips, batch_size=3).vectors
        np.testing.assert_allclose(rows, expected_rows(clips), atol=1e-6)


class StackingModel(MeanColorModel):
    """Stacks what it is given, as fast models do."""

    def embed_preprocessed(self, batch):
        return super().embed_preprocessed(list(np.stack(batch)))


def test_embed__a_note_about_a_clip_is_kept():
    clips = colourful(2)
    clips[1].note = "2 frames could not be decoded"
    assert embed(MeanColorModel(), clips).notes == {"clip0001": "2 frames could not be decoded"}


def test_embed__the_sampling_is_part_of_the_space():
    assert embed(MotionModel(), colourful(1)).space.sampling == "uniform-middle:4"
    assert embed(MotionModel(), colourful(1), num_frames=3).space.sampling == "uniform-middle:3"
    assert embed(MeanColorModel(), colourful(1)).space.sampling == "uniform-middle:2+frame-mean"


def test_embed__a_model_that_only_looks_like_one():
    class Duck:
        def embed_videos(self, videos):
            assert all(len(video) == 8 for video in videos)
            return [[1.0, 0.0] if video.mean() > 100 else [0.0, 1.0] for video in videos]

    clips = [FakeClip("a", "white"), FakeClip("b", "black"), FakeClip("c", "white", kind="image")]
    embeddings = embed(Duck(), clips)
    assert embeddings.vectors.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert embeddings.space.model_id.endswith("Duck")


def test_embed__an_image_model_that_only_looks_like_one_is_pooled_over_frames():
    class Duck:
        num_frames = 4

        def embed_images(self, images):
            bright = np.array([image.max() > 0 for image in images], float)
            return np.stack([bright, 1 - bright], axis=1)

    class HalfDark(FakeClip):
        def frames(self, num_frames, *, threads):
            pixels = moving_clip("white", "right")
            pixels[2:] = 0
            return SimpleNamespace(data=pixels)

    embeddings = embed(Duck(), [HalfDark("a")])
    np.testing.assert_allclose(embeddings.vectors, [[2**-0.5, 2**-0.5]], atol=1e-6)
    assert embeddings.space.sampling == "uniform-middle:4+frame-mean"


def test_embed__a_bug_surfaces():
    clips = colourful(5)
    clips[2].error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError, match="a bug"):
        embed(MeanColorModel(), clips)


def test_embed__a_clip_that_the_model_refuses_is_skipped():
    class Picky(MeanColorModel):
        def preprocess_clip(self, frames):
            if frames[0, 0, 0, 0] == 0:
                raise ModelInputError("too dark")
            return super().preprocess_clip(frames)

    embeddings = embed(Picky(), [FakeClip("a", "red"), FakeClip("b", "black")])
    assert embeddings.keys == ["a"]
    assert embeddings.skipped[0].reason == "too dark"


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (lambda n: np.full((n, 4), 0.5) * [1, 1, 1, np.nan], "NaN"),
        (lambda n: np.full((n, 4), 5.0), "length 10"),
        (lambda n: np.full((n + 1, 4), 0.5), r"shape \[3, 4\] for 2 inputs"),
        (lambda n: np.full((n, 3), 3**-0.5), r"shape \[2, 3\]"),
        (lambda _: np.ones(4), r"shape \[4\]"),
    ],
)
def test_embed__a_model_that_breaks_its_promise_is_named(returned, complaint):
    class Broken(MeanColorModel):
        def embed_preprocessed(self, batch):
            return returned(len(batch))

    with pytest.raises(ModelOutputError, match=f"fakes/mean-color.*{complaint}"):
        embed(Broken(), colourful(2))


def test_embed__out_of_memory_halves_the_batch_and_loses_nothing():
    class Small(MeanColorModel):
        def __init__(self):
            self.tried = []

        def embed_preprocessed(self, batch):
            self.tried.append(len(batch))
            if len(batch) > 3:
                raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
            return super().embed_preprocessed(batch)

    model, clips = Small(), colourful(20)
    embeddings = embed(model, clips, batch_size=12)
    assert model.tried[:4] == [12, 6, 3, 3]
    assert max(model.tried[2:]) == 3
    np.testing.assert_allclose(embeddings.vectors, expected_rows(clips), atol=1e-6)


def test_embed__one_clip_too_many_for_the_memory_surfaces():
    class Tiny(MeanColorModel):
        def embed_preprocessed(self, batch):
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        embed(Tiny(), colourful(2))


def test_embed__without_reuse_computes_again_and_replaces():
    store, clips = MemoryStore(), colourful(3)
    embed(MeanColorModel(), clips, store=store)
    again = embed(MeanColorModel(), clips, store=store, reuse=False)
    assert again.stats.reused == 0
    assert again.stats.clips == len(again)
    assert embed(MeanColorModel(), clips, store=store).stats.reused == len(again)


def test_embed__a_store_spares_decoding():
    store, clips = MemoryStore(), colourful(10)
    clips[4].error = ClipDecodeError("no")
    first = embed(MeanColorModel(), clips, store=store)
    second = embed(MeanColorModel(), clips, store=store)
    assert [clip.calls["frames"] for clip in clips] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert (second.stats.reused, second.stats.clips) == (9, 0)


def test_embed__another_sampling_or_model_reuses_nothing():
    store, clips = MemoryStore(), colourful(3)
    embed(MeanColorModel(), clips, store=store)
    assert embed(MeanColorModel(), clips, store=store, num_frames=5).stats.reused == 0
    assert embed(MotionModel(), clips, store=store).stats.reused == 0


def test_embed__an_unversioned_model_reuses_only_what_it_made_itself():
    class Cell(MeanColorModel):
        revision = ""

    store, clips, model = MemoryStore(), colourful(3), Cell()
    embed(model, clips, store=store)
    assert embed(model, clips, store=store).stats.reused == 3
    assert embed(Cell(), clips, store=store).stats.reused == 0


def test_embed__a_lone_clip_takes_the_threads_that_others_do_not_need():
    class Watched(FakeClip):
        def frames(self, num_frames, *, threads):
            asked.append(threads)
            return super().frames(num_frames)

    for count, workers, expected in ((1, 4, 4), (2, 4, 2), (3, 4, 1), (8, 4, 1)):
        asked = []
        embed(MeanColorModel(), [Watched(str(n), "white") for n in range(count)], workers=workers)
        assert asked == [expected] * count


def test_embed__frames_are_counted():
    clips = [*colourful(3), FakeClip("still", kind="image")]
    stats = embed(MotionModel(), clips).stats
    assert (stats.clips, stats.frames) == (4, 13)
    assert stats.seconds > 0


def test_embed__no_clips():
    with pytest.raises(NothingToEmbedError, match="no clip"):
        embed(MeanColorModel(), [])


def test_embed__an_unreadable_folder_says_why(tmp_path):
    (tmp_path / "x.mp4").write_text("no video")
    with pytest.raises(NothingToEmbedError, match=r"x\.mp4"):
        embed(MeanColorModel(), tmp_path)


def test_embed__two_clips_with_one_key_are_refused():
    with pytest.raises(InvalidParameterError, match="'twice'"):
        embed(MeanColorModel(), [FakeClip("twice"), FakeClip("once"), FakeClip("twice")])


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"batch_size": "big"}, {"num_frames": 0}, {"workers": True}]
)
def test_submit_embed__bad_options_are_refused_at_once(options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        submit_embed(MeanColorModel(), colourful(1), **options)


@pytest.mark.parametrize("model", [MeanColorModel, object(), None])
def test_submit_embed__what_is_no_model_is_refused_at_once(model):
    with pytest.raises(InvalidParameterError):
        submit_embed(model, colourful(1))


def test_submit_embed__progress_only_grows_and_ends_final():
    clips, seen = colourful(30), []
    clips[3].error = ClipDecodeError("no")
    store = MemoryStore()
    embed(MeanColorModel(), clips[10:20], store=store)
    submit_embed(MeanColorModel(), clips, store=store, batch_size=2, on_progress=seen.append).result(60)
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    last = seen[-1]
    assert (last.done, last.total, last.skipped, last.reused, last.state) == (30, 30, 1, 10, "done")
    assert last.eta_s == 0.0
    assert [progress.state for progress in seen[:2]] == ["loading", "running"]
    assert all(progress.state == "running" for progress in seen[1:-1])


def test_submit_embed__what_the_listener_raises_surfaces():
    def listener(progress):
        if progress.done:
            raise LookupError("painter is gone")

    with pytest.raises(LookupError, match="painter is gone"):
        submit_embed(MeanColorModel(), colourful(3), on_progress=listener).result(60)


def test_submit_embed__stop_keeps_what_is_done():
    never = threading.Event()
    clips = colourful(20)
    for clip in clips[8:]:
        clip.gate = never
    half = threading.Event()
    job = submit_embed(
        MeanColorModel(),
        clips,
        batch_size=4,
        on_progress=lambda progress: half.set() if progress.done == 8 else None,
    )
    assert half.wait(60)
    began = time.monotonic()
    job.stop()
    embeddings = job.result(60)
    took_s = time.monotonic() - began
    never.set()
    assert took_s < 2.0
    assert embeddings.stopped
    assert embeddings.keys == [clip.key for clip in clips[:8]]
    assert embeddings.skipped == []
    np.testing.assert_allclose(embeddings.vectors, expected_rows(clips[:8]), atol=1e-6)
    assert job.progress.state == "stopped"


def test_submit_embed__stop_does_not_wait_for_a_slow_model_but_the_store_gets_its_rows():
    model, store, clips = GatedModel(), MemoryStore(), colourful(6)
    job = submit_embed(model, clips, store=store, batch_size=2)
    assert model.entered.wait(60)
    job.stop()
    embeddings = job.result(60)
    assert embeddings.stopped
    assert len(embeddings) == 0
    model.leave.set()
    job._thread.join(60)
    assert len(store) == 2
    assert len(embeddings) == 0


def test_submit_embed__stopped_runs_go_on_with_the_store():
    model, store, clips = GatedModel(), MemoryStore(), colourful(12)
    job = submit_embed(model, clips, store=store, batch_size=4)
    assert model.entered.wait(60)
    job.stop()
    model.leave.set()
    assert len(job.result(60)) == 4
    again = embed(model, clips, store=store)
    assert again.stats.reused == 4
    np.testing.assert_allclose(again.vectors, expected_rows(clips), atol=1e-6)


def test_submit_embed__stop_while_loading():
    loading, leave = threading.Event(), threading.Event()

    def hold(progress):
        loading.set()
        leave.wait(60)

    job = submit_embed(MeanColorModel(), colourful(2), on_progress=hold)
    assert loading.wait(60)
    threading.Timer(0.2, leave.set).start()
    job.stop()
    try:
        assert job.result(60).stopped
    except JobStoppedError:
        assert job.progress.state == "stopped"


def test_submit_embed__stop_after_the_end_changes_nothing():
    job = submit_embed(MeanColorModel(), colourful(2))
    job.result(60)
    job.stop()
    assert job.progress.state == "done"
    assert not job.result().stopped


def test_embed__ctrl_c_stops_the_job_keeps_the_store_and_is_raised(monkeypatch):
    from workbench.engine.embed import EmbedJob

    never, store, clips = threading.Event(), MemoryStore(), colourful(9)
    for clip in clips[4:]:
        clip.gate = never
    jobs, wait = [], EmbedJob.wait

    def interrupted(self, timeout=None):
        if self not in jobs and self.progress.done >= 4:
            jobs.append(self)
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(EmbedJob, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed(MeanColorModel(), clips, store=store, batch_size=2)
    never.set()
    assert jobs[0].result(0).stopped
    assert len(store) == 4


def test_job__await_gives_the_result_and_leaves_the_loop_free():
    async def notebook_cell():
        model = GatedModel()
        job = submit_embed(model, colourful(3))
        waiting = asyncio.ensure_future(_await(job))
        await asyncio.to_thread(model.entered.wait, 30)
        for _ in range(3):  # the loop turns while the model is held
            await asyncio.sleep(0.001)
        waited = not waiting.done()
        model.leave.set()
        return await waiting, waited

    embeddings, waited = asyncio.run(notebook_cell())
    assert len(embeddings) == 3
    assert waited


async def _await(job):
    return await job


def test_job__cancelling_the_await_stops_the_job():
    async def cell():
        model = GatedModel()
        job = submit_embed(model, colourful(3), batch_size=1)
        waiting = asyncio.ensure_future(_await(job))
        await asyncio.to_thread(model.entered.wait, 60)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        model.leave.set()
        return job

    assert asyncio.run(cell()).result(60).stopped


def test_job__result_timeout():
    model = GatedModel()
    job = submit_embed(model, colourful(1))
    with pytest.raises(TimeoutError):
        job.result(0.01)
    assert not job.done()
    model.leave.set()
    assert len(job.result(60)) == 1


def test_job__failure_is_told_everywhere():
    class Broken(MeanColorModel):
        def embed_preprocessed(self, batch):
            raise ZeroDivisionError("a bug")

    told, seen = [], []
    job = submit_embed(Broken(), colourful(1), on_progress=seen.append)
    job.add_done_callback(told.append)
    assert isinstance(job.exception(60), ZeroDivisionError)
    assert job.done()
    assert told == [job]
    assert seen[-1].state == job.progress.state == "failed"


def test_job__two_at_once_share_a_model_and_a_store():
    store, model = MemoryStore(), MeanColorModel()
    sets = [colourful(40), colourful(40)]
    jobs = [submit_embed(model, clips, store=store, batch_size=3) for clips in sets]
    for job, clips in zip(jobs, sets, strict=True):
        np.testing.assert_allclose(job.result(60).vectors, expected_rows(clips), atol=1e-6)


def test_job__html_says_where_it_is():
    job = submit_embed(MeanColorModel(), colourful(4))
    job.result(60)
    assert "4 of 4 clips" in job._repr_html_()
    assert repr(job).startswith("EmbedJob(4 of 4 clips")


def test_submit_embed__progress_is_drawn_when_asked_for(monkeypatch):
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    submit_embed(MeanColorModel(), colourful(3), progress=True).result(60)
    assert "3 of 3 clips" in sys.stderr.getvalue()


def test_job__of_two_problems_the_first_is_told():
    clips = colourful(2)
    clips[1].error = ZeroDivisionError("the bug")

    def listener(progress):
        if progress.finished:
            raise LookupError("painter is gone")

    with pytest.raises(ZeroDivisionError, match="the bug"):
        submit_embed(MeanColorModel(), clips, on_progress=listener).result(60)


def test_embed__a_model_named_by_its_id_is_unloaded_afterwards(monkeypatch):
    model = MeanColorModel()
    let_go = []
    model.unload = lambda: let_go.append("unloaded")
    monkeypatch.setattr("workbench.engine.embed.load_if_named", lambda _: model)
    assert len(embed("some/id", colourful(3), progress=False)) == 3
    assert let_go == ["unloaded"]
    embed(model, colourful(3), progress=False)
    assert let_go == ["unloaded"]

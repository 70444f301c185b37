"""Windows of one film are decoded together, and give the vectors that each gives alone."""

import shutil
import threading
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from models.errors import ModelInputError
from tests.fakes import MeanColorModel, MotionModel, moving_clip
from tests.unit.workbench.engine.fake_clips import colourful
from workbench.engine.embed import embed, submit_embed
from workbench.engine.units import FilmPass, in_parts, in_units
from workbench.media import spans
from workbench.media.clips import Clip, ClipSet
from workbench.media.encode import write_video
from workbench.media.sources import load_clips
from workbench.media.spans import frames_of_spans


@pytest.fixture
def film(tmp_path) -> ClipSet:
    """Six seconds, eight pictures a second."""
    write_video(tmp_path / "film.mp4", moving_clip("red", "right", num_frames=48, size=64), 8)
    return load_clips(tmp_path)


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """How many windows each pass over a film is asked for."""
    asked: list[int] = []

    def counting(path, times, **options):
        asked.append(len(times))
        return frames_of_spans(path, times, **options)

    monkeypatch.setattr(spans, "frames_of_spans", counting)
    return asked


def parts(clips, share=64) -> list[list[int]]:
    return list(in_parts(range(len(clips)), clips, share))


def test_in_parts__spans_that_follow_each_other(film):
    assert parts(film.windows(1.0)) == [[0, 1, 2, 3, 4, 5]]
    assert parts(list(film.windows(2.0))[::-1]) == [[0], [1], [2]]
    assert parts([]) == []


def test_in_parts__a_share_of_a_film_is_worth_a_pass_when_it_is_long(film):
    assert parts(film.windows(1.0), share=2) == [[0, 1, 2, 3, 4, 5]]
    long = ClipSet([replace(film[0], stop_s=100.0)])
    assert [len(part) for part in parts(long.windows(10.0), share=2)] == [3, 3, 3, 1]
    assert [len(part) for part in parts(long.windows(10.0), share=5)] == [5, 5]


def test_in_parts__at_most_some_minutes_of_film(film):
    long = ClipSet([replace(film[0], stop_s=1000.0)])
    assert [len(part) for part in parts(long.windows(100.0))] == [3, 3, 3, 1]
    assert [len(part) for part in parts(long.windows(400.0))] == [1, 1, 1]


def test_in_units__passes_take_turns():
    passes = [FilmPass(places, iter) for places in ([0, 1, 2], [3], [4, 5], [6])]
    assert list(in_units(passes, lambda: 2, lanes=2)) == [[0, 1], [3], [2], [4, 5], [6]]
    assert all(one.is_cut for one in passes)


def test_film_pass__goes_on_in_order_whoever_takes_a_unit_and_closes_at_the_end():
    closed = []

    def decode():
        try:
            yield from "abcd"
        finally:
            closed.append(True)

    film, taken = FilmPass(range(4), decode), []
    units = [film.unit(1) for _ in range(4)]

    def prepare(unit):
        with film.turn(unit.number):
            taken.append((unit[0], film.frames()))

    threads = [threading.Thread(target=prepare, args=[unit]) for unit in reversed(units)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (taken, closed) == ([(0, "a"), (1, "b"), (2, "c"), (3, "d")], [True])


def test_in_parts__other_files_images_and_clips_of_their_own_kind_stay_alone(film, tmp_path):
    class Own(Clip):
        pass

    other = replace(film[0], key="other", path=tmp_path / "other.mp4")
    image = replace(film[0], key="image", kind="image")
    own = Own(**film[0].__dict__)
    broken = replace(film[0], stop_s=0.0)
    assert parts([film[0], other, image, image, own, own, broken, broken]) == [[i] for i in range(8)]
    assert parts(colourful(3)) == [[0], [1], [2]]


def test_embed__windows_together_equal_each_alone(film, passes):
    windows = film.windows(1.5, 0.5)
    together = embed(MotionModel(), windows, progress=False, workers=1)
    assert passes == [10]
    for key in windows.keys:
        alone = embed(MotionModel(), [windows[key]], progress=False)
        np.testing.assert_array_equal(together[key], alone[key])
    assert passes == [10]
    assert together.stats.frames == 10 * MotionModel().num_frames


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_embed__a_short_film_is_decoded_once_with_any_number_of_workers(film, passes, workers):
    embed(MotionModel(), film.windows(1.0, 0.05), progress=False, workers=workers)
    assert passes == [101]


def test_embed__every_worker_has_a_share_of_a_long_film(film, passes, monkeypatch):
    monkeypatch.setattr("workbench.engine.units.SHORTEST_S", 1.0)
    embed(MotionModel(), film.windows(1.5), progress=False, workers=2)
    assert sorted(passes) == [2, 2]


def test_embed__a_film_that_is_gone_leaves_out_its_windows_only(film, tmp_path):
    shutil.copy(tmp_path / "film.mp4", tmp_path / "other.mp4")
    windows = load_clips(tmp_path).windows(2.0)
    (tmp_path / "film.mp4").unlink()
    embeddings = embed(MotionModel(), windows, progress=False)
    assert [one.key.partition("@")[0] for one in embeddings.skipped] == ["film.mp4"] * 3
    assert [key.partition("@")[0] for key in embeddings.keys] == ["other.mp4"] * 3


class Picky(MeanColorModel):
    """Does something whenever it is given a clip; counts them."""

    def __init__(self, act) -> None:
        self.act, self.calls = act, 0

    def preprocess_clip(self, frames):
        self.calls += 1
        self.act(self.calls)
        return super().preprocess_clip(frames)


def test_embed__a_window_that_the_model_refuses_is_left_out_alone(film):
    def act(number):
        if number == 2:
            raise ModelInputError("too dull")

    windows = film.windows(1.0)
    embeddings = embed(Picky(act), windows, progress=False, workers=1)
    assert [(one.key, one.reason) for one in embeddings.skipped] == [(windows.keys[1], "too dull")]
    assert embeddings.keys == [key for key in windows.keys if key != windows.keys[1]]


def test_embed__stop_is_heard_between_windows(film):
    entered, stopped = Event(), Event()

    def act(number):
        if number == 2:
            entered.set()
            assert stopped.wait(10)

    model, windows = Picky(act), film.windows(1.0)
    job = submit_embed(model, windows, workers=1, progress=False)
    assert entered.wait(10)
    job.stop()
    stopped.set()
    assert job.result().stopped
    for thread in threading.enumerate():
        if thread.name.startswith("workbench-prepare"):
            thread.join(60)
    assert model.calls == 2


def test_film_pass__lets_go_of_an_error_with_its_last_unit():
    class BrokenError(Exception):
        pass

    def decode():
        raise BrokenError
        yield

    film = FilmPass(range(3), decode)
    units = [film.unit(2), film.unit(2)]
    for unit in units:
        with film.turn(unit.number):
            for _ in unit:
                with pytest.raises(BrokenError):
                    film.frames()
    assert film._problem is None

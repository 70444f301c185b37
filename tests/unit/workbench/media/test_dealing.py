"""Runs of packets decoded at once give what one decoder gives, and hold no more than they may."""

import threading
from collections import deque
from contextlib import contextmanager

import numpy as np
import pytest
from make_data import write_ramp

from workbench.media import dealing, onepass, spans
from workbench.media.container import open_video
from workbench.media.decode import frames_at, sample_frames
from workbench.media.spans import decode_from_start, frames_of_spans

FILM = {
    "num_frames": 120,
    "textured": True,
    "width": 96,
    "height": 64,
    "codec": "libx264",
    "gop": 12,
    "b_frames": 2,
}
OPEN_GOPS = {"options": {"x264-params": "open-gop=1:b-adapt=0:scenecut=0"}, "b_frames": 3}
FAR = [0.05, 1.25, 3.65, 5.05, 6.25, 8.65, 11.05]


@pytest.fixture
def film(tmp_path):
    return write_ramp(tmp_path / "film.mp4", **FILM)


def watch_opening(monkeypatch, *modules: str) -> list[int]:
    """Note the threads with which modules of the media open files."""
    threads_of = []

    @contextmanager
    def watched(path, threads=None, *, brief=False):
        threads_of.append(threads)
        with open_video(path, threads, brief=brief) as video:
            yield video

    for module in modules:
        monkeypatch.setattr(f"workbench.media.{module}.open_video", watched)
    return threads_of


@pytest.fixture
def opened(monkeypatch) -> list[int]:
    """The threads of each further decoder."""
    return watch_opening(monkeypatch, "dealing")


@pytest.mark.parametrize("whole_file_bytes", [1 << 25, 1000], ids=["whole", "long"])
@pytest.mark.parametrize("kind", [{}, OPEN_GOPS], ids=["closed", "open"])
def test_frames_at__runs_at_once_give_the_same_frames(
    kind, whole_file_bytes, tmp_path, monkeypatch, opened
) -> None:
    path = write_ramp(tmp_path / "film.mp4", **FILM | kind)
    alone = frames_at(path, FAR, threads=1)
    assert opened == []
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", whole_file_bytes)
    monkeypatch.setattr(onepass, "_WINDOW_S", 0.5)
    monkeypatch.setattr(spans, "decode_from_start", None)
    for wanted in (FAR, FAR[::-1], FAR[:3]):
        got = frames_at(path, wanted, threads=2)
        expected = [FAR.index(time) for time in wanted]
        np.testing.assert_array_equal(got.data, alone.data[expected])
        np.testing.assert_array_equal(got.times_s, alone.times_s[expected])
    assert set(opened) == {1}
    assert len(opened) <= 6


def test_frames_at__threads_are_shared_among_decoders(film, opened) -> None:
    frames_at(film, [0.05, 6.05], threads=8)
    assert set(opened) == {4}


@pytest.mark.parametrize(("threads", "pixels", "expected"), [(8, 3, 3), (2, 3, 2), (8, 0, 1)])
def test_most_at_once__by_threads_and_memory(threads, pixels, expected, film, monkeypatch) -> None:
    monkeypatch.setattr(dealing, "_MOST_PIXELS", pixels * 96 * 64)
    with open_video(film, threads) as video:
        assert dealing.most_at_once(video) == expected


def test_frames_at__one_run_that_is_most_of_the_work_keeps_all_threads(film, opened) -> None:
    frames_at(film, [1.15, 6.05], threads=2)
    assert opened == []


def test_frames_at__a_moment_within_one_run_opens_nothing_more(film, opened) -> None:
    frames_at(film, [0.05, 0.35], threads=4)
    assert opened == []


@pytest.mark.parametrize("whole_file_bytes", [1 << 25, 1000], ids=["whole", "long"])
def test_decode_runs__few_frames_wait_for_their_turn(whole_file_bytes, film, monkeypatch) -> None:
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", whole_file_bytes)
    monkeypatch.setattr(onepass, "_WINDOW_S", 0.5)
    monkeypatch.setattr(onepass, "_EVEN", 1.0)
    monkeypatch.setattr(dealing, "_MOST_HELD", 4)
    most = 0
    room = dealing._Dealer._has_room

    def watched(dealer, waiting, frames):
        nonlocal most
        most = max(most, sum(held for held, _ in waiting))
        return room(dealer, waiting, frames)

    monkeypatch.setattr(dealing._Dealer, "_has_room", watched)
    wanted = [start + step / 10 for start in range(0, 12, 2) for step in (0.5, 1.5, 2.5)]
    wanted += [6.05 + step / 10 for step in range(6)]
    got = frames_at(film, wanted, threads=4)
    assert 0 < most <= 4
    np.testing.assert_array_equal(got.data, frames_at(film, wanted, threads=1).data)


def test_decode_runs__closed_early_leave_no_thread(film, opened) -> None:
    stream = frames_of_spans(film, [[time] for time in FAR], threads=3)
    next(stream)
    stream.close()
    assert opened
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("workbench-runs")]


@pytest.mark.parametrize("threads", [1, 4])
def test_frames_at__damage_before_a_wanted_frame_is_mended_as_in_a_full_decode(threads, film) -> None:
    whole = film.read_bytes()
    rng = np.random.default_rng(0)
    was_mended = 0
    for start in range(len(whole) // 4, len(whole) * 3 // 4, len(whole) // 30):
        content = bytearray(whole)
        content[start : start + 50] = rng.bytes(50)
        film.write_bytes(content)
        got, expected = frames_at(film, FAR, threads=threads), next(decode_from_start(film, deque([FAR])))
        np.testing.assert_array_equal(got.data, expected.data)
        assert got.note == expected.note
        was_mended += not expected.note
    assert was_mended


def test_sample_frames__opens_the_file_once(film, monkeypatch) -> None:
    opened = watch_opening(monkeypatch, "spans", "lengths", "dealing")
    assert len(sample_frames(film, 4, threads=1)) == 4
    assert opened == [1]

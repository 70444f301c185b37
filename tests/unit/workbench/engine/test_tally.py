import numpy as np
import pytest

from workbench.engine.records import EmbedProgress, EmbedStats
from workbench.engine.tally import WINDOW_S, RateMeter, Tally


def test_rate__forgets_what_is_older_than_the_window():
    now = [0.0]
    meter = RateMeter(clock=lambda: now[0])
    meter.add(0)
    for second in range(1, 41):
        now[0] = float(second)
        meter.add(second if second <= 20 else 20 + (second - 20) * 5)
    assert meter.rate(120) == pytest.approx(5.0, abs=0.5)
    now[0] = 40.0 + WINDOW_S
    assert meter.rate(120) < 3.0


def test_result__rows_come_in_the_order_of_the_clips():
    tally = Tally(["a", "b", "c", "d"])
    tally.add_rows([3, 1], np.array([[3.0], [1.0]]))
    tally.skip(2, "broken")
    places, vectors, skipped = tally.result()
    assert places.tolist() == [1, 3]
    assert vectors.tolist() == [[1.0], [3.0]]
    assert [one.key for one in skipped] == ["c"]
    assert vectors.dtype == np.float32


def test_close__later_rows_are_ignored():
    tally = Tally(["a", "b"])
    tally.add_rows([0], np.ones((1, 2)))
    tally.close()
    tally.add_rows([1], np.ones((1, 2)))
    tally.skip(1, "late")
    assert tally.progress("stopped").done == 1
    assert tally.stats().seconds == tally.stats().seconds


def test_progress__counts_everything_dealt_with():
    tally = Tally(["a", "b", "c", "d"])
    tally.add_rows([0], np.ones((1, 2)), reused=True)
    tally.add_rows([1], np.ones((1, 2)))
    tally.skip(2, "broken")
    progress = tally.progress("running")
    assert (progress.done, progress.total, progress.skipped, progress.reused) == (3, 4, 1, 1)
    assert progress.eta_s == pytest.approx(1 / progress.rate, rel=0.5)


def test_progress__unknown_pace_has_no_eta():
    assert Tally(["a"]).progress("running").eta_s is None


def test_progress_text__states():
    assert EmbedProgress(state="queued").text == "Loading"
    assert EmbedProgress(5, 9, state="stopped").text == "5 of 9 clips · stopped"
    assert EmbedProgress(1, 1200, reused=1, rate=250, eta_s=4.8, state="running").text == (
        "1 of 1,200 clips · 1 reused · 250 clips/s · 5 s left"
    )


def test_stats_rate__of_nothing():
    assert EmbedStats().rate == 0.0
    assert EmbedStats(clips=10, seconds=4).as_dict()["rate"] == 2.5


def test_embed_stats__split_and_text():
    stats = EmbedStats(clips=30, seconds=2, decode_s=3, preprocess_s=1, model_s=4, write_s=0.01)
    assert sum(stats.split.values()) == pytest.approx(1)
    assert stats.text == "15.0 clips/s · decode 37 % · preprocess 12 % · model 50 %"
    assert EmbedStats(clips=3000, seconds=2).text == "1,500 clips/s"
    assert (EmbedStats().split, EmbedStats(reused=9, write_s=1).text) == ({}, "")

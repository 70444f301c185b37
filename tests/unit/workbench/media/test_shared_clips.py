"""Real clips from elsewhere, where they are at hand: see their README."""

from collections import deque
from pathlib import Path

import numpy as np
import pytest

from workbench.media.decode import frames_at, probe
from workbench.media.sources import load_clips
from workbench.media.spans import decode_from_start

pytestmark = pytest.mark.shared


@pytest.fixture
def folder(shared_dir: Path) -> Path:
    """The folder of real clips."""
    return shared_dir / "data" / "clips"


def agreement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of values that differ by at most 2 grey levels."""
    return float((np.abs(ours.astype(int) - theirs) <= 2).mean())


def test_nasa__frames_of_an_independent_decoder(folder: Path) -> None:
    path, rate = folder / "nasa_13013.mp4", 30000 / 1001
    info = probe(path)
    assert (info.width, info.height, info.num_video_streams) == (480, 270, 2)
    assert info.fps == pytest.approx(29.97, abs=0.01)
    with np.load(folder / "nasa_13013_reference_frames.npz") as stored:
        for name, number in [("frame_0", 0), ("frame_15", 15), ("frame_35", 35)]:
            ours = frames_at(path, [number / rate])
            assert ours.times_s[0] == pytest.approx(number / rate)
            assert agreement(ours.data[0], stored[name]) >= 0.99
        # Stored as (W, C, H), and it is the first frame at or after 10 s (10.01 s), not the one on screen.
        assert agreement(frames_at(path, [10.01]).data[0], stored["time_10.0"].transpose(2, 0, 1)) >= 0.99
    assert frames_at(path, [10.0]).times_s[0] == pytest.approx(299 / rate)


def test_h265__ten_bits(folder: Path) -> None:
    path = folder / "h265_10bits.mp4"
    assert probe(path).pixel_format == "yuv420p10le"
    times = np.arange(30) / 30
    np.testing.assert_array_equal(
        frames_at(path, times).data, next(decode_from_start(path, deque([np.array(times)]))).data
    )


def test_video_90__upright(folder: Path) -> None:
    info = probe(folder / "video_90.mov")
    assert (info.width, info.height, info.rotation) == (320, 568, 90)
    assert frames_at(folder / "video_90.mov", [0.0]).data.shape == (1, 568, 320, 3)


def test_corrupted__frames_that_can_be_had_or_a_reason(folder: Path) -> None:
    frames = frames_at(folder / "corrupted.mp4", [0.5, 2.5, 4.9])
    assert len(frames) == 3
    assert "damaged packet" in frames.note


def test_load_clips__all_of_them(folder: Path) -> None:
    clips = load_clips(folder)
    assert len(clips) + len(clips.errors) == 4
    assert clips.outcomes.ignored == 2

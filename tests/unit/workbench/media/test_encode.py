from pathlib import Path

import av
import numpy as np
import pytest
from make_data import ramp_numbers, ramp_picture

from workbench.errors import InvalidClipError
from workbench.media.decode import frames_at, probe
from workbench.media.encode import write_video

RAMP = np.stack([ramp_picture(i, 64, 48) for i in range(10)])


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mkv", "ffv1", "yuv444p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mov", "libx264", "yuv420p10le"),
    ],
)
def test_write_video__comes_back(name: str, codec: str, pixel_format: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, RAMP, 12.5, codec=codec, pixel_format=pixel_format, crf=10)
    times = [(i + 0.5) / 12.5 for i in range(10)]
    assert ramp_numbers(frames_at(path, times).data) == list(range(10))
    assert probe(path).duration_s == pytest.approx(0.8, abs=0.081)


def test_write_video__colours_come_back(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (200, 120, 40)]
    frames = np.stack([np.full((720, 1280, 3), colour, np.uint8) for colour in colours])
    got = frames_at(write_video(tmp_path / "c.mp4", frames, 5, crf=5), np.arange(5) / 5)
    assert np.abs(got.data[:, 100, 100].astype(int) - colours).max() <= 4


def test_write_video__times_of_its_own(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.5, 0.55, 2.0]
    path = write_video(tmp_path / "v.mp4", RAMP[:5], 10, times_s=times)
    assert frames_at(path, times).times_s.tolist() == pytest.approx(times, abs=1e-4)


def test_write_video__odd_sides_lose_a_line(tmp_path: Path) -> None:
    path = write_video(tmp_path / "o.mp4", np.zeros((3, 49, 65, 3), np.uint8), 10)
    assert (probe(path).width, probe(path).height) == (64, 48)


def test_write_video__index_comes_first(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.mp4", RAMP, 10).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_write_video__hostile_name(tmp_path: Path) -> None:
    assert av.open(str(write_video(tmp_path / "%d:http:é.mp4", RAMP, 10))).duration > 0


def test_write_video__nothing_or_something_else(tmp_path: Path) -> None:
    for frames in ([], [np.zeros((4, 4), np.uint8)], [np.zeros((4, 4, 3), np.float32)]):
        with pytest.raises(InvalidClipError):
            write_video(tmp_path / "n.mp4", frames, 10)

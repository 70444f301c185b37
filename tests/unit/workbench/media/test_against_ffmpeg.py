"""Frames are those that the ffmpeg program shows, a decoder with nothing of ours or of PyAV's in it."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from make_data import write_ramp

from workbench.media import onepass
from workbench.media.decode import frames_at

pytestmark = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs the programs ffmpeg and ffprobe"
)

FILM = {"textured": True, "num_frames": 40, "width": 96, "height": 64, "b_frames": 2, "gop": 12}
OPEN = {"x264-params": "open-gop=1:b-adapt=0:scenecut=0"}
PYRAMID = {"b-pyramid": "normal", "b-adapt": "0", "refs": "4"}
X265 = {"x265-params": "log-level=none:open-gop=1:bframes=3:b-adapt=0"}
UNEVEN = [i / 10 + 0.03 * (i % 3) + 2.0 * (i >= 25) for i in range(40)]
MADE = {
    "plain.mp4": {},
    "quarter.mp4": {"rotation": 90},
    "half.mp4": {"rotation": 180},
    "three-quarters.mp4": {"rotation": 270},
    "open-gop.mp4": {"options": OPEN, "b_frames": 3, "gop": 8},
    "pyramid.mkv": {"options": PYRAMID, "b_frames": 5},
    "uneven.mp4": {"times_s": UNEVEN},
    "uneven.mkv": {"times_s": UNEVEN},
    "late.ts": {"start_s": 3.2},
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "11"}, "b_frames": 0},
    "hevc-10-bit.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "options": X265, "gop": 8},
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 0, "options": {"qscale": "2"}},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
}
REWRITTEN = {
    "edit-list.mp4": ("-ss", "1.5"),
    "negative.mkv": ("-output_ts_offset", "-1", "-avoid_negative_ts", "disabled"),
    "negative-offsets.mp4": ("-movflags", "negative_cts_offsets"),
    "no-stamps.h264": ("-bsf:v", "h264_mp4toannexb"),
    "decoding-times-only.avi": (),
}
CUT_SHORT = ["plain.mkv", "plain.ts", "fragments.mp4"]


def shown(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """When each frame is shown, counted from the first one, and the pictures, from the two programs."""
    said = subprocess.run(
        ["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_frames", "-of", "json", str(path)],
        capture_output=True,
        check=False,
    )
    frames = json.loads(said.stdout)["frames"]
    stamps = [frame.get("best_effort_timestamp_time") for frame in frames]
    # Where stamps are missing frames follow each other at the rate of the film.
    times = np.arange(len(stamps)) / 25 if None in stamps else np.array(stamps, float)
    every = ["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = subprocess.run(
        ["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path), *every], capture_output=True, check=False
    )
    size = (frames[0]["height"], frames[0]["width"])
    if "quarter" in path.name:  # which ffmpeg turns upright and ffprobe does not
        size = size[::-1]
    return times - times[0], np.frombuffer(pixels.stdout, np.uint8).reshape(-1, *size, 3)


def check_frames(path: Path) -> None:
    """Compare at moments at the start, inside, at the end and beyond both ends."""
    times, pictures = shown(path)
    assert len(times) == len(pictures)
    asked = [-1.0, *(times + 0.004), times[-1] + 99.0]
    numbers = [0, *range(len(times)), len(times) - 1]
    for order in (slice(None), [0, len(asked) // 2, -1], [len(asked) // 3]):
        ours = frames_at(path, np.array(asked)[order])
        expected = np.array(numbers)[order]
        assert ours.data.shape[1:] == pictures.shape[1:]
        assert [nearest(picture, pictures) for picture in ours.data] == expected.tolist()
        # Conversion to RGB differs by rounding, and with 10 bits by how colour is spread over pixels.
        assert np.abs(ours.data.astype(int) - pictures[expected]).mean(axis=(1, 2, 3)).max() < 4


def nearest(picture: np.ndarray, pictures: np.ndarray) -> int:
    """Which picture is most alike; each frame has a noise of its own."""
    return int(np.abs(pictures.astype(int) - picture).mean(axis=(1, 2, 3)).argmin())


@pytest.mark.parametrize("whole_file_bytes", [1000, 1 << 25])
@pytest.mark.parametrize("name", MADE)
def test_frames_at__made(name: str, whole_file_bytes: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", whole_file_bytes)
    check_frames(write_ramp(tmp_path / name, **FILM | MADE[name]))


@pytest.mark.parametrize("name", REWRITTEN)
def test_frames_at__rewritten(name: str, tmp_path: Path) -> None:
    source = write_ramp(tmp_path / "source.mp4", **FILM | {"fps": 25})
    path = tmp_path / name
    before, after = (REWRITTEN[name], ()) if name.startswith("edit") else ((), REWRITTEN[name])
    command = ["ffmpeg", "-v", "error", *before, "-i", str(source), "-c", "copy", *after, str(path)]
    subprocess.run(command, check=True)
    check_frames(path)


@pytest.mark.parametrize("name", CUT_SHORT)
def test_frames_at__cut_short(name: str, tmp_path: Path) -> None:
    path = write_ramp(tmp_path / name, **FILM | MADE.get(name, {}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    check_frames(path)

"""The fast way to frames gives what a plain decode of the whole file gives, for every kind of file."""

from pathlib import Path

import av
import numpy as np
import pytest
from make_data import Ramp, ramp_numbers, write_ramp

from workbench.media import onepass
from workbench.media.decode import frames_at, probe, sample_frames
from workbench.media.sources import load_clips

X264 = {"codec": "libx264"}
VP9 = {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}
ALTREF = {"auto-alt-ref": "1", "lag-in-frames": "16"}
X265_OPEN = {"x265-params": "open-gop=1:bframes=3:b-adapt=0:log-level=none"}
X265_LAYERS = {"x265-params": "temporal-layers=3:b-adapt=0:log-level=none"}
X265_SLICES = {"x265-params": "slices=2:bframes=4:log-level=none"}
X264_OPEN = {"x264-params": "open-gop=1:b-adapt=0:scenecut=0"}
PYRAMID = {"b-pyramid": "normal", "b-adapt": "0", "refs": "4"}
KINDS = {
    "h264-no-b.mp4": X264,
    "h264-b.mp4": X264 | {"b_frames": 3, "gop": 10},
    "h264-pyramid.mp4": X264 | {"b_frames": 5, "options": PYRAMID},
    "h264-open-gop.mp4": X264 | {"b_frames": 3, "gop": 8, "options": X264_OPEN},
    "h264-intra-refresh.mp4": X264 | {"gop": 8, "options": {"x264-params": "intra-refresh=1"}},
    "h264-one-gop.mp4": X264 | {"gop": 300, "b_frames": 2},
    "h264-all-intra.mp4": X264 | {"gop": 1},
    "h264-10-bit.mp4": X264 | {"pixel_format": "yuv420p10le"},
    "h264-444-odd.mp4": X264 | {"pixel_format": "yuv444p", "width": 65, "height": 49},
    "h264.ts": X264 | {"b_frames": 2, "gop": 10},
    "h264.mkv": X264 | {"b_frames": 2, "gop": 10},
    "h264.avi": X264 | {"b_frames": 2, "gop": 10},
    "h264-raw.h264": X264 | {"fps": 25, "b_frames": 2, "gop": 10},
    "h264-fragmented.mp4": X264 | {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265", "gop": 8, "b_frames": 3, "options": {"x265-params": "log-level=none"}},
    "hevc-10-bit.mkv": {"codec": "libx265", "pixel_format": "yuv420p10le", "gop": 8, "options": X265_OPEN},
    "hevc-layers.mp4": {"codec": "libx265", "gop": 16, "b_frames": 3, "options": X265_LAYERS},
    "hevc-slices.ts": {"codec": "libx265", "fps": 25, "gop": 16, "options": X265_SLICES},
    "vp9.webm": VP9 | {"gop": 10},
    "vp9-altref.webm": VP9 | {"gop": 15, "options": ALTREF | {"cpu-used": "8"}},
    "vp8.webm": {
        "codec": "libvpx",
        "gop": 15,
        "options": ALTREF | {"b": "1M", "cpu-used": "8", "deadline": "realtime"},
    },
    "av1.mp4": {"codec": "libsvtav1", "gop": 16, "options": {"preset": "11"}},
    "av1-low-delay.mkv": {
        "codec": "libsvtav1",
        "gop": 40,
        "options": {"preset": "11", "svtav1-params": "pred-struct=1"},
    },
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 2, "options": {"qscale": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "fps": 25, "b_frames": 2, "gop": 9, "options": {"b": "4M"}},
    "mjpeg.mov": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "ffv1.mkv": {"codec": "ffv1"},
}
LONG = ["h264-b.mp4", "h264-open-gop.mp4", "h264.ts", "h264.mkv", "vp9.webm", "mpeg4.avi"]


def reference(path: Path, **ramp: object) -> tuple[list[float], list[np.ndarray]]:
    """Decode every frame with a plain PyAV loop, in the order they are shown; and when that is."""
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.best("video")))
    full = {frame.color_range == 2 for frame in frames} == {True}
    pictures = [
        frame.to_ndarray(format="rgb24", src_color_range=2 if full else 0, threads=1) for frame in frames
    ]
    return Ramp(**ramp).shown_s, pictures


@pytest.mark.parametrize("name", KINDS)
def test_frames_at__equals_a_full_decode(name: str, tmp_path: Path) -> None:
    path = write_ramp(tmp_path / name, **KINDS[name])
    times, pictures = reference(path, **KINDS[name])
    assert len(pictures) == len(times)
    middles = [time + 0.01 for time in times]
    got = frames_at(path, middles)
    np.testing.assert_array_equal(got.data, np.stack(pictures))
    np.testing.assert_allclose(got.times_s, times, atol=1.1e-3)
    for wanted in ([3], [17, 4], [28, 28, 0], [5, 9, 22], list(range(0, 28, 4))):
        some = frames_at(path, [middles[i] for i in wanted])
        np.testing.assert_array_equal(some.data, np.stack([pictures[i] for i in wanted]))


@pytest.mark.parametrize("name", KINDS)
def test_sample_frames__of_every_kind_of_file(name: str, tmp_path: Path) -> None:
    path = write_ramp(tmp_path / name, **KINDS[name])
    times, pictures = reference(path, **KINDS[name])
    got, length_s = sample_frames(path, 4), probe(path).duration_s
    assert length_s == pytest.approx(len(times) / KINDS[name].get("fps", 10), rel=0.15)
    middles = [(k + 0.5) * length_s / 4 + 1e-3 for k in range(4)]
    shown = [max(i for i, time in enumerate(times) if time <= middle) for middle in middles]
    np.testing.assert_array_equal(got.data, np.stack([pictures[i] for i in shown]))
    assert [clip.path for clip in load_clips(path)] == [path]


FILMS = ["h264-b.mp4", "h264-pyramid.mp4", "h264-open-gop.mp4", "h264-intra-refresh.mp4"]
FILMS += ["h264.ts", "hevc.mp4", "hevc-10-bit.mkv", "hevc-layers.mp4", "hevc-slices.ts"]
FILMS += ["vp9.webm", "vp9-altref.webm", "av1.mp4", "av1-low-delay.mkv", "mpeg4.avi"]


@pytest.mark.parametrize("name", FILMS)
def test_frames_at__any_choice_of_frames_equals_a_full_decode(name: str, tmp_path: Path, monkeypatch) -> None:
    film = KINDS[name] | {"textured": True, "num_frames": 90, "width": 96, "height": 64}
    path = write_ramp(tmp_path / name, **film)
    times, pictures = reference(path, **film)
    rng = np.random.default_rng(1)
    for size in (1, 2, 3, 5, 8) * 3:
        wanted = rng.choice(len(times), size, replace=False)
        monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", int(rng.choice([1000, 1 << 20])))
        monkeypatch.setattr(onepass, "_WINDOW_S", float(rng.choice([0.5, 4.0])))
        got = frames_at(path, [times[i] + 0.01 for i in wanted], threads=int(rng.choice([1, 2])))
        np.testing.assert_array_equal(got.data, np.stack([pictures[i] for i in wanted]))


@pytest.mark.parametrize("name", ["h264-b.mp4", "h264-open-gop.mp4", "hevc.mp4", "vp9.webm", "av1.mp4"])
def test_frames_at__takes_the_fast_way_where_it_can(name: str, tmp_path: Path, monkeypatch) -> None:
    path = write_ramp(tmp_path / name, **KINDS[name])
    monkeypatch.setattr("workbench.media.spans.decode_from_start", None)
    assert ramp_numbers(frames_at(path, [0.35, 2.05]).data) == [3, 20]


@pytest.mark.parametrize(
    "name", ["h264-b.mp4", "h264-open-gop.mp4", "h264.ts", "h264.mkv", "vp9.webm", "mpeg4.avi"]
)
def test_frames_at__seeks_in_large_files(name: str, tmp_path: Path, monkeypatch) -> None:
    path = write_ramp(tmp_path / name, **KINDS[name])
    times, pictures = reference(path, **KINDS[name])
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", 2000)
    monkeypatch.setattr(onepass, "_WINDOW_S", 0.5)
    if name != "mpeg4.avi":  # reordered frames in AVI are always decoded from the start
        monkeypatch.setattr("workbench.media.spans.decode_from_start", None)
    got = frames_at(path, [time + 0.01 for time in times] + [99.0])
    np.testing.assert_array_equal(got.data, np.stack([*pictures, pictures[-1]]))

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from make_data import ramp_numbers, write_ramp, write_transparent, write_two_streams
from PIL import Image

from workbench.errors import ClipDecodeError
from workbench.media import preview
from workbench.media.frames import Frames
from workbench.media.headers import read_clip
from workbench.media.preview import browser_clip

WEBM = {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}}


def opened(data: bytes) -> tuple[str, str, int, int, np.ndarray]:
    """Decode a preview: codec, pixel format, streams, has sound, pictures."""
    with av.open(io.BytesIO(data)) as container:
        context = container.streams.video[0].codec_context
        facts = context.name, context.pix_fmt, len(container.streams.video), len(container.streams.audio)
        return *facts, np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize(
    ("name", "ramp", "media_type"),
    [
        ("a.mp4", {"b_frames": 2, "sound": True}, "video/mp4"),
        ("a.webm", WEBM, "video/webm"),
        ("turned.mp4", {"rotation": 90}, "video/mp4"),
        ("av1.mp4", {"codec": "libsvtav1", "options": {"preset": "11"}}, "video/mp4"),
    ],
)
def test_browser_clip__passes_on_what_plays(name: str, ramp: dict, media_type: str, tmp_path: Path) -> None:
    path = write_ramp(tmp_path / name, **ramp)
    assert browser_clip(read_clip(path)) == (path.read_bytes(), media_type)


@pytest.mark.parametrize(
    ("name", "ramp"),
    [
        ("ten.mp4", {"pixel_format": "yuv420p10le"}),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("odd.mkv", {"pixel_format": "yuv444p", "width": 65, "height": 49}),
        ("a.mkv", {}),
        ("a.mov", {}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.ts", {"b_frames": 2, "sound": True}),
        ("late.mov", {"start_s": 30.0}),
    ],
)
def test_browser_clip__transcodes_what_does_not(name: str, ramp: dict, tmp_path: Path) -> None:
    data, media_type = browser_clip(read_clip(write_ramp(tmp_path / name, **ramp)))
    codec, pixels, videos, sounds, pictures = opened(data)
    assert (media_type, codec, pixels, videos, sounds) == ("video/mp4", "h264", "yuv420p", 1, 0)
    assert data.index(b"moov") < data.index(b"mdat")
    assert np.abs(np.array(ramp_numbers(pictures)) - np.arange(30)).max() <= 1


def test_browser_clip__takes_the_best_of_two_streams(tmp_path: Path) -> None:
    data, _ = browser_clip(read_clip(write_two_streams(tmp_path / "two.mp4")))
    assert opened(data)[-1].shape == (20, 96, 128, 3)


def test_browser_clip__large_files_become_small(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "big.mp4", num_frames=5, width=1280, height=720, textured=True)
    data, _ = browser_clip(read_clip(path), max_bytes=1000)
    assert opened(data)[-1].shape == (5, 270, 480, 3)


def test_browser_clip__bounded_length(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(preview, "_MAX_SECONDS", 1.0)
    data, _ = browser_clip(read_clip(write_ramp(tmp_path / "a.mkv")))
    assert len(opened(data)[-1]) == 10


def test_browser_clip__part_of_a_video(ramp: Path) -> None:
    data, _ = browser_clip(replace(read_clip(ramp), start_s=1.0, stop_s=2.0))
    assert ramp_numbers(opened(data)[-1]) == pytest.approx(list(range(10, 20)), abs=1)


def test_browser_clip__upright_and_on_white(tmp_path: Path) -> None:
    turned = write_ramp(tmp_path / "turned.mov", num_frames=3, rotation=-90)
    assert opened(browser_clip(read_clip(turned))[0])[-1].shape == (3, 64, 48, 3)
    clear = write_transparent(tmp_path / "clear.mov", "qtrle", "argb")
    assert opened(browser_clip(read_clip(clear))[0])[-1][0, 24, 54].min() > 250


def test_browser_clip__images(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 30), (200, 0, 0))
    kinds = {"a.jpg": "image/jpeg", "a.png": "image/png", "a.gif": "image/gif"}
    for name, media_type in kinds.items():
        image.save(tmp_path / name)
        assert browser_clip(read_clip(tmp_path / name)) == ((tmp_path / name).read_bytes(), media_type)
    image.save(tmp_path / "a.tiff")
    data, media_type = browser_clip(read_clip(tmp_path / "a.tiff"))
    assert (media_type, Image.open(io.BytesIO(data)).size) == ("image/jpeg", (40, 30))


def test_browser_clip__many_threads_make_it_once(tmp_path: Path, monkeypatch) -> None:
    clip = read_clip(write_ramp(tmp_path / "once.mkv", num_frames=7))
    made = []
    make = preview._transcoded
    monkeypatch.setattr(preview, "_transcoded", lambda clip: made.append(1) or make(clip))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(browser_clip, [clip] * 16))
    assert len(made) == 1
    assert len(set(results)) == 1


def test_browser_clip__damaged_file(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "a.mkv")
    clip = read_clip(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 20])
    with pytest.raises(ClipDecodeError, match=r"a\.mkv"):
        browser_clip(replace(clip, content_id="damaged"))


def test_frames__refuses_what_does_not_fit() -> None:
    from workbench.errors import InvalidClipError

    for data, times in [
        (np.zeros((2, 4, 4, 4), np.uint8), np.zeros(2)),
        (np.zeros((2, 4, 4, 3), np.float32), np.zeros(2)),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3)),
    ]:
        with pytest.raises(InvalidClipError):
            Frames(data, times)

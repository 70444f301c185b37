import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from make_data import (
    Ramp,
    cut,
    ramp_numbers,
    write_ramp,
    write_sound_only,
    write_transparent,
    write_two_streams,
)

from workbench.errors import ClipDecodeError, InvalidClipError, SourceNotFoundError, UnsupportedMediaError
from workbench.media import onepass
from workbench.media.decode import (
    decode_from_start,
    frames_at,
    pictures_between,
    poster_at,
    probe,
)

X264 = {"codec": "libx264"}
VP9 = {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}
ALTREF = {"auto-alt-ref": "1", "lag-in-frames": "16"}
X265_OPEN = {"x265-params": "open-gop=1:bframes=3:b-adapt=0:log-level=none"}
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
    "vp9.webm": VP9 | {"gop": 10},
    "vp9-altref.webm": VP9 | {"gop": 15, "options": ALTREF | {"cpu-used": "8"}},
    "vp8.webm": {
        "codec": "libvpx",
        "gop": 15,
        "options": ALTREF | {"b": "1M", "cpu-used": "8", "deadline": "realtime"},
    },
    "av1.mp4": {"codec": "libsvtav1", "gop": 16, "options": {"preset": "11"}},
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


FILMS = ["h264-b.mp4", "h264-pyramid.mp4", "h264-open-gop.mp4", "h264-intra-refresh.mp4"]
FILMS += ["h264.ts", "hevc.mp4", "hevc-10-bit.mkv", "vp9.webm", "vp9-altref.webm", "av1.mp4", "mpeg4.avi"]


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
    monkeypatch.setattr("workbench.media.decode.decode_from_start", None)
    assert ramp_numbers(frames_at(path, [0.35, 2.05]).data) == [3, 20]


@pytest.mark.parametrize(
    "name", ["h264-b.mp4", "h264-open-gop.mp4", "h264.ts", "h264.mkv", "vp9.webm", "mpeg4.avi"]
)
def test_frames_at__seeks_in_large_files(name: str, tmp_path: Path, monkeypatch) -> None:
    path = write_ramp(tmp_path / name, **KINDS[name])
    times, pictures = reference(path, **KINDS[name])
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", 2000)
    monkeypatch.setattr(onepass, "_WINDOW_S", 0.5)
    got = frames_at(path, [time + 0.01 for time in times] + [99.0])
    np.testing.assert_array_equal(got.data, np.stack([*pictures, pictures[-1]]))


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_frames_at__any_number_of_threads(ramp: Path, threads: int) -> None:
    assert ramp_numbers(frames_at(ramp, [0.05, 1.25, 2.95], threads=threads).data) == [0, 12, 29]


def test_frames_at__before_the_start_and_beyond_the_end(ramp: Path) -> None:
    got = frames_at(ramp, [-5.0, -np.inf, 1e9, np.inf, 3.0])
    assert ramp_numbers(got.data) == [0, 0, 29, 29, 29]
    assert got.times_s.tolist() == pytest.approx([0.0, 0.0, 2.9, 2.9, 2.9])


def test_frames_at__its_own_times_give_the_same_frames(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "film.mp4", fps=30)
    first = frames_at(path, [(i + 0.5) / 30 for i in range(30)])
    assert ramp_numbers(frames_at(path, first.times_s).data) == list(range(30))
    assert ramp_numbers(frames_at(path, [i / 30 for i in range(30)]).data) == list(range(30))


def test_frames_at__order_and_repeats_are_kept(ramp: Path) -> None:
    assert ramp_numbers(frames_at(ramp, [2.0, 0.5, 2.0, 0.55]).data) == [20, 5, 20, 5]


def test_frames_at__converts_a_frame_wanted_twice_once(ramp: Path, monkeypatch) -> None:
    made = []
    make = onepass.PictureMaker.__call__
    monkeypatch.setattr(
        onepass.PictureMaker, "__call__", lambda self, frame: made.append(1) or make(self, frame)
    )
    frames_at(ramp, [1.0, 1.01, 1.02, 2.0])
    assert len(made) == 2


def test_frames_at__no_times_or_no_numbers(ramp: Path) -> None:
    for times in ([], [np.nan], [[1.0]]):
        with pytest.raises(InvalidClipError, match="at least one number"):
            frames_at(ramp, times)


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_frames_at__variable_frame_rate(name: str, tmp_path: Path) -> None:
    shown = [0.0, 0.04, 0.08, 1.0, 1.5, 1.52, 3.0, 5.25]
    path = write_ramp(tmp_path / name, num_frames=8, times_s=shown, b_frames=2)
    got = frames_at(path, [0.039, 0.05, 0.9, 1.2, 1.51, 2.9, 5.2, 5.3])
    assert ramp_numbers(got.data) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert got.times_s.tolist() == pytest.approx(shown, abs=1e-3)


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.ts"])
def test_frames_at__counts_from_the_first_picture(name: str, tmp_path: Path) -> None:
    path = write_ramp(tmp_path / name, start_s=7.0, b_frames=2)
    got = frames_at(path, [0.0, 0.15, 2.95])
    assert ramp_numbers(got.data) == [0, 1, 29]
    assert got.times_s.tolist() == pytest.approx([0.0, 0.1, 2.9], abs=1e-3)
    assert probe(path).duration_s == pytest.approx(3.0, abs=0.11)


@pytest.mark.parametrize(
    ("turn", "corner", "clockwise"),
    [
        ({"rotation": 0}, "top left", 0),
        ({"rotation": -90}, "top right", 90),
        ({"rotation": 90}, "bottom left", 270),
        ({"rotation": 180}, "bottom right", 180),
        ({"rotation": 0, "hflip": True}, "top right", 0),
        ({"rotation": 0, "vflip": True}, "bottom left", 0),
    ],
)
@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_frames_at__upright(turn: dict, corner: str, clockwise: int, ending: str, tmp_path: Path) -> None:
    path = write_ramp(tmp_path / f"r.{ending}", num_frames=3, **turn)
    picture = frames_at(path, [0.0]).data[0]
    info = probe(path)
    assert picture.shape == ((64, 48, 3) if clockwise % 180 else (48, 64, 3))
    assert (info.height, info.width, info.rotation) == (*picture.shape[:2], clockwise)
    rows, columns = np.nonzero(picture[..., 0].astype(int) - picture[..., 1] > 100)
    up = "top" if rows.mean() < picture.shape[0] / 2 else "bottom"
    side = "left" if columns.mean() < picture.shape[1] / 2 else "right"
    assert f"{up} {side}" == corner
    assert max(poster_at(path, 0.0, 32).shape[:2]) == 32


def test_frames_at__transparent_areas_on_white(tmp_path: Path) -> None:
    kinds = [("a.webm", "libvpx-vp9", "yuva420p"), ("b.mov", "qtrle", "argb"), ("c.mov", "png", "rgba")]
    for name, codec, pixel_format in kinds:
        path = write_transparent(tmp_path / name, codec, pixel_format)
        got = frames_at(path, [0.05, 0.95]).data
        assert np.abs(got[:, 24, 10].astype(int) - (255, 0, 0)).max() <= 4, name
        assert np.abs(got[:, 24, 54].astype(int) - 255).max() <= 4, name


def test_frames_at__two_video_streams(tmp_path: Path) -> None:
    path = write_two_streams(tmp_path / "two.mp4")
    assert frames_at(path, [1.05]).data.shape == (1, 96, 128, 3)
    assert (probe(path).width, probe(path).num_video_streams) == (128, 2)
    assert ramp_numbers(frames_at(path, [1.05]).data) == [10]


def test_frames_at__full_range_keeps_black_and_white(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "phone.mov", codec="mjpeg", pixel_format="yuvj420p")
    assert ramp_numbers(frames_at(path, [0.05, 1.55, 2.95]).data) == [0, 15, 29]


def test_frames_at__webm_that_states_no_length(tmp_path: Path) -> None:
    path = write_ramp(
        tmp_path / "live.webm", codec="libvpx-vp9", container_options={"live": "1"}, options={"cpu-used": "8"}
    )
    with av.open(str(path)) as container:
        assert container.duration is None
    assert probe(path).duration_s == pytest.approx(3.0, abs=0.11)
    assert ramp_numbers(frames_at(path, [0.05, 1.55, 2.95]).data) == [0, 15, 29]


def test_frames_at__one_frame(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "one.mp4", num_frames=1)
    assert probe(path).duration_s > 0
    assert ramp_numbers(frames_at(path, [0.0, 0.05, 7.0]).data) == [0, 0, 0]


def test_frames_at__oblong_pixels_come_as_stored(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "dv.mp4", options={"x264-params": "sar=2/1"})
    assert frames_at(path, [0.0]).data.shape[1:3] == (48, 64)


def test_frames_at__name_that_looks_like_a_protocol(ramp: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ["concat:a.mp4", "http:b.mp4", "12:30 %d été ⭐.mp4", "two\nlines.mp4", "-i.mp4"]:
        shutil.copy(ramp, name)
        assert ramp_numbers(frames_at(Path(name), [1.0]).data) == [10]


def test_frames_at__name_that_is_not_utf_8(ramp: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    shutil.copy(ramp, path)
    assert ramp_numbers(frames_at(path, [1.0]).data) == [10]


def test_decode_from_start__equals_the_fast_way(ramp: Path) -> None:
    times = np.array([2.0, 0.31, 0.32, 2.99])
    fast, slow = frames_at(ramp, times), decode_from_start(ramp, times)
    np.testing.assert_array_equal(fast.data, slow.data)
    np.testing.assert_array_equal(fast.times_s, slow.times_s)


def test_probe__facts(tmp_path: Path) -> None:
    info = probe(write_ramp(tmp_path / "a.mp4", Ramp(sound=True)))
    assert (info.width, info.height, info.fps, info.num_frames) == (64, 48, 10.0, 30)
    assert (info.codec, info.has_audio, info.rotation, info.pixel_format) == ("h264", True, 0, "yuv420p")
    assert info.duration_s == pytest.approx(3.0)


def test_probe__not_a_video(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("just words\n" * 50)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    playlist = tmp_path / "list.mp4"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    concat = tmp_path / "concat.mp4"
    concat.write_text("ffconcat version 1.0\nfile /etc/hostname\n")
    sound = write_sound_only(tmp_path / "sound.mp4")
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    reasons = {
        text: "not a video",
        empty: "empty",
        folder: "folder",
        playlist: "not a video",
        concat: "not a video",
        sound: "sound only",
        pipe: "not a regular file",
    }
    for path, reason in reasons.items():
        with pytest.raises(UnsupportedMediaError, match=reason):
            probe(path)
        with pytest.raises(UnsupportedMediaError, match=reason):
            frames_at(path, [0.0])


def test_probe__missing_and_unreadable(ramp: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no file"):
        probe(tmp_path / "gone.mp4")
    locked = Path(shutil.copy(ramp, tmp_path / "locked.mp4"))
    locked.chmod(0)
    with pytest.raises(ClipDecodeError, match="No permission"):
        probe(locked)


def test_probe__permission_refused_by_the_system(ramp: Path, monkeypatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ClipDecodeError, match="No permission"):
        probe(ramp)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "webm", "avi"])
def test_frames_at__cut_short_anywhere(ending: str, tmp_path: Path) -> None:
    codec = {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}} if ending == "webm" else {"b_frames": 2}
    faststart = {"movflags": "+faststart"} if ending == "mp4" else {}
    whole = write_ramp(tmp_path / f"whole.{ending}", container_options=faststart, **codec)
    outcomes = set()
    for percent in range(2, 100, 7):
        path = cut(whole, tmp_path / f"cut.{ending}", percent / 100)
        try:
            numbers = ramp_numbers(frames_at(path, [0.0, 1.5, 2.95]).data)
        except (ClipDecodeError, UnsupportedMediaError):
            outcomes.add("refused")
        else:
            outcomes.add("decoded")
            assert numbers == sorted(numbers)
    assert outcomes == {"refused", "decoded"}


def test_frames_at__damaged_inside(ramp: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    data = np.frombuffer(ramp.read_bytes(), np.uint8)
    for _ in range(30):
        broken = data.copy()
        places = rng.integers(0, len(data), 40)
        broken[places] = rng.integers(0, 256, 40)
        path = tmp_path / "damaged.mp4"
        path.write_bytes(broken.tobytes())
        try:
            outcome = len(frames_at(path, [0.5, 2.5]))
        except (ClipDecodeError, UnsupportedMediaError) as error:
            outcome = str(error)
        assert outcome == 2 or "damaged.mp4" in outcome


def test_frames_at__opened_and_left_often(ramp: Path) -> None:
    for i in range(100):
        stream = pictures_between(ramp, 0.0, 3.0, max_side=32)
        next(stream)
        stream.close()
        assert frames_at(ramp, [i / 40], threads=2 + i % 2).data.shape[0] == 1


def test_poster_at__large_file_gives_the_key_frame_before(ramp: Path, monkeypatch) -> None:
    monkeypatch.setattr("workbench.media.decode._SMALL_FILE_BYTES", 10)
    picture = poster_at(ramp, 1.75, max_side=32)
    assert picture.shape == (24, 32, 3)
    assert ramp_numbers(picture[None]) == [10]


def test_pictures_between__starts_with_the_frame_on_screen(ramp: Path) -> None:
    got = list(pictures_between(ramp, 0.55, 1.0, max_side=32))
    assert ramp_numbers(np.stack([picture for _, picture in got])) == [5, 6, 7, 8, 9]
    assert [time for time, _ in got] == pytest.approx([0.55, 0.6, 0.7, 0.8, 0.9])


def test_pictures_between__at_most_so_many_a_second(ramp: Path) -> None:
    assert len(list(pictures_between(ramp, 0.0, 3.0, max_side=32, max_fps=5))) == 15


def test_pictures_between__far_into_a_film(ramp: Path, monkeypatch) -> None:
    monkeypatch.setattr("workbench.media.decode._SEEK_FROM_S", 0.5)
    got = list(pictures_between(ramp, 2.55, 2.8, max_side=32))
    assert ramp_numbers(np.stack([picture for _, picture in got])) == [25, 26, 27]

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

from workbench.errors import (
    ClipDecodeError,
    InvalidClipError,
    InvalidParameterError,
    SourceNotFoundError,
    UnsupportedMediaError,
)
from workbench.media import onepass, spans
from workbench.media.decode import (
    frames_at,
    pictures_between,
    poster_at,
    probe,
    sample_frames,
    sample_rates,
)
from workbench.media.encode import write_video
from workbench.media.pixels import PictureMaker


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_frames_at__any_number_of_threads(ramp: Path, threads: int) -> None:
    assert ramp_numbers(frames_at(ramp, [0.05, 1.25, 2.95], threads=threads).data) == [0, 12, 29]


def test_frames_at__damage_is_the_same_with_any_number_of_threads(tmp_path: Path) -> None:
    film = {"textured": True, "width": 96, "height": 64, "b_frames": 3, "gop": 8}
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = write_ramp(tmp_path / "cut.mp4", codec="libx264", container_options=options, **film)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    one, two, four = (frames_at(path, np.arange(30) / 10, threads=threads) for threads in (1, 2, 4))
    assert one.note == two.note == four.note == "1 damaged packets were passed over."
    for other in (two, four):
        np.testing.assert_array_equal(one.times_s, other.times_s)
        np.testing.assert_array_equal(one.data, other.data)


def test_sample_frames__are_the_middles_of_equal_parts(ramp: Path) -> None:
    got = sample_frames(ramp, 5)
    assert ramp_numbers(got.data) == [3, 9, 15, 21, 27]
    with pytest.raises(InvalidClipError, match="at least 1 frame"):
        sample_frames(ramp, 0)


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
    make = PictureMaker.__call__
    monkeypatch.setattr(PictureMaker, "__call__", lambda self, *frame: made.append(1) or make(self, *frame))
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


def test_frames_at__transparency_that_a_tag_states_in_capitals(tmp_path: Path) -> None:
    path = write_transparent(tmp_path / "a.webm", "libvpx-vp9", "yuva420p", alpha_mode="1")
    with av.open(str(path)) as container:
        assert "ALPHA_MODE" in container.streams.video[0].metadata
    assert np.abs(frames_at(path, [0.05]).data[:, 24, 54].astype(int) - 255).max() <= 4


@pytest.mark.parametrize(("rotation", "red", "white"), [(90, (60, 24), (4, 24)), (180, (24, 54), (24, 10))])
def test_frames_at__transparent_and_turned(tmp_path: Path, rotation, red, white) -> None:
    path = write_transparent(tmp_path / "a.webm", "libvpx-vp9", "yuva420p", rotation=rotation)
    got = frames_at(path, [0.05, 0.95]).data.astype(int)
    assert got.shape[1:3] == ((64, 48) if rotation == 90 else (48, 64))
    assert (probe(path).height, probe(path).width) == got.shape[1:3]
    assert np.abs(got[:, *red] - (255, 0, 0)).max() <= 4
    assert np.abs(got[:, *white] - 255).max() <= 4


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


def test_sample_rates__in_one_pass(ramp: Path, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(spans, "decode_fast", lambda *given: asked.append(1) or onepass.decode_fast(*given))
    sampled = sample_rates(ramp, [1, 2.5, 100, 1], 0.55, 2.5)
    assert asked == [1]
    assert list(sampled) == [1, 2.5, 100]
    assert ramp_numbers(sampled[1].data) == [5, 15]
    assert ramp_numbers(sampled[2.5].data) == [5, 9, 13, 17, 21]
    assert len(sampled[100]) == 195
    assert ramp_numbers(sample_rates(ramp, [1])[1].data) == [0, 10, 20]


def test_sample_rates__broken_requests(ramp: Path) -> None:
    for rate in (0, -1, np.nan, np.inf, "2", True):
        with pytest.raises(InvalidParameterError, match="pictures a second"):
            sample_rates(ramp, [3, rate])
    with pytest.raises(InvalidParameterError, match="No rate"):
        sample_rates(ramp, [])
    with pytest.raises(InvalidClipError, match="start < stop"):
        sample_rates(ramp, [1], 2.0, 2.0)


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


def test_frames_at__films_joined_into_one_file(tmp_path: Path) -> None:
    silent = write_ramp(tmp_path / "silent.ts", b_frames=2)
    sound = write_ramp(tmp_path / "sound.ts", num_frames=20, sound=True)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(silent.read_bytes() + sound.read_bytes())  # times start again, a stream begins
    got = frames_at(joined, [0.05, 2.95, 3.05, 3.95, 4.95])
    assert ramp_numbers(got.data) == [0, 29, 0, 9, 19]
    assert (np.diff(got.times_s) > 0).all()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda path: frames_at(path, ["a"]), InvalidClipError),
        (lambda path: frames_at(path, [None]), InvalidClipError),
        (lambda path: frames_at(path, [0], threads="2"), InvalidParameterError),
        (lambda path: frames_at(path, [0], threads=-1), InvalidParameterError),
        (lambda path: sample_frames(path, "8"), InvalidClipError),
        (lambda path: sample_frames(path, 2.5), InvalidClipError),
        (lambda path: sample_rates(path, 2), InvalidParameterError),
    ],
)
def test_decode__what_is_no_number_is_refused(tmp_path: Path, call, error) -> None:
    with pytest.raises(error):
        call(write_ramp(tmp_path / "a.mp4"))


def remuxed(source: Path, target: Path) -> Path:
    """Copy the packets of an AVI elsewhere, as `ffmpeg -c copy` does: decoding times stand for both."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.pts = packet.dts
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_at__an_avi_that_was_copied_into_mp4_is_shown_in_order(tmp_path: Path, codec: str) -> None:
    options = {"qscale": "2"} if codec == "mpeg4" else {}
    avi = write_ramp(tmp_path / "a.avi", codec=codec, b_frames=2, gop=30, options=options)
    copy = remuxed(avi, tmp_path / "a.mp4")
    times = [0.05 + i / 10 for i in range(28)]
    assert ramp_numbers(frames_at(copy, times).data) == ramp_numbers(frames_at(avi, times).data)
    assert ramp_numbers(frames_at(copy, [1.55]).data) == ramp_numbers(frames_at(avi, [1.55]).data)
    assert (np.diff(ramp_numbers(frames_at(copy, times).data)) >= 0).all()


@pytest.mark.parametrize("start_s", [0.55, 1.55, 2.05])
def test_pictures_between__of_an_avi_are_those_of_that_time(tmp_path: Path, monkeypatch, start_s) -> None:
    avi = write_ramp(tmp_path / "a.avi", b_frames=2, gop=5)
    whole = dict(pictures_between(avi, 0.0, 3.0, max_side=32))
    monkeypatch.setattr("workbench.media.decode._SEEK_FROM_S", 0.5)
    got = list(pictures_between(avi, start_s, start_s + 0.5, max_side=32))
    assert len(got) > 3
    for time_s, picture in got[1:]:
        np.testing.assert_array_equal(picture, whole[time_s])


@pytest.mark.parametrize("b_frames", [0, 2])
def test_length__of_uneven_reordered_frames_reaches_the_last(tmp_path: Path, b_frames: int) -> None:
    times = [i / 10 for i in range(20)] + [8.0, 20.0, 20.1]
    path = write_ramp(tmp_path / "a.mp4", num_frames=23, times_s=times, b_frames=b_frames)
    assert probe(path).duration_s == pytest.approx(20.1, abs=0.2)
    assert sample_frames(path, 4).times_s.max() > 7


def test_write_video__uneven_times_have_their_length(tmp_path: Path) -> None:
    frames = np.stack([np.full((48, 64, 3), 8 * i, np.uint8) for i in range(10)])
    path = write_video(tmp_path / "a.mp4", frames, 10, times_s=[*(i / 10 for i in range(8)), 12.0, 30.0])
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        assert float(stream.duration * stream.time_base) >= 30.0


def test_frames_at__before_the_start_is_the_first_in_a_long_film_too(tmp_path: Path, monkeypatch) -> None:
    path = write_ramp(tmp_path / "a.mp4", b_frames=2, start_s=0.5)
    monkeypatch.setattr("workbench.media.onepass.WHOLE_FILE_BYTES", 1000)
    assert ramp_numbers(frames_at(path, [-5.0, -0.05, 0.0, 1.05]).data) == [0, 0, 0, 10]


def test_frames_at__dense_pictures_of_many_bytes_keep_the_fast_way(tmp_path: Path, monkeypatch) -> None:
    path = write_ramp(tmp_path / "a.mov", codec="mjpeg", pixel_format="yuvj420p")
    monkeypatch.setattr("workbench.media.onepass.WHOLE_FILE_BYTES", 1000)
    monkeypatch.setattr("workbench.media.stretches._MOST_HELD_BYTES", path.stat().st_size // 3)
    monkeypatch.setattr("workbench.media.spans.decode_from_start", lambda *_: pytest.fail("from the start"))
    times = [i / 10 + 0.05 for i in range(30)]
    assert ramp_numbers(frames_at(path, times).data) == list(range(30))


def test_probe__a_turned_film_whose_first_packet_is_damaged(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "a.mp4", rotation=90, gop=5)
    whole = probe(path)
    with av.open(str(path)) as opened:
        first = next(packet for packet in opened.demux(video=0) if packet.size)
        place, size = first.pos, first.size
    content = bytearray(path.read_bytes())
    content[place : place + size] = bytes(size)
    path.write_bytes(content)
    assert probe(path).rotation == whole.rotation != 0

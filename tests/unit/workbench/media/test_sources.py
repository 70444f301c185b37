import json
import os
import shutil
from pathlib import Path
from threading import Event

import pytest
from make_data import write_ramp
from PIL import Image

from workbench.errors import InvalidParameterError, UnsupportedMediaError
from workbench.media.clips import ClipSet
from workbench.media.headers import content_id, read_clip
from workbench.media.samples import sample_clips
from workbench.media.sources import load_clips

HOSTILE = "<img src=x onerror=alert(1)>.mp4"


def put(source: Path, target: Path) -> Path:
    """Copy a file, making folders on the way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, target))


@pytest.fixture
def folder(ramp: Path, tmp_path: Path) -> Path:
    """Good files among everything that goes wrong in folders."""
    put(ramp, tmp_path / "good.mp4")
    put(ramp, tmp_path / "inner" / "also good.MP4")
    put(ramp, tmp_path / HOSTILE)
    Image.new("RGB", (20, 10)).save(tmp_path / "picture.png")
    (tmp_path / "text.mp4").write_text("just words\n" * 99)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "x.mp4").mkdir()
    (tmp_path / "zero.jpg").touch()
    put(ramp, tmp_path / "locked.mp4").chmod(0)
    (tmp_path / "README.txt").write_text("notes")
    (tmp_path / ".hidden.mp4").write_text("")
    return tmp_path


def test_load_clips__good_rows_and_reasons(folder: Path) -> None:
    clips = load_clips(folder)
    assert set(clips.keys) == {"good.mp4", "inner/also good.MP4", HOSTILE, "picture.png"}
    reasons = {Path(error.path).name: error.reason for error in clips.errors}
    assert set(reasons) == {"text.mp4", "empty.mp4", "x.mp4", "zero.jpg", "locked.mp4"}
    assert "not a video" in reasons["text.mp4"]
    assert "empty" in reasons["empty.mp4"]
    assert "folder" in reasons["x.mp4"]
    assert "empty" in reasons["zero.jpg"]
    assert "No permission" in reasons["locked.mp4"]
    assert clips.outcomes.text == "4 added, 5 broken, 2 other files ignored"
    assert all(clip.frames(2).data.shape[0] == (2 if clip.kind == "video" else 1) for clip in clips)


def test_load_clips__names_are_shown_as_text(folder: Path) -> None:
    shutil.copy(folder / "text.mp4", folder / "<b>bad.mp4")
    for html in (load_clips(folder)._repr_html_(), load_clips(folder).outcomes._repr_html_()):
        assert "<img src=x" not in html
        assert "<b>" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;.mp4" in load_clips(folder)._repr_html_()


def test_load_clips__hostile_names_are_safe_keys(ramp: Path, tmp_path: Path) -> None:
    names = [
        b"two\nlines.mp4",
        b"caf\xe9.mp4",
        b"\x1b[31mred.mp4",
        "⭐ été 👩‍👩‍👧.mp4".encode(),
        b"x" * 240 + b".mp4",
    ]
    names += ["gnp\u202e4pm.mp4".encode(), b"a&amp;b.mp4", b"'\".mp4", b"[ab]*?.mp4", b"~.mp4"]
    for name in names:
        shutil.copy(ramp, os.fsencode(tmp_path) + b"/" + name)
    clips = load_clips(tmp_path)
    assert len(clips) == len(names)
    assert not clips.errors
    for key in clips.keys:
        assert json.loads(json.dumps(key)) == key
        key.encode("utf-8")
        assert key.isprintable() or "\u200d" in key
    assert "⭐ été 👩‍👩‍👧.mp4" in clips.keys
    assert clips["two\\nlines.mp4"].poster()[:2] == b"\xff\xd8"
    assert clips.to_frame()["key"].tolist() == clips.keys
    assert load_clips([clip.path for clip in clips]).keys == clips.keys


def test_load_clips__natural_order(ramp: Path, tmp_path: Path) -> None:
    for name in ["clip10", "clip2", "clip1", "b/clip3", "a/clip20"]:
        put(ramp, tmp_path / f"{name}.mp4")
    assert load_clips(tmp_path).keys == [
        "a/clip20.mp4",
        "b/clip3.mp4",
        "clip1.mp4",
        "clip2.mp4",
        "clip10.mp4",
    ]
    assert load_clips(tmp_path, recursive=False).keys == ["clip1.mp4", "clip2.mp4", "clip10.mp4"]
    assert load_clips(f"{tmp_path}/clip*.mp4").keys == ["clip1.mp4", "clip2.mp4", "clip10.mp4"]
    assert load_clips(f"{tmp_path}/**/*.mp4").keys == load_clips(tmp_path).keys


def test_load_clips__lists_keep_their_order(ramp: Path, tmp_path: Path) -> None:
    one, two = put(ramp, tmp_path / "1.mp4"), put(ramp, tmp_path / "2.mp4")
    assert load_clips([two, str(one)]).keys == ["2.mp4", "1.mp4"]
    assert load_clips(iter((two, [one]))).keys == ["2.mp4", "1.mp4"]
    assert load_clips(load_clips(two)).keys == ["2.mp4"]
    assert load_clips([]).keys == []


def test_load_clips__the_same_file_twice(ramp: Path, tmp_path: Path) -> None:
    path = put(ramp, tmp_path / "a.mp4")
    (tmp_path / "link.mp4").symlink_to(path)
    clips = load_clips([path, path, tmp_path])
    assert clips.keys == ["a.mp4"]
    assert len(clips.outcomes.present) == 3
    assert clips.add(path).text == "1 already present"
    assert len(clips) == 1


def test_load_clips__same_names_in_two_folders(ramp: Path, tmp_path: Path) -> None:
    paths = [put(ramp, tmp_path / side / "a.mp4") for side in ("left", "right")]
    assert load_clips(paths).keys == ["a.mp4", "right/a.mp4"]
    assert [clip.path for clip in load_clips([path.parent for path in paths])] == paths


def test_load_clips__links_in_circles(ramp: Path, tmp_path: Path) -> None:
    put(ramp, tmp_path / "a" / "a.mp4")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self.mp4").symlink_to("self.mp4")
    (tmp_path / "nowhere.mp4").symlink_to("gone.mp4")
    clips = load_clips(tmp_path)
    assert clips.keys == ["a/a.mp4"]
    assert {Path(error.path).name for error in clips.errors} == {"self.mp4", "nowhere.mp4"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/no/such/place", "no such file or folder"),
        ("/no/such/*.mp4", "Nothing matches"),
        ("", "empty"),
        ("   ", "empty"),
        ("https://example.org/a.mp4", "Addresses are not opened"),
        ("a\0b", "zero byte"),
        ("x" * 5000, "Cannot look there"),
    ],
)
def test_load_clips__nothing_there(source: str, reason: str) -> None:
    clips = load_clips(["/also/missing.mp4", source])
    assert len(clips) == 0
    assert reason in clips.errors[-1].reason
    assert len(clips.errors) == 2


def test_load_clips__folder_without_media(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    clips = load_clips(tmp_path)
    assert "No video or image" in clips.errors[0].reason
    assert clips.outcomes.ignored == 1


@pytest.mark.parametrize("source", [None, 3, 2.5, b"bytes", {"a": 1}, [None], ["/tmp", 7]])
def test_load_clips__wrong_type(source: object) -> None:
    with pytest.raises(InvalidParameterError, match="cannot be loaded from a"):
        load_clips(source)


def test_load_clips__progress_and_stop(ramp: Path, tmp_path: Path) -> None:
    for i in range(70):
        (tmp_path / f"{i}.mp4").symlink_to(put(ramp, tmp_path / f".real{i}.mp4"))
    seen: list[tuple[int, int]] = []
    stop = Event()

    def on_progress(done: int, total: int) -> None:
        seen.append((done, total))
        stop.set()

    clips = load_clips(tmp_path, on_progress=on_progress, stop=stop)
    assert seen == [(64, 70)]
    assert len(clips) == 64
    assert clips.outcomes.stopped
    assert len(load_clips(tmp_path)) == 70


def test_load_clips__refused_by_the_system(ramp: Path, tmp_path: Path, monkeypatch) -> None:
    put(ramp, tmp_path / "a.mp4")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    clips = load_clips(tmp_path)
    assert clips.keys == ["a.mp4"]
    assert "Permission denied" in clips.errors[0].reason


def test_read_clip__unknown_ending_is_tried(ramp: Path, tmp_path: Path) -> None:
    assert read_clip(put(ramp, tmp_path / "film.data")).kind == "video"
    Image.new("RGB", (20, 10)).save(tmp_path / "picture.png")
    assert read_clip((tmp_path / "picture.png").rename(tmp_path / "picture")).kind == "image"
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(UnsupportedMediaError):
        read_clip(tmp_path / "notes.txt")


def test_content_id__follows_the_content(ramp: Path, tmp_path: Path) -> None:
    copy = put(ramp, tmp_path / "copy.mp4")
    other = write_ramp(tmp_path / "other.mp4", num_frames=12)
    assert content_id(copy) == content_id(ramp) != content_id(other)


def test_clip_set__add_reports_this_source_alone(folder: Path, tmp_path: Path) -> None:
    clips = load_clips(folder / "good.mp4")
    report = clips.add(folder)
    assert len(report.added) == 3
    assert len(report.present) == 1
    assert len(clips) == 4
    assert len(clips.errors) == 5
    assert isinstance(clips, ClipSet)


def test_load_clips__several_captions_of_one_clip_are_several_clips(tmp_path):
    clip = sample_clips()[0].path
    (tmp_path / "m.csv").write_text(
        "path,caption,key\n"
        + "".join(f"{clip},{text}\n" for text in ("a red car,q1", "a vehicle,q2", "a red car,q3"))
    )
    clips = load_clips(tmp_path / "m.csv")
    assert {one.key: one.caption for one in clips} == {"q1": "a red car", "q2": "a vehicle"}


@pytest.mark.parametrize("plain_first", [True, False])
def test_load_clips__a_caption_counts_whenever_it_comes(tmp_path, plain_first):
    clip = sample_clips()[0].path
    (tmp_path / "m.csv").write_text(f"path,caption\n{clip},a red car\n")
    sources = [clip, tmp_path / "m.csv"] if plain_first else [tmp_path / "m.csv", clip]
    assert [one.caption for one in load_clips(sources)] == ["a red car"]


def test_load_clips__a_pattern_does_not_run_round_in_circles(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.mp4").write_bytes(sample_clips()[number].path.read_bytes())
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    clips = load_clips(f"{tmp_path}/in/**/*.mp4")
    assert (len(clips), len(clips.errors)) == (3, 1)
    assert "0 already present" in clips.outcomes.text or "present" not in clips.outcomes.text


def test_load_clips__folders_without_end_do_not_lose_the_rest(tmp_path):
    (tmp_path / "a.mp4").write_bytes(sample_clips()[0].path.read_bytes())
    deep = tmp_path
    for _ in range(260):
        deep = deep / "d"
    deep.mkdir(parents=True)
    clips = load_clips(tmp_path)
    assert len(clips) == 1
    assert "folders deep" in clips.errors[0].reason

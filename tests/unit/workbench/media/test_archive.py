"""Clips inside tar archives: the same pictures as outside, and nothing that a hostile archive asks for."""

import gzip
import io
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.errors import SourceNotFoundError, UnsupportedMediaError
from workbench.media.files import media_file
from workbench.media.headers import content_id, read_clip
from workbench.media.preview import browser_clip
from workbench.media.samples import sample_clips
from workbench.media.sources import load_clips


def png(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(buffer, "PNG")
    return buffer.getvalue()


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def shard(ramp: Path, tmp_path: Path) -> Path:
    """Two samples with all that a shard of clips has."""
    return write_shard(
        tmp_path / "00000.tar",
        {
            "0001.txt": b"a grey\nramp",
            "0001.mp4": ramp.read_bytes(),
            "./cats/0002.png": png(),
            "cats/0002.json": b'{"caption": "a red thing", "id": 2}',
            "cats/0002.cls": b"7",
        },
    )


def test_load_clips__members_are_clips(shard: Path, ramp: Path) -> None:
    clips = load_clips(shard)
    assert not clips.errors
    assert [(clip.key, clip.kind, clip.caption) for clip in clips] == [
        ("0001", "video", "a grey ramp"),
        ("cats/0002", "image", "a red thing"),
    ]
    assert str(clips[0].path) == f"{shard}/0001.mp4"
    assert clips[0].content_id == read_clip(ramp).content_id


def test_load_clips__members_decode_as_files_do(shard: Path, ramp: Path) -> None:
    clip, plain = load_clips(shard)[0], read_clip(ramp)
    for one in (clip, pickle.loads(pickle.dumps(clip))):  # worker processes get a copy
        assert np.array_equal(one.frames(5).data, plain.frames(5).data)
    assert (clip.width, clip.stop_s) == (plain.width, plain.stop_s)
    assert clip.poster()[:2] == b"\xff\xd8"
    assert browser_clip(clip) == browser_clip(plain)
    assert load_clips(shard)[1].frames(3).data.tolist() == [[[[255, 0, 0]] * 20] * 10]


def test_load_clips__one_member_and_lists(shard: Path) -> None:
    assert load_clips(f"{shard}/0001.mp4").keys == ["0001.mp4"]
    gone = load_clips(f"{shard}/9999.mp4")
    assert gone.outcomes.missing[0].reason == "There is no file 9999.mp4 in 00000.tar."
    assert not load_clips(f"{shard}/0001.mp4/deeper.mp4")


def test_load_clips__folder_and_pattern_of_shards(shard: Path, ramp: Path) -> None:
    shutil.copy(ramp, shard.parent / "a.mp4")
    write_shard(shard.parent / "00001.tar", {"0001.mp4": ramp.read_bytes()[:-1] + b"x"})
    assert load_clips(shard.parent).keys == ["0001", "cats/0002", "00001.tar/0001", "a.mp4"]
    assert load_clips(f"{shard.parent}/*.tar").keys == ["0001", "cats/0002", "00001.tar/0001"]


def test_load_clips__several_media_of_one_sample(tmp_path: Path, ramp: Path) -> None:
    path = write_shard(tmp_path / "x.tar", {"1.mp4": ramp.read_bytes(), "1.thumb.png": png(), "1.txt": b"t"})
    assert [(clip.key, clip.caption) for clip in load_clips(path)] == [("1.mp4", "t"), ("1.thumb.png", "t")]


def test_load_clips__hostile_members_stay_inside(tmp_path: Path) -> None:
    path, evil = tmp_path / "evil.tar", "<img src=x onerror=alert(1)>\x1b[31m\nb.png"
    names = ["/etc/a.png", "../b.png", "a/../../c.png", "C:/d.png", evil, evil, "broken.png"]
    with tarfile.open(path, "w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            content = b"nothing" if name == "broken.png" else png()
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for kind, name in [(tarfile.SYMTYPE, "link.png"), (tarfile.CHRTYPE, "device.png")]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    clips = load_clips(path)
    reasons = {error.path.removeprefix(str(tmp_path)): error.reason for error in clips.errors}
    assert len(clips) == 1
    assert clips[0].frames(1).data.shape == (1, 10, 20, 3)
    assert not any(ord(char) < 32 for error in [*clips.errors] for char in error.path + error.reason)
    assert not any(ord(char) < 32 for char in clips[0].key)
    assert "<img src=x" not in clips._repr_html_()
    assert sum("leaves the folder" in reason for reason in reasons.values()) == 4
    assert "link" in reasons["/evil.tar/link.png"]
    assert "device" in reasons["/evil.tar/device.png"]
    assert "not an image" in reasons["/evil.tar/broken.png"]
    assert any("twice" in reason for reason in reasons.values())
    assert [one.name for one in tmp_path.iterdir()] == ["evil.tar"]


def test_load_clips__shard_that_is_cut_short(shard: Path) -> None:
    whole = shard.read_bytes()
    shard.write_bytes(whole[: whole.index(b"\x89PNG") + 10])
    clips = load_clips(shard)
    assert clips.keys == ["0001"]
    assert clips.errors[0].reason == "Damaged here (unexpected end of data); the rest was not read."


def test_load_clips__shards_that_are_none(shard: Path, tmp_path: Path) -> None:
    packed = tmp_path / "p.tar.gz"
    packed.write_bytes(gzip.compress(shard.read_bytes()))
    (tmp_path / "renamed.tar").write_bytes(packed.read_bytes())
    (tmp_path / "text.tar").write_text("words" * 300)
    (tmp_path / "empty.tar").touch()
    words = write_shard(tmp_path / "words.tar", {"1.txt": b"words"})
    for name, part in [("p.tar.gz", "Unpack"), ("renamed.tar", "Unpack"), ("text.tar", "no tar archive")]:
        assert part in load_clips(tmp_path / name).errors[0].reason
    assert "empty" in load_clips(tmp_path / "empty.tar").errors[0].reason
    assert "No video or image" in load_clips(words).errors[0].reason


def test_load_clips__shard_that_changes_is_read_again(shard: Path, ramp: Path) -> None:
    assert len(load_clips(shard)) == 2
    write_shard(shard, {"pad.txt": b"x" * 5000, "0001.mp4": ramp.read_bytes()})
    assert content_id(shard / "0001.mp4") == content_id(ramp)


def test_media_file__never_reads_beyond_its_member(shard: Path) -> None:
    file = media_file(shard / "cats/0002.png")
    with file.open() as stream:
        assert stream.read() == png() == file.read_bytes()
        assert stream.read(10) == b""
        assert stream.seek(-4, 2) == len(png()) - 4
        assert stream.read(100) == png()[-4:]
        with pytest.raises(ValueError, match="seek"):
            stream.seek(-1)


def test_media_file__nothing_there(shard: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        media_file(shard / "none.png")
    with pytest.raises(SourceNotFoundError):
        media_file(tmp_path / "none.png")
    with pytest.raises(UnsupportedMediaError, match="empty"):
        media_file(write_shard(tmp_path / "e.tar", {"a.png": b""}) / "a.png")


def test_load_clips__hidden_members_are_passed_over_and_colons_are_names(tmp_path):
    content = sample_clips()[0].path.read_bytes()
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for name in ("a.mp4", "._a.mp4", ".hid/b.mp4", "12:30.mp4", "C:/evil.mp4"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    clips = load_clips(tmp_path / "s.tar")
    assert sorted(clips.keys) == ["12:30", "a"]
    assert [error.path.rpartition("/")[2] for error in clips.errors] == ["evil.mp4"]
    assert clips["12:30"].frames(1).data.shape[0] == 1

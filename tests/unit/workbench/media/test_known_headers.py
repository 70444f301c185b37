"""Unchanged files are not opened again; a changed one always is; the cache never stands in the way."""

import os
import sqlite3
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from make_data import write_ramp

from workbench import load_clips
from workbench.media import known_headers
from workbench.media.known_headers import HEADERS_ENV, KnownHeaders, headers_path

HOUR_NS = 3_600 * 10**9


@pytest.fixture
def database(tmp_path: Path, monkeypatch) -> Path:
    path = tmp_path / "cache" / "headers.sqlite"
    monkeypatch.setenv(HEADERS_ENV, str(path))
    return path


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The files that were opened for their headers."""
    names: list[str] = []
    read = known_headers.read_clip

    def counting(path: Path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(known_headers, "read_clip", counting)
    return names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """Three films that were written long ago, as far as the workbench can tell."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(3):
        write_ramp(folder / f"{number}.mp4", num_frames=5 + number)
    now = time.time_ns
    monkeypatch.setattr(known_headers.time, "time_ns", lambda: now() + HOUR_NS)
    return folder


def test_load_clips__opens_unchanged_files_once(
    folder: Path, database: Path, opened: list[str], monkeypatch
) -> None:
    first = load_clips(folder)
    assert sorted(opened) == ["0.mp4", "1.mp4", "2.mp4"]
    assert list(load_clips(folder)) == list(first)
    monkeypatch.chdir(folder.parent)
    assert [clip.content_id for clip in load_clips("films")] == [clip.content_id for clip in first]
    assert len(opened) == 3
    assert database.is_file()


def test_load_clips__opens_members_of_an_unchanged_shard_once(
    folder: Path, database: Path, opened: list[str], tmp_path: Path
) -> None:
    shard = tmp_path / "00000.tar"
    with tarfile.open(shard, "w") as tar:
        for film in sorted(folder.iterdir()):
            tar.add(film, film.name)
    first = load_clips(shard)
    assert sorted(opened) == ["0.mp4", "1.mp4", "2.mp4"]
    assert list(load_clips(shard)) == list(first)
    assert len(opened) == 3
    with tarfile.open(shard, "w") as tar:
        for film in sorted(folder.iterdir(), reverse=True):  # under the same names, in the other order
            tar.add(film, f"{2 - int(film.stem)}.mp4")
    contents = [clip.content_id for clip in first]
    assert [clip.content_id for clip in load_clips(shard)] == contents[::-1]


def test_load_clips__sees_every_change(folder: Path, database: Path, opened: list[str]) -> None:
    first = load_clips(folder)
    film = folder / "1.mp4"
    before = film.stat()
    content = film.read_bytes()
    film.write_bytes(content[:-8] + b"\1" * 8)  # as long as before, and its time put back
    os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = load_clips(folder)
    assert opened[3:] == ["1.mp4"]
    assert [a.content_id == b.content_id for a, b in zip(first, second, strict=True)] == [True, False, True]
    (folder / "0.mp4").rename(folder / "spare")
    (folder / "2.mp4").rename(folder / "0.mp4")  # another file under the name
    third = load_clips(folder)
    assert third[0].content_id == second[2].content_id
    assert third[0].stop_s == second[2].stop_s


def test_load_clips__a_file_that_was_just_written_is_not_remembered(tmp_path: Path, database: Path) -> None:
    path = write_ramp(tmp_path / "new.mp4", num_frames=5)
    changed_ns = path.stat().st_ctime_ns
    with KnownHeaders() as known, pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_headers.time, "time_ns", lambda: changed_ns + 10_000_000)
        known.read(path)
    with KnownHeaders() as known, pytest.MonkeyPatch.context() as patch:
        assert known.find(path) is None
        patch.setattr(known_headers.time, "time_ns", lambda: changed_ns + HOUR_NS)
        known.read(path)
    with KnownHeaders() as known:
        assert known.find(path) is not None


def test_load_clips__a_file_that_becomes_unreadable_says_so(folder: Path, database: Path) -> None:
    load_clips(folder)
    (folder / "1.mp4").chmod(0)
    (folder / "2.mp4").unlink()
    clips = load_clips([folder / f"{number}.mp4" for number in range(3)])
    assert clips.keys == ["0.mp4"]
    assert "No permission" in clips.errors[-1].reason or "No permission" in clips.errors[0].reason


def test_load_clips__broken_files_are_tried_again(folder: Path, database: Path, opened: list[str]) -> None:
    (folder / "1.mp4").write_bytes(b"no film")
    assert len(load_clips(folder).errors) == 1
    assert len(load_clips(folder).errors) == 1
    assert opened.count("1.mp4") == 2


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\0 and then nonsense" * 99, b"a text of somebody's" * 99]
)
def test_load_clips__a_damaged_cache_is_no_harm(folder: Path, database: Path, content: bytes) -> None:
    first = load_clips(folder)
    database.write_bytes(content)
    assert list(load_clips(folder)) == list(first)
    if content.startswith(b"SQLite"):
        load_clips(folder)
        assert sqlite3.connect(database).execute("SELECT COUNT(*) FROM headers").fetchone() == (3,)
    else:
        assert database.read_bytes() == content  # it is somebody's


def test_load_clips__a_cache_that_cannot_be_made_is_no_harm(
    folder: Path, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(HEADERS_ENV, str(tmp_path / "file" / "headers.sqlite"))
    assert len(load_clips(folder)) == 3
    assert len(load_clips(folder)) == 3


def test_load_clips__a_locked_cache_is_no_harm(folder: Path, database: Path, monkeypatch) -> None:
    monkeypatch.setattr(known_headers, "_PATIENCE_S", 0.01)
    load_clips(folder)
    other = sqlite3.connect(database)
    other.execute("BEGIN EXCLUSIVE")
    assert len(load_clips(folder)) == 3
    other.rollback()


def test_load_clips__two_at_once_keep_all(folder: Path, database: Path, opened: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        sets = list(pool.map(lambda _: load_clips(folder), range(8)))
    assert all(list(one) == list(sets[0]) for one in sets)
    opened.clear()
    load_clips(folder)
    assert opened == []


def test_load_clips__the_oldest_go_first(
    folder: Path, database: Path, opened: list[str], monkeypatch
) -> None:
    load_clips(folder / "0.mp4")
    monkeypatch.setattr(known_headers, "MOST_FILES", 2)
    load_clips([folder / "1.mp4", folder / "2.mp4"])
    opened.clear()
    load_clips(folder)
    assert opened == ["0.mp4"]


def test_load_clips__names_of_any_bytes(
    tmp_path: Path, database: Path, folder: Path, opened: list[str]
) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/b\xffd' --\n.mp4"))
    (folder / "0.mp4").rename(odd)
    first = load_clips(folder)
    opened.clear()
    assert list(load_clips(folder)) == list(first)
    assert opened == []


def test_headers_path__is_in_the_cache_unless_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(HEADERS_ENV, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert headers_path() == tmp_path / "embedding-workbench" / "headers.sqlite"
    monkeypatch.setenv(HEADERS_ENV, str(tmp_path / "own.sqlite"))
    assert headers_path() == tmp_path / "own.sqlite"

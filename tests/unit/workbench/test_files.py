"""Files are written whole or not at all."""

import pytest

from workbench.files import write_atomically


def test_write_atomically__replaces_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    write_atomically(path, "neu ⭐ \udcff")
    assert path.read_text(encoding="utf-8") == "neu ⭐ \\udcff"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_write_atomically__a_failure_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_write_atomically__others_may_read_it(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "x")
    plain = tmp_path / "plain.txt"
    plain.write_text("x")
    assert path.stat().st_mode == plain.stat().st_mode


def test_write_file__leaves_the_mask_of_the_process_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("os.umask", lambda _: pytest.fail("other threads would make files with this mask"))
    write_atomically(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"

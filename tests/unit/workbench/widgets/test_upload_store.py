import errno
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.widgets.upload_store import IncomingFile, UploadError, free_path, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ball.mp4", "ball.mp4"),
        ("a b (1).mp4", "a b (1).mp4"),
        ("été 🎈.mp4", "été 🎈.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\ball.mp4", "ball.mp4"),
        ("/ball.mp4", "ball.mp4"),
        (".hidden", "hidden"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\nc\u202e.mp4", "abc.mp4"),
        ("<img src=x onerror=alert(1)>.mp4", "_img src=x onerror=alert(1)_.mp4"),
        ("clip.mp4/", "file"),
    ],
)
def test_safe_name__one_plain_part(name, safe):
    assert safe_name(name) == safe


def test_safe_name__long_names_keep_their_ending():
    name = safe_name("é" * 500 + ".mp4")
    assert name.endswith("é.mp4")
    assert len(name.encode()) <= 200


def test_free_path__counts_up(tmp_path):
    assert free_path(tmp_path, "a.mp4").name == "a.mp4"
    (tmp_path / "a.mp4").touch()
    assert free_path(tmp_path, "a.mp4").name == "a (2).mp4"
    (tmp_path / "a (2).mp4").touch()
    assert free_path(tmp_path, "a.mp4").name == "a (3).mp4"


def test_incoming_file__in_order_then_named(tmp_path):
    incoming = IncomingFile(tmp_path / "new", "a.mp4", 5, 1)
    incoming.write(0, b"abc")
    assert not incoming.complete
    incoming.write(3, b"de")
    assert incoming.complete
    path = incoming.finish()
    assert path == tmp_path / "new" / "a.mp4"
    assert path.read_bytes() == b"abcde"
    incoming.discard()
    assert [p.name for p in path.parent.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("offset", "data"), [(1, b"a"), (0, b"abcdef"), (0, b""), (-1, b"a")])
def test_incoming_file__refuses_what_does_not_fit(tmp_path, offset, data):
    incoming = IncomingFile(tmp_path, "a.mp4", 5, 1)
    with pytest.raises(UploadError):
        incoming.write(offset, data)
    incoming.discard()
    assert list(tmp_path.iterdir()) == []


def test_incoming_file__no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(UploadError, match="The disk is full: 1 MB are free"):
        IncomingFile(tmp_path, "a.mp4", 5, 1)
    assert list(tmp_path.iterdir()) == []


def test_incoming_file__disk_fills_up_on_the_way(tmp_path):
    class FullDisk:
        def write(self, _data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    incoming = IncomingFile(tmp_path, "a.mp4", 5, 1)
    incoming._file.close()
    incoming._file = FullDisk()
    with pytest.raises(UploadError, match="Cannot write the file: No space left on device"):
        incoming.write(0, b"abc")
    incoming.discard()
    assert list(tmp_path.iterdir()) == []


def test_incoming_file__folder_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UploadError, match="Cannot write to"):
        IncomingFile(tmp_path / "file" / "folder", "a.mp4", 5, 1)


def test_session_folder__goes_with_the_process():
    code = (
        "from workbench.widgets.upload_store import session_folder as f;"
        "(f() / 'a.mp4').touch(); assert f() == f(); print(f())"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    folder = result.stdout.strip()
    assert "workbench-uploads-" in folder
    assert not Path(folder).exists()

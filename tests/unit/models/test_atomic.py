"""A file is replaced whole or stays as it was."""

import pytest

from models.atomic import write_whole


def test_write_whole__replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, "one")
    write_whole(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_write_whole__a_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]

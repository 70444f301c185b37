import pytest

import models.developer_tools as tools
from models.errors import CorruptedModelPackageError, PackageNotFoundError


def test_exports__all_are_there():
    assert all(hasattr(tools, name) for name in tools.__all__)
    assert tools.__all__ == sorted(tools.__all__)


def test_get_model_package_contents__every_regular_file(tmp_path):
    (tmp_path / "towers").mkdir()
    (tmp_path / "towers" / "text.bin").write_text("x")
    (tmp_path / "config.json").write_text("{}")
    assert tools.get_model_package_contents(str(tmp_path)) == {
        "config.json": str(tmp_path / "config.json"),
        "towers/text.bin": str(tmp_path / "towers" / "text.bin"),
    }


def test_get_model_package_contents__asked_for(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    assert list(tools.get_model_package_contents(tmp_path, ["b"])) == ["b"]


@pytest.mark.parametrize("name", ["gone.bin", "../a", "/etc/passwd"])
def test_get_model_package_contents__names_all_that_is_missing(tmp_path, name):
    (tmp_path / "a").write_text("x")
    with pytest.raises(CorruptedModelPackageError) as caught:
        tools.get_model_package_contents(tmp_path, ["a", name, "also-gone"])
    assert f"lacks {name}, also-gone; it has a" in str(caught.value)


def test_get_model_package_contents__no_folder(tmp_path):
    with pytest.raises(PackageNotFoundError):
        tools.get_model_package_contents(tmp_path / "gone")


def test_get_model_package_contents__links_that_leave_are_not_there(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "pack" / "link").symlink_to(tmp_path / "secret")
    assert tools.get_model_package_contents(tmp_path / "pack") == {}

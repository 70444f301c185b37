import os
from dataclasses import replace
from pathlib import Path

import pytest

import models.packages
import models.packaging.files
from models.catalog import CATALOG, ModelCard
from models.errors import (
    CorruptedModelPackageError,
    FileHashMismatchError,
    InvalidParameterError,
    PackageNotFoundError,
)
from models.packages import ModelPackage, find_package, write_manifest


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "pack"
    (folder / "towers").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "towers" / "text.safetensors").write_bytes(b"0123456789")
    return write_manifest(folder, model_id="me/m", architecture="m")


def change(package, name, data):
    (package.directory / name).write_bytes(data)


def test_write_manifest__lists_files_and_names_a_revision(package):
    assert [file.path for file in package.manifest.files] == ["config.json", "towers/text.safetensors"]
    assert package.size_bytes == 12
    assert len(package.manifest.revision) == 40
    package.verify(full=True)


def test_write_manifest__the_revision_follows_the_content(package):
    first = package.manifest.revision
    assert write_manifest(package.directory, model_id="me/m", architecture="m").manifest.revision == first
    change(package, "config.json", b"{1}")
    assert write_manifest(package.directory, model_id="me/m", architecture="m").manifest.revision != first


def test_write_manifest__leaves_out_hidden_files_and_caches(package):
    (package.directory / ".git").mkdir()
    (package.directory / ".git" / "x").write_text("x")
    (package.directory / "__pycache__").mkdir()
    (package.directory / "__pycache__" / "y.pyc").write_text("y")
    again = write_manifest(package.directory, model_id="me/m", architecture="m")
    assert len(again.manifest.files) == 2


def test_write_manifest__refuses_empty_and_missing_folders(tmp_path):
    with pytest.raises(InvalidParameterError, match="is empty"):
        write_manifest(tmp_path, model_id="me/m", architecture="m")
    with pytest.raises(PackageNotFoundError, match="no folder"):
        write_manifest(tmp_path / "gone", model_id="me/m", architecture="m")


def test_open__home_and_strings(package, monkeypatch):
    monkeypatch.setenv("HOME", str(package.directory.parent))
    assert ModelPackage.open("~/pack").manifest == package.manifest
    assert ModelPackage.open(str(package.directory)).name.startswith("me/m@")


def test_open__missing_and_file(tmp_path, package):
    with pytest.raises(PackageNotFoundError, match="nowhere"):
        ModelPackage.open(tmp_path / "nowhere")
    with pytest.raises(CorruptedModelPackageError, match="is a file"):
        ModelPackage.open(package.directory / "config.json")


def test_file__only_what_is_listed(package):
    assert package.file("config.json").read_text() == "{}"
    with pytest.raises(CorruptedModelPackageError, match=r"no 'manifest.json'; it has config.json"):
        package.file("manifest.json")


def test_verify__missing_file(package):
    (package.directory / "config.json").unlink()
    with pytest.raises(CorruptedModelPackageError, match=r"config.json is missing"):
        package.verify()


def test_verify__truncated_file(package):
    change(package, "towers/text.safetensors", b"01234")
    with pytest.raises(
        CorruptedModelPackageError, match=r"has 5 bytes; the manifest says 10 \(half a copy\?\)"
    ):
        package.verify()


def test_verify__longer_file(package):
    change(package, "config.json", b"{    }")
    with pytest.raises(CorruptedModelPackageError, match="has 6 bytes; the manifest says 2"):
        package.verify()


def test_verify__changed_content_of_the_same_size(package):
    package.verify()
    change(package, "towers/text.safetensors", b"012345678X")
    os.utime(package.directory / "towers" / "text.safetensors", ns=(1, 1))
    with pytest.raises(FileHashMismatchError, match="the manifest says"):
        package.verify()


def test_verify__extra_weights(package):
    change(package, "other.safetensors", b"x")
    with pytest.raises(CorruptedModelPackageError, match=r"does not list: other.safetensors"):
        package.verify()


def test_verify__extra_notes_are_nobodys_business(package):
    change(package, "NOTES.txt", b"x")
    package.verify()


def test_verify__link_that_leaves_the_folder(package, tmp_path):
    (tmp_path / "outside").write_text("{}")
    (package.directory / "config.json").unlink()
    (package.directory / "config.json").symlink_to(tmp_path / "outside")
    with pytest.raises(CorruptedModelPackageError, match="link that leaves"):
        package.verify()


def test_verify__a_folder_in_place_of_a_file(package):
    (package.directory / "config.json").unlink()
    (package.directory / "config.json").mkdir()
    with pytest.raises(CorruptedModelPackageError, match="is missing"):
        package.verify()


def test_verify__unchanged_files_are_hashed_once(package, monkeypatch):
    package.verify()
    hashed = []
    real = models.packaging.files.file_sha256
    monkeypatch.setattr(models.packaging.files, "file_sha256", lambda path: hashed.append(path) or real(path))
    package.verify()
    assert hashed == []
    package.verify(full=True)
    assert len(hashed) == 2


def test_verify__big_packages_by_size_unless_full(package, monkeypatch):
    monkeypatch.setattr(models.packaging.files, "SMALL_PACKAGE_BYTES", 5)
    change(package, "towers/text.safetensors", b"X123456789")
    package.verify()
    with pytest.raises(FileHashMismatchError):
        package.verify(full=True)


CARD = ModelCard(model_id="me/m", architecture="m", task_type="embedding")


def test_find_package__under_the_model_folder(package, tmp_path):
    (tmp_path / "me").mkdir()
    package.directory.rename(tmp_path / "me" / "m")
    assert find_package(CARD, tmp_path).directory == (tmp_path / "me" / "m").resolve()


def test_find_package__missing_says_where_it_belongs(tmp_path):
    with pytest.raises(PackageNotFoundError) as caught:
        find_package(CARD, tmp_path)
    assert str(tmp_path / "me" / "m") in caught.value.message
    assert "EMBEDDING_WORKBENCH_MODELS" in caught.value.next_step


def test_find_package__of_another_architecture(package):
    with pytest.raises(CorruptedModelPackageError, match="'m', but 'me/m' is 'other'"):
        find_package(replace(CARD, architecture="other", source="local", location=str(package.directory)))


def test_find_package__bundled_lies_in_the_package():
    bundled = next(card for card in CATALOG.values() if card.source == "bundled")
    expected = Path(models.packages.__file__).parent / bundled.location
    assert models.packages.package_path(bundled, "/elsewhere") == expected

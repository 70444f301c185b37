import json

import pytest

from models.errors import CorruptedModelPackageError
from models.packaging.manifest import (
    MANIFEST_NAME,
    Manifest,
    PackageFile,
    file_sha256,
    is_safe_path,
    read_manifest,
    save_manifest,
)

GOOD = {
    "schema": 1,
    "model_id": "me/m",
    "revision": "",
    "architecture": "m",
    "task_type": "embedding",
    "backend": "torch",
    "files": [{"path": "a/model.safetensors", "size": 3, "sha256": "0" * 64}],
}


def write(folder, content):
    (folder / MANIFEST_NAME).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_read_manifest__optional_fields_have_defaults(tmp_path):
    manifest = read_manifest(write(tmp_path, GOOD))
    assert (manifest.model_id, manifest.features, manifest.known_answers, manifest.card) == (
        "me/m",
        (),
        (),
        {},
    )
    assert manifest.files[0].path == "a/model.safetensors"


def test_save_manifest__reads_back_equal_and_leaves_nothing_else(tmp_path):
    manifest = read_manifest(write(tmp_path, GOOD))
    save_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST_NAME]


def test_save_manifest__a_failure_keeps_the_old_one(tmp_path, monkeypatch):
    manifest = read_manifest(write(tmp_path, GOOD))
    before = (tmp_path / MANIFEST_NAME).read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_manifest(tmp_path, manifest)
    assert (tmp_path / MANIFEST_NAME).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST_NAME]


def test_read_manifest__missing(tmp_path):
    with pytest.raises(CorruptedModelPackageError, match=r"has no manifest.json") as caught:
        read_manifest(tmp_path)
    assert "write_manifest" in caught.value.next_step


FILE = GOOD["files"][0]
MALFORMED = {
    "no json": ("{", "JSON"),
    "nested without end": ("[" * 100_000, "JSON"),
    "list": ([], "no JSON object"),
    "other schema": ({**GOOD, "schema": 2}, "schema is 2"),
    "no id": ({**GOOD, "model_id": ""}, "'model_id'"),
    "backend of another type": ({**GOOD, "backend": 3}, "'backend'"),
    "revision missing": ({k: v for k, v in GOOD.items() if k != "revision"}, "'revision'"),
    "features as text": ({**GOOD, "features": "nms"}, "'features'"),
    "card as list": ({**GOOD, "card": []}, "'card'"),
    "no files": ({**GOOD, "files": []}, "'files'"),
    "file as text": ({**GOOD, "files": ["a"]}, "exactly path, size and sha256"),
    "file without hash": ({**GOOD, "files": [{"path": "a", "size": 1}]}, "exactly"),
    "negative size": ({**GOOD, "files": [{**FILE, "size": -1}]}, "size of"),
    "size as bool": ({**GOOD, "files": [{**FILE, "size": True}]}, "size of"),
    "short hash": ({**GOOD, "files": [{**FILE, "sha256": "ab"}]}, "64 hex digits"),
    "climbing path": ({**GOOD, "files": [{**FILE, "path": "../x"}]}, "stay inside"),
    "absolute path": ({**GOOD, "files": [{**FILE, "path": "/etc/passwd"}]}, "stay inside"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_read_manifest__malformed(tmp_path, case):
    content, words = MALFORMED[case]
    with pytest.raises(CorruptedModelPackageError, match=words):
        read_manifest(write(tmp_path, content))


@pytest.mark.parametrize("path", ["a", "a/b.txt", "a b/ü.bin", "..a/b..", "...", "a/.hidden"])
def test_is_safe_path__inside(path):
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/a",
        "a/../b",
        "../a",
        "./a",
        "a//b",
        "a/",
        "C:\\a",
        "C:a",
        "\\\\x\\a",
        "a\\..\\b",
        "a\0",
    ],
)
def test_is_safe_path__outside_somewhere(path):
    assert not is_safe_path(path)


def test_file_sha256__known_value(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_sha256(tmp_path / "f").startswith("ba7816bf8f01cfea")


def test_package_hash__changes_with_a_file_and_not_with_their_order():
    files = (PackageFile("a", 1, "0" * 64), PackageFile("b", 1, "1" * 64))
    fields = dict.fromkeys(("model_id", "revision", "architecture", "task_type", "backend"), "x")
    first = Manifest(**fields, files=files)
    assert len(first.package_hash) == 64
    assert Manifest(**{**fields, "model_id": "y"}, files=files[::-1]).package_hash == first.package_hash
    renamed = Manifest(**fields, files=(files[0], PackageFile("c", 1, "1" * 64)))
    assert renamed.package_hash != first.package_hash
    assert Manifest(**fields, files=(PackageFile("a", 1, ""),)).package_hash == ""

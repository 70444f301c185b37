"""The manifest of a model package: what the package is, and every file it must have.

``manifest.json`` is plain JSON. Reading it runs nothing and follows nothing: a path that is
absolute, climbs out of the folder or is spelt for another system is refused.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from models.atomic import write_whole
from models.errors import CorruptedModelPackageError
from models.json_text import read_json

MANIFEST_NAME = "manifest.json"
SCHEMA = 1
_REQUIRED = {"model_id": str, "revision": str, "architecture": str, "task_type": str, "backend": str}
_OPTIONAL = {"features": list, "known_answers": list, "card": dict}
_FRESH_COPY = "Put a fresh copy of the package there."


@dataclass(frozen=True)
class PackageFile:
    """One file of a package: relative posix path, size in bytes, sha256 as 64 hex digits."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says.

    Args:
        model_id: Id of the model, ``org/name``.
        revision: Exact version of the weights.
        architecture: Family of the network, first part of a registry key.
        task_type: What the model does, second part of a registry key.
        backend: What runs it, third part of a registry key.
        files: Every file that belongs to the package.
        features: What an implementation must support to run this package.
        known_answers: Recorded vectors; see ``models.known_answers``.
        card: Fields of the model's ``ModelCard`` that only the package knows.
    """

    model_id: str
    revision: str
    architecture: str
    task_type: str
    backend: str
    files: tuple[PackageFile, ...]
    features: tuple[str, ...] = ()
    known_answers: tuple[dict[str, Any], ...] = ()
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def package_hash(self) -> str:
        """One sha256 over the names and hashes of all files; "" when a file has none."""
        if not self.files or not all(file.sha256 for file in self.files):
            return ""
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Read and check the manifest of a package folder.

    Args:
        directory: Folder that holds ``manifest.json``.

    Returns:
        The manifest; no other file has been opened.

    Raises:
        CorruptedModelPackageError: If it is missing, no JSON, of another schema, or malformed;
            the message names the field.
    """
    path = directory / MANIFEST_NAME
    if not path.is_file():
        raise CorruptedModelPackageError(
            f"{directory} is no model package: it has no {MANIFEST_NAME}.",
            next_step="models.packages.write_manifest(directory, ...) makes one for a package of your own.",
        )
    try:
        raw = read_json(path)
    except (ValueError, OSError) as error:
        raise _malformed(path, f"it cannot be read as JSON ({error})") from error
    return parse_manifest(raw, path)


def parse_manifest(raw: Any, path: Path) -> Manifest:
    """Check the content of a manifest.

    Args:
        raw: What the JSON file holds.
        path: Where it came from, for the messages.

    Returns:
        The manifest.

    Raises:
        CorruptedModelPackageError: If a field is missing or of a wrong kind.
    """
    if not isinstance(raw, dict):
        raise _malformed(path, "it is no JSON object")
    if raw.get("schema") != SCHEMA:
        raise _malformed(path, f"its schema is {raw.get('schema')!r}, this version reads {SCHEMA}")
    for name, kind in _REQUIRED.items():
        if not isinstance(raw.get(name), kind) or (name != "revision" and not raw[name]):
            raise _malformed(path, f"{name!r} must be a non-empty string, {raw.get(name)!r} came")
    for name, kind in _OPTIONAL.items():
        if not isinstance(raw.get(name, kind()), kind):
            raise _malformed(path, f"{name!r} must be a {kind.__name__}")
    if not isinstance(raw.get("files"), list) or not raw["files"]:
        raise _malformed(path, "'files' must be a list of at least one file")
    return Manifest(
        **{name: raw[name] for name in _REQUIRED},
        files=tuple(_parse_file(entry, path) for entry in raw["files"]),
        features=tuple(str(feature) for feature in raw.get("features", [])),
        known_answers=tuple(raw.get("known_answers", [])),
        card=dict(raw.get("card", {})),
    )


def save_manifest(directory: Path, manifest: Manifest) -> Path:
    """Write a manifest whole or not at all.

    Args:
        directory: The package folder.
        manifest: What to write.

    Returns:
        Path of the written file.
    """
    path = directory / MANIFEST_NAME
    content = json.dumps({"schema": SCHEMA, **asdict(manifest)}, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, content)
    return path


def is_safe_path(relative: str) -> bool:
    r"""Tell whether a path of a manifest stays inside its folder, on every system.

    Args:
        relative: Path as the manifest spells it.

    Returns:
        False for absolute paths, drives, backslashes, "..", "." and empty parts.

    Example:
        >>> is_safe_path("towers/text.safetensors"), is_safe_path("../model.safetensors")
        (True, False)
    """
    path = PurePosixPath(relative)
    if not path.parts or path.is_absolute() or str(path) != relative:
        return False
    return not any(character in relative for character in "\\:\0") and ".." not in path.parts


def file_sha256(path: Path) -> str:
    """Hash a file without holding it in memory.

    Args:
        path: File to read.

    Returns:
        64 hex digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parse_file(entry: Any, path: Path) -> PackageFile:
    """Check one entry of "files"."""
    if not isinstance(entry, dict) or set(entry) != {"path", "size", "sha256"}:
        raise _malformed(path, f"a file needs exactly path, size and sha256, {entry!r} came")
    name, size, sha256 = entry["path"], entry["size"], entry["sha256"]
    if not isinstance(name, str) or not is_safe_path(name):
        raise _malformed(path, f"the path {name!r} does not stay inside the package")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _malformed(path, f"the size of {name!r} is {size!r}")
    if not isinstance(sha256, str) or len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise _malformed(path, f"the sha256 of {name!r} is {sha256!r}, 64 hex digits are expected")
    return PackageFile(name, size, sha256)


def _malformed(path: Path, what: str) -> CorruptedModelPackageError:
    """Build the error for a manifest that says nothing usable."""
    return CorruptedModelPackageError(f"The manifest {path} is malformed: {what}.", next_step=_FRESH_COPY)

"""The folder of a model package: open, verify, write.

A package is a folder with a ``manifest.json`` that lists every file with size and sha256.
Half a package is no package: nothing is loaded from a folder that does not match its manifest.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import (
    CorruptedModelPackageError,
    FileHashMismatchError,
    InvalidParameterError,
    PackageNotFoundError,
)
from models.packaging.manifest import (
    MANIFEST_NAME,
    Manifest,
    PackageFile,
    file_sha256,
    read_manifest,
    save_manifest,
)

SMALL_PACKAGE_BYTES = 64 * 2**20  # below this a package is hashed on every first load
WEIGHT_SUFFIXES = frozenset(
    {".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".onnx", ".xml", ".engine", ".h5", ".msgpack"}
)
_verified: dict[str, tuple[int, int, str]] = {}  # path -> size, mtime_ns, sha256 as hashed here


@dataclass(frozen=True)
class ModelPackage:
    """A model package on disk: its folder and what its manifest says.

    Args:
        directory: The folder.
        manifest: The content of its ``manifest.json``.
    """

    directory: Path
    manifest: Manifest

    @classmethod
    def open(cls, directory: str | Path) -> "ModelPackage":
        """Open a package folder; reads the manifest and no other file.

        Args:
            directory: The folder; ``~`` is the home folder.

        Returns:
            The package, not yet verified.

        Raises:
            PackageNotFoundError: If the folder does not exist.
            CorruptedModelPackageError: If it has no manifest or a malformed one.
        """
        folder = Path(directory).expanduser()
        if folder.is_file():
            raise CorruptedModelPackageError(
                f"{folder} is a file; a model package is a folder with a {MANIFEST_NAME}."
            )
        if not folder.is_dir():
            raise PackageNotFoundError(
                f"There is no model package at {folder}.",
                next_step="Put the package there, or correct the path.",
            )
        return cls(folder.resolve(), read_manifest(folder))

    @property
    def name(self) -> str:
        """What to call it in messages: id, short revision and backend."""
        revision = f"@{self.manifest.revision[:12]}" if self.manifest.revision else ""
        return f"{self.manifest.model_id}{revision} ({self.manifest.backend})"

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes in the manifest."""
        return sum(file.size for file in self.manifest.files)

    def file(self, relative: str) -> Path:
        """Path of one file of the package.

        Args:
            relative: Path as the manifest spells it.

        Returns:
            Absolute path inside the folder.

        Raises:
            CorruptedModelPackageError: If the manifest does not list it.
        """
        if relative not in {file.path for file in self.manifest.files}:
            listed = ", ".join(file.path for file in self.manifest.files)
            raise CorruptedModelPackageError(f"{self.directory} has no {relative!r}; it has {listed}.")
        return self.directory / relative

    def verify(self, *, full: bool = False) -> None:
        """Compare the folder with its manifest.

        Sizes always; contents too when the package is smaller than 64 MB or ``full`` is set.
        A file that was hashed in this process and has not changed since is not read again.

        Args:
            full: Read and hash every file, whatever the size.

        Raises:
            CorruptedModelPackageError: If a file is missing, cut short, leaves the folder
                through a link, or if there are weights that the manifest does not list.
            FileHashMismatchError: If the content of a file is another one.
        """
        for file in self.manifest.files:
            _check_file(self.directory, file)
        extra = unlisted_weights(self)
        if extra:
            raise CorruptedModelPackageError(
                f"{self.directory} holds weights that its manifest does not list: {', '.join(extra)}.",
                next_step="Remove them, or write a new manifest with models.packages.write_manifest.",
            )
        if full or self.size_bytes < SMALL_PACKAGE_BYTES:
            for file in self.manifest.files:
                _check_hash(self.directory / file.path, file, again=full)


def unlisted_weights(package: ModelPackage) -> list[str]:
    """Find weights in a package folder that its manifest does not list.

    Args:
        package: The package.

    Returns:
        Relative paths, sorted.
    """
    weights = {path for path in _package_paths(package.directory) if _is_weights(path)}
    return sorted(weights - {file.path for file in package.manifest.files})


def write_manifest(
    directory: str | Path,
    *,
    model_id: str,
    architecture: str,
    task_type: str = "embedding",
    backend: str = "torch",
    revision: str = "",
    features: Sequence[str] = (),
    known_answers: Sequence[dict[str, Any]] = (),
    card: dict[str, Any] | None = None,
) -> ModelPackage:
    """Make a package of a folder: list its files and write ``manifest.json``, whole or not at all.

    Hidden files and ``__pycache__`` are left out.

    Args:
        directory: Folder with the weights and everything the model reads.
        model_id: Id of the model, ``org/name``.
        architecture: Registered architecture that runs it.
        task_type: Registered task.
        backend: What runs it, for example "torch".
        revision: Version of the weights; when empty, 40 hex digits computed from all files.
        features: What an implementation must support to run it.
        known_answers: Recorded vectors, from ``models.known_answers.record_known_answers``.
        card: Fields of the ``ModelCard`` that only the package knows (dims, licence, ...).

    Returns:
        The package, opened.

    Raises:
        PackageNotFoundError: If the folder does not exist.
        InvalidParameterError: If it holds no file.
    """
    folder = Path(directory).expanduser()
    if not folder.is_dir():
        raise PackageNotFoundError(f"There is no folder {folder} to make a package of.")
    files = tuple(_describe_file(folder, path) for path in _package_paths(folder))
    if not files:
        raise InvalidParameterError(f"{folder} is empty; put the weights and the configuration there first.")
    manifest = Manifest(
        model_id=model_id,
        revision=revision or _content_revision(files),
        architecture=architecture,
        task_type=task_type,
        backend=str(backend),
        files=files,
        features=tuple(features),
        known_answers=tuple(known_answers),
        card=dict(card or {}),
    )
    save_manifest(folder, manifest)
    return ModelPackage.open(folder)


def _check_file(directory: Path, file: PackageFile) -> None:
    """Check that one file is there, inside the folder, and as long as it should be."""
    path = directory / file.path
    if not path.is_file():
        raise CorruptedModelPackageError(
            f"{path} is missing; the manifest lists it.", next_step="Put a fresh copy of the package there."
        )
    if not path.resolve().is_relative_to(directory.resolve()):
        raise CorruptedModelPackageError(f"{path} is a link that leaves the package folder.")
    size = path.stat().st_size
    if size != file.size:
        raise CorruptedModelPackageError(
            f"{path} has {size} bytes; the manifest says {file.size}"
            + (" (half a copy?)." if size < file.size else "."),
            next_step="Put a fresh copy of the package there.",
        )


def _check_hash(path: Path, file: PackageFile, *, again: bool) -> None:
    """Check the content of one file; unchanged files are hashed once a process unless ``again``."""
    status = path.stat()
    stamp = (status.st_size, status.st_mtime_ns, file.sha256)
    if not again and _verified.get(str(path)) == stamp:
        return
    found = file_sha256(path)
    if found != file.sha256:
        raise FileHashMismatchError(
            f"{path} has sha256 {found}; the manifest says {file.sha256}.",
            next_step="Put a fresh copy of the file there and use nothing computed with this one.",
        )
    _verified[str(path)] = stamp


def _package_paths(folder: Path) -> list[str]:
    """Relative paths of all files that belong to a package, sorted."""
    found = []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if path.is_file() and not hidden and relative.as_posix() != MANIFEST_NAME:
            found.append(relative.as_posix())
    return sorted(found)


def _is_weights(path: str) -> bool:
    """Tell whether a file looks like weights."""
    return Path(path).suffix.lower() in WEIGHT_SUFFIXES


def _describe_file(folder: Path, relative: str) -> PackageFile:
    """Measure one file for the manifest."""
    path = folder / relative
    return PackageFile(relative, path.stat().st_size, file_sha256(path))


def _content_revision(files: Sequence[PackageFile]) -> str:
    """Derive a revision from what the files hold: the same files give the same revision."""
    lines = "\n".join(f"{file.sha256} {file.path}" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()[:40]

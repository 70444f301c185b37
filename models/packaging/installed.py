"""Packages that are on this machine: are they whole, what is wrong with them, remove them."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelPackageError,
    PackageNotFoundError,
)
from models.packaging.files import ModelPackage, unlisted_weights
from models.packaging.folder import PartialFolder, folder_bytes, package_lock
from models.packaging.locations import EXPORTED_BACKENDS, MODELS_ENV, models_root, package_path
from models.packaging.manifest import MANIFEST_NAME, PackageFile, file_sha256
from models.packaging.transfer import disk_errors
from models.packaging.watch import Watch
from models.reprs import html_table, text_table

if TYPE_CHECKING:
    from models.cards import ModelCard


@dataclass(frozen=True)
class FileCheck:
    """What was found out about one file.

    Args:
        path: As the manifest spells it.
        status: "ok", "missing", "other size", "other content" or "not listed".
    """

    path: str
    status: str


@dataclass(frozen=True)
class VerificationReport:
    """What a verification found; ``ok`` says it in one word.

    Args:
        model_id: The model.
        revision: Its version here.
        directory: Where it lies.
        full: Whether contents were hashed; otherwise names and sizes were compared.
        files: One entry per file.

    Example:
        >>> VerificationReport("me/m", "", Path("m"), True, (FileCheck("a.json", "missing"),)).ok
        False
    """

    model_id: str
    revision: str
    directory: Path
    full: bool
    files: tuple[FileCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is what the manifest says, and no other weights are there."""
        return all(file.status == "ok" for file in self.files)

    def rows(self) -> list[tuple[str, str]]:
        """One row per file, those with a problem first."""
        ordered = sorted(self.files, key=lambda file: (file.status == "ok", file.path))
        return [(file.status, file.path) for file in ordered]

    def __str__(self) -> str:
        verdict = "is whole" if self.ok else "is damaged"
        how = "names, sizes and contents" if self.full else "names and sizes"
        return f"{self.model_id} {verdict} ({how})\n{text_table(self.rows())}"

    def _repr_html_(self) -> str:
        """The report as a table."""
        return html_table(self.rows(), headers=("status", "file"), caption=str(self).split("\n", 1)[0])


def find_package(card: "ModelCard", model_dir: str | Path | None = None) -> ModelPackage:
    """Open the package of a model.

    Args:
        card: The model.
        model_dir: Folder to look in instead of the default one.

    Returns:
        The package, not yet verified.

    Raises:
        PackageNotFoundError: If it is not on this machine; the message has the expected path.
        CorruptedModelPackageError: If its manifest is missing, malformed, or of another model.
    """
    path = package_path(card, model_dir)
    if not path.is_dir():
        raise PackageNotFoundError(
            f"The package of {card.model_id!r} is not on this machine; it was expected at {path}.",
            next_step=_how_to_get(card),
        )
    package = ModelPackage.open(path)
    if package.manifest.architecture != card.architecture:
        raise CorruptedModelPackageError(
            f"{path} holds architecture {package.manifest.architecture!r}, but {card.model_id!r} "
            f"is {card.architecture!r}."
        )
    return package


def installed_package(card: "ModelCard", model_dir: str | Path | None = None) -> ModelPackage | None:
    """Open the home package of a model if it is here, of this model, and every file has its size.

    Args:
        card: The model.
        model_dir: Folder to look in instead of the default one.

    Returns:
        The package, its contents not verified; None when it is missing or incomplete.
    """
    path = package_path(card, model_dir)
    try:
        package = ModelPackage.open(path)
    except ModelPackageError:
        return None
    manifest = package.manifest
    if (manifest.model_id, manifest.architecture) != (card.model_id, card.architecture):
        return None
    return package if all(_status(path, file) == "ok" for file in manifest.files) else None


def installed_ids(model_dir: str | Path | None = None) -> list[str]:
    """List what lies in the folder for models, damaged or not, exported packages too.

    Args:
        model_dir: Folder to look in instead of the default one.

    Returns:
        ``<org>/<name>`` of each folder with a manifest, sorted.
    """
    found = (path.parent for path in models_root(model_dir).glob(f"*/*/{MANIFEST_NAME}"))
    return sorted(f"{one.parent.name}/{one.name}" for one in found if not one.name.startswith("."))


def check_package(package: ModelPackage, *, full: bool = False) -> VerificationReport:
    """Compare a package with its manifest, file by file, to the end.

    Args:
        package: The package.
        full: Hash contents too.

    Returns:
        What was found; nothing is raised for a damaged file.
    """
    manifest, folder = package.manifest, package.directory
    listed = [FileCheck(file.path, _status(folder, file, full=full)) for file in manifest.files]
    extra = [FileCheck(path, "not listed") for path in unlisted_weights(package)]
    return VerificationReport(manifest.model_id, manifest.revision, folder, full, (*listed, *extra))


def remove_folders(card: "ModelCard", model_dir: str | Path | None = None) -> int:
    """Remove all that is here of a hub model: its package, exported ones, half a download.

    Args:
        card: The model.
        model_dir: Folder to look in instead of the default one.

    Returns:
        Bytes freed.

    Raises:
        InvalidParameterError: If the model is not one that is downloaded.
        PackageNotFoundError: If nothing of it is here.
        FolderNotWritableError: If it cannot be removed.
    """
    if card.source != "hub":
        raise InvalidParameterError(
            f"{card.model_id} is {card.source}; only models from the hub are removed by this call."
        )
    home = package_path(card, model_dir)
    exported = [package_path(card, model_dir, backend) for backend in EXPORTED_BACKENDS]
    packages = [path for path in (home, *exported) if (path / MANIFEST_NAME).is_file()]
    partial = PartialFolder(home).path
    folders = [*packages, *([partial] if partial.is_dir() else [])]
    if not folders:
        raise PackageNotFoundError(f"Nothing of {card.model_id} is on this machine; {home} is no package.")
    with package_lock(home, Watch(card.model_id)), disk_errors(home):
        return _remove(folders)


def _how_to_get(card: "ModelCard") -> str:
    """Say how a missing package comes here."""
    download = f"Run `workbench models download {card.model_id}`, " if card.source == "hub" else ""
    put = f"{'put' if download else 'Put'} the folder with its {MANIFEST_NAME} there"
    return (
        f"{download}{put}, or pass model_dir= (or set {MODELS_ENV}) to the folder that holds "
        f"{card.model_id!r}."
    )


def _remove(folders: Iterable[Path]) -> int:
    """Remove folders; each loses its name first, so that half of one is never taken for a package."""
    freed = 0
    for folder in folders:
        if folder.is_symlink():
            folder.unlink()
            continue
        freed += folder_bytes(folder)
        doomed = folder.with_name(f".{folder.name.lstrip('.')}.removing")
        shutil.rmtree(doomed, ignore_errors=True)
        folder.rename(doomed)
        shutil.rmtree(doomed)
    return freed


def _status(directory: Path, file: PackageFile, *, full: bool = False) -> str:
    """Say what is with one file."""
    path = directory / file.path
    if not path.is_file():
        return "missing"
    if path.stat().st_size != file.size:
        return "other size"
    return "other content" if full and file_sha256(path) != file.sha256 else "ok"

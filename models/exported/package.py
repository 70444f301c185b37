"""Writing an exported package: in a folder beside its place, moved there whole when it is good."""

from __future__ import annotations

import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelExportError, WorkbenchError
from models.exported.record import RECORD_NAME
from models.packaging.files import WEIGHT_SUFFIXES, ModelPackage

if TYPE_CHECKING:
    from collections.abc import Generator

    from models.packaging.manifest import Manifest

__all__ = ["copy_readable_files", "default_directory", "in_place_of"]


def default_directory(source: ModelPackage, backend: str) -> Path:
    """Say where the exported package of a package belongs: beside it, where ``AutoModel`` looks.

    Args:
        source: The model's own package.
        backend: "onnx" or "openvino".

    Returns:
        ``<org>/<name>--<backend>`` beside ``<org>/<name>``.
    """
    return source.directory.with_name(f"{source.directory.name}--{backend}")


def copy_readable_files(source: ModelPackage, folder: Path) -> None:
    """Copy everything but the weights: configuration, preprocessing, tokenizer, licence.

    Args:
        source: The model's own package.
        folder: Where to.
    """
    for file in source.manifest.files:
        if Path(file.path).suffix.lower() in WEIGHT_SUFFIXES or file.path.endswith(".index.json"):
            continue
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.file(file.path), target)


@contextmanager
def in_place_of(target: Path, manifest: Manifest, backend: str) -> Generator[Path]:
    """Offer a folder to write into, which takes the place of another when all went well.

    Args:
        target: Where the package shall lie. An older export of the same model there is replaced.
        manifest: Manifest of the model's own package.
        backend: "onnx" or "openvino".

    Yields:
        The folder to write into. On an error nothing of it is left, and what was there stays.

    Raises:
        ModelExportError: If something else lies there, or the disk refuses.
    """
    _check_replaceable(target, manifest, backend)
    mark = uuid.uuid4().hex[:8]
    staging, old = (target.with_name(f".{target.name}-{mark}-{kind}") for kind in ("new", "old"))
    try:
        staging.mkdir(parents=True)
        yield staging
        if target.exists():
            target.rename(old)
        staging.rename(target)
    except OSError as error:
        if isinstance(error, WorkbenchError):
            raise
        raise ModelExportError(f"The package could not be written to {target}: {error}") from error
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _check_replaceable(target: Path, manifest: Manifest, backend: str) -> None:
    """Refuse to write over anything but an older export of the same model."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if (target / RECORD_NAME).is_file():
        there = ModelPackage.open(target).manifest
        if (there.model_id, there.backend) == (manifest.model_id, backend):
            return
    raise ModelExportError(
        f"{target} holds something else than an older {backend} export of {manifest.model_id!r}.",
        next_step="Choose another folder, or remove that one.",
    )

"""The stable door for people who add models: what a family or a provider may rely on."""

from pathlib import Path

from models.backends import BackendType
from models.base import (
    EmbeddingSpace,
    ImageEmbeddingModel,
    ModelInterface,
    TextImageEmbeddingModel,
    VideoTextEmbeddingModel,
    model_ids,
    unit_rows,
)
from models.cards import ModelCard
from models.conformance import check_model
from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.inputs import as_rgb_clips, as_rgb_frames, as_rgb_images, as_texts
from models.known_answer_recording import record_in_package, usual_answers
from models.known_answers import known_answer_frames, record_known_answers
from models.loader.providers import register_model_provider, unregister_model_provider
from models.packages import ModelPackage, write_manifest
from models.packaging.manifest import is_safe_path
from models.registry import (
    LazyClass,
    RegistryEntry,
    model_implementation_exists,
    on_registry_change,
    register_model,
    resolve_model_class,
    unregister_model,
)
from models.runtime import describe_runtime, pick_device

__all__ = [
    "BackendType",
    "EmbeddingSpace",
    "ImageEmbeddingModel",
    "LazyClass",
    "ModelCard",
    "ModelInterface",
    "ModelPackage",
    "RegistryEntry",
    "TextImageEmbeddingModel",
    "VideoTextEmbeddingModel",
    "as_rgb_clips",
    "as_rgb_frames",
    "as_rgb_images",
    "as_texts",
    "check_model",
    "describe_runtime",
    "get_model_package_contents",
    "known_answer_frames",
    "model_ids",
    "model_implementation_exists",
    "on_registry_change",
    "pick_device",
    "record_in_package",
    "record_known_answers",
    "register_model",
    "register_model_provider",
    "resolve_model_class",
    "unit_rows",
    "unregister_model",
    "unregister_model_provider",
    "usual_answers",
    "write_manifest",
]


def get_model_package_contents(
    model_package_dir: str | Path, elements: list[str] | None = None
) -> dict[str, str]:
    """List the files of a package folder, for ``from_pretrained`` of a model class.

    Args:
        model_package_dir: The folder.
        elements: Relative paths that must be there; None for every regular file.

    Returns:
        Relative posix path -> absolute path.

    Raises:
        PackageNotFoundError: If the folder does not exist.
        CorruptedModelPackageError: If an element is missing or outside the folder; all
            missing ones are named at once.
    """
    folder = Path(model_package_dir).expanduser()
    if not folder.is_dir():
        raise PackageNotFoundError(
            f"There is no model package at {folder}.", next_step="Put the package there, or correct the path."
        )
    found = {
        path.relative_to(folder).as_posix(): str(path.absolute())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(folder.resolve())
    }
    if elements is None:
        return found
    missing = [name for name in elements if not is_safe_path(name) or name not in found]
    if missing:
        raise CorruptedModelPackageError(
            f"The package {folder} lacks {', '.join(missing)}; it has {', '.join(found) or 'no file'}.",
            next_step="Put a fresh copy of the package there.",
        )
    return {name: found[name] for name in elements}

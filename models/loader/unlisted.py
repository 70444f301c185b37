"""Files without a manifest: a folder whose ``model_config.json`` says what runs it, or a checkpoint.

Nothing was recorded about such files, so nothing can be verified: they are used as they are, and
only when the caller spells their path.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.backends import BackendType
from models.errors import (
    CorruptedModelPackageError,
    MissingModelInitParameterError,
    ModelImplementationNotFoundError,
    PackageNotFoundError,
    UnknownBackendTypeError,
)
from models.packaging.files import WEIGHT_SUFFIXES, ModelPackage
from models.packaging.manifest import Manifest, PackageFile
from models.registry import REGISTERED_MODELS, implementations

if TYPE_CHECKING:
    from collections.abc import Iterable

# The format in which a family's weights are published; exported ones say so in their manifest.
_HOME_BACKENDS = (BackendType.TORCH, BackendType.HUGGING_FACE)
_USUAL_NAMES = ("model", "pytorch_model", "weights", "checkpoint")  # they do not tell one from another


@dataclass(frozen=True)
class Stated:
    """What a caller says of files that do not say it themselves; None for nothing.

    Args:
        architecture: Family of the network.
        task_type: What it does.
        backend: What runs it.
    """

    architecture: str | None = None
    task_type: str | None = None
    backend: BackendType | None = None

    @property
    def given(self) -> bool:
        """Whether anything but the backend was said."""
        return self.architecture is not None or self.task_type is not None


@dataclass(frozen=True)
class UnlistedPackage(ModelPackage):
    """A folder or a checkpoint file without a manifest.

    Args:
        directory: The folder.
        manifest: What is known, with the files that were found and no hashes.
        checkpoint: The weights, when a file was named rather than the folder.
    """

    checkpoint: Path | None = None

    def verify(self, *, full: bool = False) -> None:  # noqa: ARG002 - the name is ModelPackage's
        """See that the files are still there; nothing more was ever recorded of them.

        Args:
            full: Makes no difference.

        Raises:
            PackageNotFoundError: If one is gone.
        """
        for file in self.manifest.files:
            if not (self.directory / file.path).is_file():
                raise PackageNotFoundError(f"{self.directory / file.path} is gone.")


def unlisted_folder(folder: Path, config: dict[str, Any]) -> UnlistedPackage:
    """Make a package of a folder whose ``model_config.json`` names a registered model.

    Args:
        folder: The folder.
        config: ``model_architecture``, ``task_type``, ``backend_type``, and what else it says.

    Returns:
        The package.

    Raises:
        CorruptedModelPackageError: If one of the three is missing, or the backend is unknown.
    """
    names = ("model_architecture", "task_type", "backend_type")
    missing = [name for name in names if not isinstance(config.get(name), str) or not config[name]]
    if missing:
        raise CorruptedModelPackageError(
            f"The model_config.json of {folder} does not say its {', '.join(missing)}.",
            next_step=f"It must name {', '.join(names)}, or a model_module and a model_class.",
        )
    features = config.get("model_features") or []
    if not isinstance(features, list | dict):
        raise CorruptedModelPackageError(f"model_features of {folder} is {features!r}; a list is expected.")
    try:
        backend = BackendType.parse(config["backend_type"])
    except UnknownBackendTypeError as error:
        raise CorruptedModelPackageError(
            f"The model_config.json of {folder} is malformed: {error}"
        ) from error
    said = Stated(config["model_architecture"], config["task_type"], backend)
    model_id = config.get("model_id")
    return _package(folder, said, model_id if isinstance(model_id, str) else "", features, card=config)


def stated_folder(folder: Path, stated: Stated) -> UnlistedPackage:
    """Make a package of a folder whose architecture the caller states.

    Args:
        folder: The folder.
        stated: What the caller says.

    Returns:
        The package.

    Raises:
        ModelImplementationNotFoundError: If nothing runs that architecture or task.
        MissingModelInitParameterError: If the architecture has several tasks and none is stated.
    """
    return _package(folder, settled(stated))


def stated_checkpoint(path: Path, stated: Stated) -> UnlistedPackage:
    """Make a package of a checkpoint file.

    Args:
        path: The file.
        stated: What the caller says.

    Returns:
        The package: the file, in the folder it lies in.

    Raises:
        CorruptedModelPackageError: If it does not look like weights.
        MissingModelInitParameterError: If no architecture is stated.
        ModelImplementationNotFoundError: If nothing runs that architecture or task.
    """
    if path.suffix.lower() not in WEIGHT_SUFFIXES:
        raise CorruptedModelPackageError(
            f"{path} is a file; a model package is a folder with a manifest.json.",
            next_step=f"A checkpoint file ends in {', '.join(sorted(WEIGHT_SUFFIXES))}.",
        )
    if stated.architecture is None:
        raise MissingModelInitParameterError(
            f"{path} is a checkpoint; it does not say which architecture it is of.",
            next_step=f"State it: AutoModel.from_pretrained({str(path.absolute())!r}, "
            "architecture=..., task_type=...); architectures are "
            f"{_listed(key[0] for key in REGISTERED_MODELS)}.",
        )
    said = settled(stated)
    one = PackageFile(path.name, path.stat().st_size, "")
    name = path.resolve().parent.name if path.stem in _USUAL_NAMES else path.stem
    manifest = _manifest(name, said, (one,))
    return UnlistedPackage(path.resolve().parent, manifest, checkpoint=path.resolve())


def settled(stated: Stated) -> Stated:
    """Complete what a caller stated from the registry.

    Args:
        stated: An architecture, perhaps more.

    Returns:
        Architecture, task and backend, which have a row.

    Raises:
        ModelImplementationNotFoundError: If nothing runs that architecture or task.
        MissingModelInitParameterError: If the architecture has several tasks and none is stated.
    """
    architecture = stated.architecture or ""
    tasks = list(dict.fromkeys(key[1] for key in REGISTERED_MODELS if key[0] == architecture))
    if not tasks:
        raise ModelImplementationNotFoundError(
            f"No class is registered for architecture {architecture!r}; there are "
            f"{_listed(key[0] for key in REGISTERED_MODELS)}.",
            next_step="register_model(architecture, task_type, backend, model_class) adds one.",
        )
    task_type = stated.task_type or ("embedding" if "embedding" in tasks else tasks[0])
    if stated.task_type is None and task_type != "embedding" and len(tasks) > 1:
        raise MissingModelInitParameterError(
            f"Architecture {architecture!r} has several tasks.",
            next_step=f"State task_type=, one of {_listed(tasks)}.",
        )
    if task_type not in tasks:
        raise ModelImplementationNotFoundError(
            f"Architecture {architecture!r} has no task {task_type!r}; it has {_listed(tasks)}."
        )
    rows = implementations(architecture, task_type)
    home = next((backend for backend in _HOME_BACKENDS if backend in rows), next(iter(rows)))
    return Stated(architecture, task_type, stated.backend or home)


def _package(
    folder: Path, said: Stated, model_id: str = "", features: Any = (), card: dict[str, Any] | None = None
) -> UnlistedPackage:
    """List the files of a folder, without reading them."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    files = tuple(PackageFile(path.relative_to(folder).as_posix(), path.stat().st_size, "") for path in found)
    manifest = _manifest(model_id or folder.resolve().name, said, files, features, card)
    return UnlistedPackage(folder.resolve(), manifest)


def _manifest(
    model_id: str,
    said: Stated,
    files: tuple[PackageFile, ...],
    features: Any = (),
    card: dict[str, Any] | None = None,
) -> Manifest:
    """What a manifest would say, as far as it is known."""
    return Manifest(
        model_id=model_id,
        revision="",
        architecture=said.architecture or "",
        task_type=said.task_type or "",
        backend=str(said.backend),
        files=files,
        features=tuple(str(feature) for feature in features),
        card=card or {},
    )


def _listed(names: "Iterable[str]") -> str:
    """Names in order, each once."""
    return ", ".join(repr(name) for name in dict.fromkeys(names)) or "none"

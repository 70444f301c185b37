"""Packages that bring their own code: read without running it, run only when allowed.

Such a folder has a ``model_config.json`` with ``model_module`` (a Python file in the folder) and
``model_class`` (the class in it). The file may import its neighbours: ``from .layers import Layer``.
"""

import importlib.util
import sys
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from models.cards import ModelCard, card_fields
from models.errors import CorruptedModelPackageError, ForbiddenLocalCodePackageAccessError
from models.json_text import read_json
from models.packaging.manifest import is_safe_path

CONFIG_NAME = "model_config.json"


@dataclass(frozen=True)
class CodePackage:
    """A folder with its own code: the folder, the file, the class in it, and a card."""

    directory: Path
    module: Path
    class_name: str
    card: ModelCard

    def require(self, *, allowed: bool) -> None:
        """Stop here unless running the code was allowed.

        Args:
            allowed: Whether the caller said ``allow_local_code=True``.

        Raises:
            ForbiddenLocalCodePackageAccessError: If it was not.
        """
        if not allowed:
            raise ForbiddenLocalCodePackageAccessError(
                f"The package {self.directory} runs its own code ({self.module}), which was not allowed.",
                next_step="Read that file; if you trust it, pass allow_local_code=True.",
            )

    def load_class(self, *, allowed: bool) -> type:
        """Run the file and take the class from it.

        Args:
            allowed: Whether the caller said ``allow_local_code=True``.

        Returns:
            The class.

        Raises:
            ForbiddenLocalCodePackageAccessError: If it was not allowed.
            CorruptedModelPackageError: If the file cannot be imported, or has no such class.
        """
        self.require(allowed=allowed)
        found = getattr(self._run(), self.class_name, None)
        if not isinstance(found, type):
            raise CorruptedModelPackageError(f"{self.module} has no class {self.class_name!r}.")
        return found

    def _run(self) -> ModuleType:
        """Run the file as a package of its own, so that it finds its neighbours."""
        name = f"_local_model_{sha256(str(self.module).encode()).hexdigest()[:12]}"
        for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[loaded]
        spec = importlib.util.spec_from_file_location(
            name, self.module, submodule_search_locations=[str(self.module.parent)]
        )
        if spec is None or spec.loader is None:
            raise CorruptedModelPackageError(f"{self.module} is no Python file.")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # whatever a stranger's file raises
            del sys.modules[name]
            raise CorruptedModelPackageError(
                f"{self.module} cannot be imported: {type(error).__name__}: {error}",
                next_step="Mend the file, or install what it imports.",
            ) from error
        return module


def read_config(directory: Path) -> dict[str, Any] | None:
    """Read the ``model_config.json`` of a folder. Nothing is run.

    Args:
        directory: The folder; it need not exist.

    Returns:
        What it says; None when there is none.

    Raises:
        CorruptedModelPackageError: If it is no JSON object.
    """
    path = directory / CONFIG_NAME
    if not path.is_file():
        return None
    try:
        config = read_json(path)
    except (ValueError, OSError) as error:
        raise CorruptedModelPackageError(f"{path} cannot be read as JSON ({error}).") from error
    if not isinstance(config, dict):
        raise CorruptedModelPackageError(f"{path} is no JSON object.")
    return config


def read_code_package(directory: Path) -> CodePackage | None:
    """Look whether a folder brings its own code. Nothing is run.

    Args:
        directory: The folder; it need not exist.

    Returns:
        What it would run; None when it brings no code.

    Raises:
        CorruptedModelPackageError: If its ``model_config.json`` is malformed, or names a file
            that is missing or outside the folder.
    """
    path, config = directory / CONFIG_NAME, read_config(directory)
    if config is None or "model_module" not in config:
        return None
    name, class_name = config["model_module"], config.get("model_class")
    if not isinstance(name, str) or not isinstance(class_name, str) or not class_name.isidentifier():
        raise CorruptedModelPackageError(f"{path} must name a model_module and a model_class.")
    folder = directory.resolve()
    module = (folder / name).resolve()
    if not is_safe_path(name) or not module.is_relative_to(folder) or not module.is_file():
        raise CorruptedModelPackageError(f"{path} names {name!r}, which is no file of the package.")
    return CodePackage(folder, module, class_name, _card(folder, config))


def _card(folder: Path, config: dict[str, Any]) -> ModelCard:
    """Make a card from what the configuration says."""
    said = config.get("model_id")
    card = ModelCard(
        model_id=said if isinstance(said, str) and said else folder.name,
        architecture="local-code",
        task_type="embedding",
        backends=("custom",),
        source="local",
        location=str(folder),
        description="A local package with its own code.",
    )
    return replace(card, **card_fields(config))

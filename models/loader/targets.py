"""What was asked for: a known id, a package folder, or a folder with its own code."""

import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.cards import ModelCard, card_fields
from models.catalog import CATALOG
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelNotFoundError,
    ModelPackageError,
    PackageNotFoundError,
)
from models.loader.local_code import CodePackage, read_code_package, read_config
from models.loader.providers import package_card, provided_card
from models.loader.unlisted import Stated, settled, stated_checkpoint, stated_folder, unlisted_folder
from models.packaging.files import ModelPackage
from models.packaging.locations import EXPORTED_BACKENDS, models_root, package_path
from models.packaging.manifest import MANIFEST_NAME, is_safe_path
from models.registry import registered_cards

_PATH = re.compile(r"^(\.{1,2}$|\.{1,2}[/\\]|~|/|\\|[A-Za-z]:[/\\])")
_LONGEST = 255  # bytes of one name in a path
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")


@dataclass(frozen=True)
class Unusable:
    """A place that should hold a package and holds something else: its name, and what is wrong."""

    name: str
    problem: ModelPackageError


@dataclass(frozen=True)
class Target:
    """A model that was found, and the packages of it that are on this machine.

    Args:
        card: The model.
        packages: Its packages; the one in its home format first. Empty for a class that builds
            itself.
        missing: Why there is no home package, when one belongs here and is not.
        unusable: Places that hold something that is no package of it.
        code: The folder's own code, when the model is a class of that folder.
        stated: Whether what the caller stated was needed, and is no option of the model.
    """

    card: ModelCard
    packages: tuple[ModelPackage, ...] = ()
    missing: PackageNotFoundError | None = None
    unusable: tuple[Unusable, ...] = ()
    code: CodePackage | None = None
    stated: bool = False

    @property
    def problem(self) -> ModelPackageError | None:
        """Why there is no package at all; None when there is one, or none is needed."""
        if self.packages:
            return None
        return self.unusable[0].problem if self.unusable else self.missing

    @property
    def builds_itself(self) -> bool:
        """Whether the model is a registered class that has no package."""
        return self.card.source == "registered" and not self.packages


def find_target(
    model_name_or_path: Any, model_dir: str | Path | None = None, stated: Stated | None = None
) -> Target:
    """Find what a name or path means. A folder in the working directory never shadows an id.

    Args:
        model_name_or_path: A known id, or a path: a ``Path``, or a string that starts like one
            ("/x", "./x", "../x", "~/x", "file:///x").
        model_dir: Folder that holds packages as ``<org>/<name>``.
        stated: What the caller says about files without a manifest, and ids that nobody knows.

    Returns:
        The model; a package that is missing or malformed is told in it.

    Raises:
        ModelNotFoundError: If nobody knows the id; the message has close ones.
        PackageNotFoundError: If the path does not exist.
        CorruptedModelPackageError: If the folder has no manifest, or a malformed one.
        MissingModelInitParameterError: If it is a checkpoint file and no architecture is stated.
        InvalidParameterError: If it is neither a string nor a path.
    """
    said = stated or Stated()
    _refuse_no_name(model_name_or_path)
    if isinstance(model_name_or_path, os.PathLike):
        return _target_of_path(Path(model_name_or_path), said)
    if not isinstance(model_name_or_path, str) or not model_name_or_path.strip():
        raise InvalidParameterError(
            f"A model id or a path was expected; {model_name_or_path!r} came.",
            next_step="AutoModel.list_available_models() lists the ids.",
        )
    if _PATH.match(model_name_or_path):
        return _target_of_path(Path(model_name_or_path), said)
    if model_name_or_path.startswith("file://"):
        return _target_of_path(_path_of(model_name_or_path), said)
    return _target_of_id(model_name_or_path, model_dir, said)


def known_cards(model_dir: str | Path | None = None) -> list[ModelCard]:
    """List the catalogue and what was registered, completed from the packages that are here.

    Args:
        model_dir: Folder that holds packages as ``<org>/<name>``.

    Returns:
        Cards: the catalogue's first, then registered ones in order of registration.
    """
    return [_listed(card, model_dir) for card in CATALOG.values()] + registered_cards()


def _listed(card: ModelCard, model_dir: str | Path | None) -> ModelCard:
    """Complete a card from its home package, if there is a usable one."""
    try:
        folder = package_path(card, model_dir)
        here = (folder / MANIFEST_NAME).is_file()
        return _completed(card, [_home(card, model_dir)]) if here else card
    except ModelPackageError:
        return card  # asking for this model by its id says what is wrong


def _refuse_no_name(name: Any) -> None:
    """Refuse what no system takes as the name of a file."""
    text = os.fsdecode(name) if isinstance(name, str | os.PathLike) else ""
    if "\0" in text or any(
        len(part.encode("utf-8", "replace")) > _LONGEST for part in re.split(r"[/\\]", text)
    ):
        raise InvalidParameterError(f"{text[:60]!r} can be neither a model id nor a path.")


def _path_of(address: str) -> Path:
    """The path of a file:// address."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # slow to import, and rarely asked for

    return Path(url2pathname(urlsplit(address).path))


def _target_of_path(path: Path, stated: Stated) -> Target:
    """Open a folder: its own code if it names some, else its manifest; or a checkpoint file."""
    place = path.expanduser()
    code = None if place.is_file() else read_code_package(place)
    if code is not None:
        return Target(code.card, code=code)
    package = stated_checkpoint(place, stated) if place.is_file() else _folder(place, stated)
    if stated.architecture not in (None, package.manifest.architecture):
        raise InvalidParameterError(
            f"{place} is of architecture {package.manifest.architecture!r}; "
            f"{stated.architecture!r} was stated."
        )
    return Target(package_card(package), (package,), stated=stated.given)


def _folder(folder: Path, stated: Stated) -> ModelPackage:
    """Open a folder by its manifest, else by its ``model_config.json``, else as the caller says."""
    if folder.is_dir() and not (folder / MANIFEST_NAME).is_file():
        config = read_config(folder)
        if config is not None:
            return unlisted_folder(folder, config)
        if stated.architecture is not None:
            return stated_folder(folder, stated)
        raise CorruptedModelPackageError(
            f"{folder} is no model package: it has no {MANIFEST_NAME}.",
            next_step="Write one with models.packages.write_manifest, or state architecture= "
            "(and task_type=) when you load it.",
        )
    return ModelPackage.open(folder)


def _target_of_id(model_id: str, model_dir: str | Path | None, stated: Stated) -> Target:
    """Look an id up: catalogue, registered classes, providers, packages on this machine."""
    registered = {card.model_id: card for card in registered_cards()}
    card = CATALOG.get(model_id) or registered.get(model_id) or provided_card(model_id)
    if card is not None:
        return _target_of_card(card, model_dir)
    card = _installed_card(model_id, model_dir)
    if card is None and stated.architecture is not None and _HUB_ID.match(model_id):
        said = settled(stated)
        card = ModelCard(model_id, str(said.architecture), str(said.task_type), (str(said.backend),))
    if card is None:
        advice = _advice(model_id, [*CATALOG, *registered])
        raise ModelNotFoundError(f"Unknown model {model_id!r}.", next_step=advice)
    return replace(_target_of_card(card, model_dir), stated=stated.given)


def _installed_card(model_id: str, model_dir: str | Path | None) -> ModelCard | None:
    """The card of a package that somebody fetched or put here without a card."""
    if not is_safe_path(model_id):
        return None
    folder = models_root(model_dir) / model_id
    return package_card(ModelPackage.open(folder)) if (folder / MANIFEST_NAME).is_file() else None


def _target_of_card(card: ModelCard, model_dir: str | Path | None) -> Target:
    """Find the packages of a card; a registered class builds itself."""
    if card.source == "registered":
        return Target(card)
    missing, unusable, packages = None, [], []
    try:
        packages.append(_home(card, model_dir))
    except PackageNotFoundError as error:
        missing = error
    except ModelPackageError as error:
        unusable.append(Unusable(card.model_id, error))
    if is_safe_path(card.model_id):
        for backend in EXPORTED_BACKENDS:
            folder = package_path(card, model_dir, backend)
            try:
                packages += [_exported(folder, card, backend)] if folder.is_dir() else []
            except ModelPackageError as error:
                unusable.append(Unusable(folder.name, error))
    return Target(_completed(card, packages), tuple(packages), missing, tuple(unusable))


def _home(card: ModelCard, model_dir: str | Path | None) -> ModelPackage:
    """Open the package in the model's home format."""
    folder = package_path(card, model_dir)
    if not folder.is_dir():
        from models.packaging.installed import find_package  # it knows how a missing package comes here

        return find_package(card, model_dir)
    if not any(folder.iterdir()):
        raise PackageNotFoundError(f"The package of {card.model_id!r} is not here; {folder} is empty.")
    package = ModelPackage.open(folder)
    if package.manifest.architecture != card.architecture:
        raise CorruptedModelPackageError(
            f"{folder} holds architecture {package.manifest.architecture!r}, but {card.model_id!r} "
            f"is {card.architecture!r}."
        )
    card_fields(package.manifest.card)
    return package


def _exported(folder: Path, card: ModelCard, backend: str) -> ModelPackage:
    """Open an exported package and see that it is one of this model."""
    package = ModelPackage.open(folder)
    said = (package.manifest.architecture, package.manifest.backend.lower())
    if said != (card.architecture, backend):
        raise CorruptedModelPackageError(
            f"{folder} holds {said[0]!r} for {said[1]!r}; "
            f"{card.architecture!r} for {backend!r} belongs there."
        )
    card_fields(package.manifest.card)
    return package


def _completed(card: ModelCard, packages: list[ModelPackage]) -> ModelCard:
    """Complete a card from the first of its packages; a version that it is pinned to stays."""
    if not packages:
        return card
    package = packages[0]
    revision = card.revision or package.manifest.revision
    known = replace(card, revision=revision, size_bytes=package.size_bytes)
    return replace(known, **card_fields(package.manifest.card))


def _advice(model_id: str, known: list[str]) -> str:
    """Say what may have been meant, how to list ids, and how a path is spelt."""
    wanted = model_id.lower()
    close = [name for name in known if wanted in name.lower() or name.lower() in wanted]
    by_last_part = {name.lower().rpartition("/")[2]: name for name in known}
    close += difflib.get_close_matches(model_id, known, n=3, cutoff=0.5)
    matches = difflib.get_close_matches(wanted.rpartition("/")[2], by_last_part, n=3, cutoff=0.6)
    close += [by_last_part[name] for name in matches]
    meant = f"Did you mean {', '.join(repr(name) for name in dict.fromkeys(close))}? " if close else ""
    folder = "There is a folder of that name here; if it" if Path(model_id).is_dir() else "If it"
    return (
        f"{meant}AutoModel.list_available_models() lists all ids. "
        f"{folder} is meant as a folder, spell it as a path: './{model_id}'."
    )

"""What was asked for: a known id, a package folder, or a folder with its own code."""

import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.catalog import CATALOG, ModelCard, card_fields
from models.errors import (
    InvalidParameterError,
    ModelNotFoundError,
    ModelPackageError,
)
from models.local_code import CodePackage, read_code_package
from models.packages import ModelPackage, find_package
from models.providers import package_card, provided_card
from models.registry import registered_cards

_PATH = re.compile(r"^(\.{1,2}$|\.{1,2}[/\\]|~|/|\\|[A-Za-z]:[/\\])")


@dataclass(frozen=True)
class Target:
    """A model that was found, and its package if it has one here.

    Args:
        card: The model.
        package: Its package on disk; None for a class that builds itself, or when it is missing.
        problem: Why there is no usable package.
        code: The folder's own code, when the model is a class of that folder.
    """

    card: ModelCard
    package: ModelPackage | None = None
    problem: ModelPackageError | None = None
    code: CodePackage | None = None


def find_target(model_name_or_path: Any, model_dir: str | Path | None = None) -> Target:
    """Find what a name or path means. A folder in the working directory never shadows an id.

    Args:
        model_name_or_path: A known id, or a path: a ``Path``, or a string that starts like one
            ("/x", "./x", "../x", "~/x").
        model_dir: Folder that holds packages as ``<org>/<name>``.

    Returns:
        The model; a package that is missing or malformed is told in ``problem``.

    Raises:
        ModelNotFoundError: If nobody knows the id; the message has close ones.
        PackageNotFoundError: If the path does not exist.
        CorruptedModelPackageError: If the folder has no manifest, or a malformed one.
        InvalidParameterError: If it is neither a string nor a path.
    """
    if isinstance(model_name_or_path, os.PathLike):
        return _target_of_path(Path(model_name_or_path))
    if not isinstance(model_name_or_path, str) or not model_name_or_path.strip():
        raise InvalidParameterError(
            f"A model id or a path was expected; {model_name_or_path!r} came.",
            next_step="AutoModel.list_available_models() lists the ids.",
        )
    if _PATH.match(model_name_or_path):
        return _target_of_path(Path(model_name_or_path))
    return _target_of_id(model_name_or_path, model_dir)


def known_cards(model_dir: str | Path | None = None) -> list[ModelCard]:
    """List the catalogue and what was registered, completed from the packages that are here.

    Args:
        model_dir: Folder that holds packages as ``<org>/<name>``.

    Returns:
        Cards: the catalogue's first, then registered ones in order of registration.
    """
    catalogue = [_target_of_card(card, model_dir).card for card in CATALOG.values()]
    return catalogue + registered_cards()


def _target_of_path(path: Path) -> Target:
    """Open a folder: its own code if it names some, else its manifest."""
    folder = path.expanduser()
    code = read_code_package(folder)
    if code is not None:
        return Target(code.card, code=code)
    package = ModelPackage.open(folder)
    return Target(package_card(package), package)


def _target_of_id(model_id: str, model_dir: str | Path | None) -> Target:
    """Look an id up: catalogue, registered classes, providers."""
    registered = {card.model_id: card for card in registered_cards()}
    card = CATALOG.get(model_id) or registered.get(model_id) or provided_card(model_id)
    if card is None:
        advice = _advice(model_id, [*CATALOG, *registered])
        raise ModelNotFoundError(f"Unknown model {model_id!r}.", next_step=advice)
    return _target_of_card(card, model_dir)


def _target_of_card(card: ModelCard, model_dir: str | Path | None) -> Target:
    """Find the package of a card; a registered class builds itself."""
    if card.source == "registered":
        return Target(card)
    try:
        package = find_package(card, model_dir)
        said = card_fields(package.manifest.card)
    except ModelPackageError as error:
        return Target(card, problem=error)
    completed = replace(card, revision=package.manifest.revision, size_bytes=package.size_bytes)
    return Target(replace(completed, **said), package)


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

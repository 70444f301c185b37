"""Other places that know models: functions from a model id to a card or a package folder."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.cards import SOURCES, ModelCard, card_fields
from models.errors import InvalidParameterError, InvalidTypeError, ModelLoadingError
from models.packaging.files import ModelPackage

Provider = Callable[[str], "ModelCard | str | os.PathLike[str] | None"]

_providers: dict[str, Provider] = {}


def register_model_provider(name: str, handler: Provider) -> None:
    """Let ``AutoModel`` ask somebody else for ids that it does not know.

    Args:
        name: Name of the provider; registering it again replaces it.
        handler: Called with a model id. Returns the folder of a model package, or a ``ModelCard``
            (source "local", with the folder as its ``location``), or None for "not mine".

    Raises:
        InvalidParameterError: If the name is empty or one of "bundled", "hub", "local" and
            "registered", or the handler cannot be called.

    Example:
        >>> register_model_provider("team share", lambda model_id: None)
        >>> unregister_model_provider("team share")
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidParameterError(f"A provider needs a name; {name!r} came.")
    if name in SOURCES:
        raise InvalidParameterError(f"{name!r} is the name of a source; a provider needs its own.")
    if not callable(handler):
        raise InvalidTypeError(f"The handler of {name!r} cannot be called: {handler!r}.")
    _providers[name] = handler


def unregister_model_provider(name: str) -> None:
    """Stop asking a provider; a name that is not known is no error.

    Args:
        name: As registered.
    """
    _providers.pop(name, None)


def provided_card(model_id: str) -> ModelCard | None:
    """Ask the providers for a model, in the order in which they were registered.

    Args:
        model_id: The id.

    Returns:
        The first card that comes back; None when no provider knows the id.

    Raises:
        ModelLoadingError: If a provider fails or returns something else.
    """
    for name, handler in list(_providers.items()):
        try:
            answer = handler(model_id)
        except Exception as error:
            raise ModelLoadingError(
                f"The provider {name!r} failed when asked for {model_id!r}: {error}.",
                next_step="Mend it, or take it out with unregister_model_provider.",
            ) from error
        if answer is not None:
            return _as_card(name, answer)
    return None


def package_card(package: ModelPackage) -> ModelCard:
    """Make the card of a package from its manifest.

    Args:
        package: The package.

    Returns:
        Its card, with source "local".
    """
    manifest = package.manifest
    card = ModelCard(
        model_id=manifest.model_id,
        architecture=manifest.architecture,
        task_type=manifest.task_type,
        backends=(manifest.backend,),
        revision=manifest.revision,
        size_bytes=package.size_bytes,
        source="local",
        location=str(package.directory),
    )
    return replace(card, **card_fields(manifest.card))


def _as_card(name: str, answer: Any) -> ModelCard:
    """Read what a provider returned."""
    if isinstance(answer, ModelCard):
        return answer
    if isinstance(answer, str | os.PathLike):
        return package_card(ModelPackage.open(Path(answer)))
    raise ModelLoadingError(
        f"The provider {name!r} returned {type(answer).__name__}; a folder, a ModelCard or None is expected."
    )

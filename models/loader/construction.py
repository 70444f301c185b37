"""Call a model class: ``from_pretrained`` with a folder, or the constructor and ``setup``."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.base import ImageEmbeddingModel
from models.errors import InvalidParameterError, PackageNotFoundError
from models.packaging.locations import models_root

_HALF = ("bfloat16", "float16")


def call_from_pretrained(
    model_class: Any, place: Path, ours: dict[str, Any], model_kwargs: dict[str, Any]
) -> Any:
    """Call ``from_pretrained`` with what it takes of our options and all of the model's own.

    Args:
        model_class: The class.
        place: Folder of the package, or a checkpoint file.
        ours: ``device`` and ``dtype``.
        model_kwargs: The model's own options.

    Returns:
        The model.

    Raises:
        InvalidParameterError: If a number format was asked for that the class cannot be told.
    """
    build = model_class.from_pretrained
    taken = _taken(build, ours, keywords=True)
    _refuse_lost_dtype(model_class, ours, taken, model_kwargs)
    return build(str(place), **{**taken, **model_kwargs})


def construct(
    model_class: type,
    model_id: str,
    ours: dict[str, Any],
    model_dir: str | Path | None,
    model_kwargs: dict[str, Any],
) -> Any:
    """Call the constructor and ``setup``; say which options a constructor misses.

    Args:
        model_class: The class.
        model_id: What it is loaded by, for the message.
        ours: ``device`` and ``dtype``.
        model_dir: Folder with weights; None for the usual one, if the class wants one.
        model_kwargs: The model's own options.

    Returns:
        The model, set up.

    Raises:
        InvalidParameterError: If options are missing or unknown.
    """
    if model_dir is not None or _requires(model_class, "model_dir"):
        ours = {**ours, "model_dir": str(models_root(model_dir))}
    taken = _taken(model_class, ours, keywords=False)
    _refuse_lost_dtype(model_class, ours, taken, model_kwargs)
    arguments = {**taken, **model_kwargs}
    try:
        inspect.signature(model_class).bind(**arguments)
    except TypeError as error:
        raise InvalidParameterError(
            f"{model_class.__name__} cannot be built: {error}.",
            next_step=f"Pass its options: AutoModel.from_pretrained({model_id!r}, name=value)"
            + (", or model_dir= its folder." if hasattr(model_class, "from_pretrained") else "."),
        ) from error
    model = model_class(**arguments)
    if callable(getattr(model, "setup", None)):
        model.setup()
    return model


def construct_without_folder(
    model_class: Any, folder: Path, ours: dict[str, Any], model_kwargs: dict[str, Any]
) -> Any:
    """Call ``from_pretrained`` with the folder where files would lie, for a class that may need none.

    Args:
        model_class: The class.
        folder: Where its files would lie; there is nothing.
        ours: ``device`` and ``dtype``.
        model_kwargs: The model's own options.

    Returns:
        The model.

    Raises:
        PackageNotFoundError: If it does need files.
    """
    try:
        return call_from_pretrained(model_class, folder, ours, model_kwargs)
    except FileNotFoundError as error:  # PackageNotFoundError is one
        raise PackageNotFoundError(
            f"{model_class.__name__} is loaded from a folder, and {folder} does not exist: {error}",
            next_step="Pass model_dir= its folder, or put its files there.",
        ) from error


def loads_from_folder_only(model_class: Any) -> bool:
    """Tell whether a class has ``from_pretrained`` and no ``setup`` of its own: it is never just made.

    Args:
        model_class: The class.
    """
    setup = getattr(model_class, "setup", None)
    return callable(getattr(model_class, "from_pretrained", None)) and (
        not callable(setup) or setup is ImageEmbeddingModel.setup
    )


def fetch_weights(model_class: Any, model_dir: str | Path | None) -> None:
    """Let a class fetch its weights, if it says how: ``download_weights_on_node(model_dir)``.

    Args:
        model_class: The class.
        model_dir: Folder for weights; None for the usual one.
    """
    fetch = getattr(model_class, "download_weights_on_node", None)
    if callable(fetch):
        fetch(str(models_root(model_dir)))


def _refuse_lost_dtype(
    model_class: Any, ours: dict[str, Any], taken: dict[str, Any], model_kwargs: dict[str, Any]
) -> None:
    """Refuse a number format that would be dropped without a word."""
    if ours["dtype"] in _HALF and "dtype" not in {**taken, **model_kwargs}:
        raise InvalidParameterError(
            f"{model_class.__name__} cannot be told a number format; {ours['dtype']!r} was asked for.",
            next_step="Leave dtype out.",
        )


def _taken(function: Callable[..., Any], offered: dict[str, Any], *, keywords: bool) -> dict[str, Any]:
    """Keep the options that a function takes; with ``keywords`` a ``**kwargs`` takes all."""
    parameters = inspect.signature(function).parameters
    if keywords and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return offered
    return {name: value for name, value in offered.items() if name in parameters}


def _requires(function: Callable[..., Any], name: str) -> bool:
    """Tell whether a function has an option of that name without a default."""
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.default is parameter.empty

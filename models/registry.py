"""THE table: (architecture, task type, backend) -> the class that runs it.

A new family adds one row. Rows name classes without importing them, so reading the table
loads no library. ``register_model`` adds a row from a notebook cell.
"""

import logging
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.backends import BackendType
from models.errors import InvalidParameterError, ModelImplementationNotFoundError

if TYPE_CHECKING:
    from models.catalog import ModelCard

__all__ = [
    "REGISTERED_MODELS",
    "BackendType",
    "LazyClass",
    "RegistryEntry",
    "implementations",
    "on_registry_change",
    "register_model",
    "registered_cards",
    "resolve_model_class",
    "unregister_model",
]

_logger = logging.getLogger("models")


@dataclass(frozen=True)
class LazyClass:
    """A class by name; it is imported when it is first needed.

    Args:
        module_name: Full name of the module.
        class_name: Name of the class in it.

    Example:
        >>> LazyClass("collections", "OrderedDict").resolve().__name__
        'OrderedDict'
    """

    module_name: str
    class_name: str
    _found: list[type] = field(default_factory=list, init=False, repr=False, compare=False)

    def resolve(self) -> type:
        """Import the class, once; what goes wrong surfaces unchanged.

        Threads may race here: Python imports a module once, so all get the same class.
        """
        if not self._found:
            self._found.append(getattr(import_module(self.module_name), self.class_name))
        return self._found[0]


@dataclass(frozen=True)
class RegistryEntry:
    """A class with the package features it can deal with.

    Args:
        model_class: The class, or its name.
        supported_model_features: Features that a package may have.
        required_model_features: Features that a package must have.
    """

    model_class: LazyClass | type
    supported_model_features: Iterable[str] | None = None
    required_model_features: Iterable[str] | None = None

    @property
    def class_name(self) -> str:
        """Name of the class, without importing it."""
        lazy = isinstance(self.model_class, LazyClass)
        return self.model_class.class_name if lazy else self.model_class.__name__

    def resolve(self) -> type:
        """Import the class if it is only named."""
        return self.model_class.resolve() if isinstance(self.model_class, LazyClass) else self.model_class

    def feature_problems(self, features: Iterable[str]) -> list[str]:
        """Say why a package with some features does not fit; empty when it does.

        Args:
            features: Features of the package.

        Returns:
            One sentence per problem.
        """
        given, required = set(features), set(self.required_model_features or ())
        unknown = sorted(given - required - set(self.supported_model_features or ()))
        missing = sorted(required - given)
        problems = []
        if unknown:
            problems.append(f"{self.class_name} does not support the package's {', '.join(unknown)}.")
        if missing:
            problems.append(f"{self.class_name} needs a package with {', '.join(missing)}.")
        return problems


RegistryKey = tuple[str, str, BackendType]

REGISTERED_MODELS: dict[RegistryKey, LazyClass | RegistryEntry] = {
    ("spriteclip", "embedding", BackendType.TORCH): LazyClass(
        "models.families.spriteclip.model", "SpriteCLIP"
    ),
}

_registered_cards: dict[RegistryKey, "ModelCard"] = {}
_announced: set[RegistryKey] = set()
_listeners: dict[object, Callable[[], Any]] = {}


def register_model(
    architecture: str,
    task_type: str,
    backend: str | BackendType,
    model_class: type | LazyClass | RegistryEntry,
    *,
    card: "ModelCard | None" = None,
) -> None:
    """Add a model class to the table, for example from a notebook cell.

    The class needs ``from_pretrained(directory, **kwargs)``, or a constructor and ``setup()``.
    Registering a key again replaces its class (a cell that is run again); the first time that
    happens it is said in a warning, later in the log of "models".

    Args:
        architecture: Name of the family. Without a card it is also the model's id, unless the
            catalogue has models of that architecture already.
        task_type: What it does, for example "embedding".
        backend: What runs it, for example "torch".
        model_class: The class, or its name as ``LazyClass``, or a ``RegistryEntry``.
        card: What the picker shows; made from the class when not given.

    Raises:
        InvalidParameterError: If the class cannot be loaded by anybody, with what it lacks.
        UnknownBackendTypeError: If there is no such backend.

    Example:
        >>> class Grey:
        ...     def setup(self): ...
        >>> register_model("grey", "embedding", "torch", Grey)
        >>> resolve_model_class("grey", "embedding", "torch") is Grey
        True
        >>> unregister_model("grey", "embedding", "torch")
    """
    from models.registered import card_for, check_class, check_name

    names = check_name("architecture", architecture), check_name("task_type", task_type)
    key = (*names, BackendType.parse(backend))
    entry = as_entry(model_class)
    if not isinstance(entry.model_class, LazyClass):
        check_class(entry.model_class)
    new_card = card_for(key, entry, card)
    replaced = REGISTERED_MODELS.get(key)
    REGISTERED_MODELS[key] = entry
    _registered_cards.pop(key, None)
    if new_card is not None:
        _registered_cards[key] = new_card
    if replaced is not None and as_entry(replaced).model_class is not entry.model_class:
        _announce(key, as_entry(replaced), entry)
    _notify()


def unregister_model(architecture: str, task_type: str, backend: str | BackendType) -> None:
    """Take a row out of the table again; a row that is not there is no error.

    Args:
        architecture: As registered.
        task_type: As registered.
        backend: As registered.
    """
    key = (architecture, task_type, BackendType.parse(backend))
    REGISTERED_MODELS.pop(key, None)
    _registered_cards.pop(key, None)
    _announced.discard(key)
    _notify()


def registered_cards() -> list["ModelCard"]:
    """Cards of the models that were registered by a call, in that order."""
    from models.registered import merge_cards

    return merge_cards(_registered_cards.values())


def on_registry_change(callback: Callable[[], Any]) -> Callable[[], None]:
    """Call something after each change of the table.

    Args:
        callback: Called without arguments, in the thread that made the change. Its errors are
            logged: they must not make a registration fail.

    Returns:
        A function that ends this; calling it twice does no harm.
    """
    token = object()
    _listeners[token] = callback

    def unsubscribe() -> None:
        """Stop calling back."""
        _listeners.pop(token, None)

    return unsubscribe


def as_entry(model_class: Any) -> RegistryEntry:
    """Read a value of the table, or a class, as an entry.

    Args:
        model_class: A class, a ``LazyClass`` or a ``RegistryEntry``.

    Returns:
        The entry; a bare class supports no package features.

    Raises:
        InvalidParameterError: If it is something else, for example an object of the class.
    """
    if isinstance(model_class, RegistryEntry):
        return model_class
    if isinstance(model_class, LazyClass | type):
        return RegistryEntry(model_class)
    raise InvalidParameterError(
        f"A model class was expected, {type(model_class).__name__} {model_class!r:.60} came.",
        next_step="Pass the class itself, not an object of it.",
    )


def implementations(architecture: str, task_type: str) -> dict[BackendType, RegistryEntry]:
    """All rows of one architecture and task.

    Args:
        architecture: Family of the network.
        task_type: What it does.

    Returns:
        Backend -> entry, in the order of the table; empty when there is none.
    """
    rows = list(REGISTERED_MODELS.items())
    return {key[2]: as_entry(value) for key, value in rows if key[:2] == (architecture, task_type)}


def resolve_model_class(
    architecture: str, task_type: str, backend: str | BackendType, model_features: Iterable[str] = ()
) -> type:
    """Import the class of one row.

    Args:
        architecture: Family of the network.
        task_type: What it does.
        backend: What runs it.
        model_features: Features of the package that it shall run.

    Returns:
        The class.

    Raises:
        ModelImplementationNotFoundError: If there is no such row, or it does not support the
            features; the message lists the backends that are there.
    """
    wanted = BackendType.parse(backend)
    rows = implementations(architecture, task_type)
    problems = rows[wanted].feature_problems(model_features) if wanted in rows else [_no_row(rows)]
    if problems:
        raise ModelImplementationNotFoundError(
            f"Nothing runs architecture {architecture!r}, task {task_type!r}, backend {wanted.value!r}: "
            + " ".join(problems),
            next_step="register_model(architecture, task_type, backend, model_class) adds a class.",
        )
    return rows[wanted].resolve()


def _no_row(rows: Iterable[BackendType]) -> str:
    """Say which backends there are instead."""
    present = ", ".join(rows)
    return f"Registered backends are {present}." if present else "No backend of it is registered."


def _announce(key: RegistryKey, old: RegistryEntry, new: RegistryEntry) -> None:
    """Say that a class was replaced: in a warning the first time, then in the log."""
    message = f"{new.class_name} now runs {'/'.join(key)} in place of {old.class_name}."
    _logger.info(message)
    if key not in _announced:
        _announced.add(key)
        warnings.warn(f"{message} Further replacements go to the log only.", UserWarning, stacklevel=3)


def _notify() -> None:
    """Tell all listeners; a broken one is logged and does not stop the others."""
    for callback in list(_listeners.values()):
        try:
            callback()
        except Exception:
            _logger.exception("A listener of the model registry failed.")

"""What stands in a row of the registry: a class by name, with the features it can deal with."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Self

from models.backends import BackendType
from models.errors import InvalidParameterError

ModelArchitecture = str
TaskType = str
RegistryKey = tuple[ModelArchitecture, TaskType, BackendType]


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

    def peek(self) -> type | None:
        """The class, if its module is loaded already; nothing is imported."""
        found = getattr(sys.modules.get(self.module_name), self.class_name, None)
        return found if isinstance(found, type) else None


@dataclass(frozen=True)
class RegistryEntry:
    """A class with the package features it can deal with.

    Args:
        model_class: The class, or its name.
        supported_model_features: Features that a package may have.
        required_model_features: Features that a package must have.

    Raises:
        InvalidParameterError: If features are one string, or the class is none.
    """

    model_class: LazyClass | type
    supported_model_features: Iterable[str] | None = None
    required_model_features: Iterable[str] | None = None

    def __post_init__(self) -> None:
        """Refuse what would only fail when a model is loaded."""
        if not isinstance(self.model_class, LazyClass | type):
            raise InvalidParameterError(
                f"A model class was expected, {type(self.model_class).__name__} "
                f"{self.model_class!r:.60} came.",
                next_step="Pass the class itself, not an object of it.",
            )
        for name in ("supported_model_features", "required_model_features"):
            if isinstance(getattr(self, name), str):
                raise InvalidParameterError(f"{name} is a set of names; {getattr(self, name)!r} came.")

    @property
    def class_name(self) -> str:
        """Name of the class, without importing it."""
        lazy = isinstance(self.model_class, LazyClass)
        return self.model_class.class_name if lazy else self.model_class.__name__

    @property
    def known_class(self) -> type | None:
        """The class, unless it is only named and its module is not loaded."""
        return self.model_class.peek() if isinstance(self.model_class, LazyClass) else self.model_class

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


def as_entry(model_class: Any) -> RegistryEntry:
    """Read a value of the table, or a class, as an entry.

    Args:
        model_class: A class, a ``LazyClass`` or a ``RegistryEntry``.

    Returns:
        The entry; a bare class supports no package features.

    Raises:
        InvalidParameterError: If it is something else, for example an object of the class.
    """
    return model_class if isinstance(model_class, RegistryEntry) else RegistryEntry(model_class)


class ModelTable(dict[RegistryKey, Any]):
    """The table's dict: rows are checked when they are written, and each change is told.

    It may be edited like any dict. A key's backend may be spelt as a string, in any case.

    Args:
        rows: What it holds at first.
        changed: Called after each change.
    """

    def __init__(self, rows: dict[RegistryKey, Any], changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed: Callable[[], None] = lambda: None
        self.update(rows)
        self._changed = changed

    def __setitem__(self, key: Any, value: Any) -> None:
        as_entry(value)
        super().__setitem__(_checked_key(key), value)
        self._changed()

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(_checked_key(key))
        self._changed()

    def __ior__(self, rows: Any) -> Self:
        self.update(rows)
        return self

    def update(self, *rows: Any, **named: Any) -> None:
        """Write many rows."""
        for key, value in dict(*rows, **named).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Write a row unless there is one."""
        if _checked_key(key) not in self:
            self[key] = default
        return self[_checked_key(key)]

    def pop(self, key: Any, *default: Any) -> Any:
        """Take a row out."""
        found = super().pop(_checked_key(key), *default)
        self._changed()
        return found

    def popitem(self) -> tuple[RegistryKey, Any]:
        """Take the last row out."""
        found = super().popitem()
        self._changed()
        return found

    def clear(self) -> None:
        """Take every row out."""
        super().clear()
        self._changed()


def _checked_key(key: Any) -> RegistryKey:
    """Read a key: architecture, task type, backend."""
    if not isinstance(key, tuple) or len(key) != 3:
        raise InvalidParameterError(
            f"A row's key is (architecture, task type, backend); {key!r} came.",
            next_step='For example ("my-model", "embedding", BackendType.TORCH).',
        )
    return check_name("architecture", key[0]), check_name("task_type", key[1]), BackendType.parse(key[2])


def check_name(what: str, value: Any) -> str:
    """Check one part of a registry key.

    Args:
        what: Which part, for the message.
        value: What came.

    Returns:
        The value.

    Raises:
        InvalidParameterError: If it is no name, or looks like a path.
    """
    if not isinstance(value, str) or not value.strip() or value[0] in "./~\\":
        raise InvalidParameterError(
            f"{what} must be a name that does not look like a path; {value!r} came.",
            next_step="For example 'my-model'.",
        )
    return value

"""Packages whose public names are imported when they are first used (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(
    package: str, exports: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and ``__dir__`` of a package that imports nothing until it is asked.

    Args:
        package: The package's ``__name__``.
        exports: Public name -> module that defines it.

    Returns:
        The two functions, to be assigned at the package's top level. ``__getattr__`` raises
        AttributeError for any other name, and says which there are.

    Example:
        >>> import models
        >>> models.BackendType.__module__
        'models.backends'
    """

    def getter(name: str) -> Any:
        """Import a public name on first use and keep it."""
        if name not in exports:
            known = ", ".join(sorted(exports))
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {known}")
        value = getattr(import_module(exports[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def lister() -> list[str]:
        """List the public names without importing them."""
        return sorted(exports)

    return getter, lister

"""A revision for classes that state none: a hash of their own code.

Somebody edits a model in a notebook cell and runs it again. If its vectors kept their old
embedding space, a store would hand out the vectors of the old code. So an unversioned class is
known by what its methods do. Code that it calls elsewhere, and weights, are not part of it:
a class with weights states its own ``revision``.
"""

import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

_NOT_THEIRS = frozenset({"models", "torch", "abc", "builtins", "typing", "collections"})
_PLAIN = (str, bytes, int, float, bool, tuple, type(None))
_SPECIAL = frozenset({"__init__", "__post_init__", "__call__"})


def class_revision(model_class: type) -> str:
    """Name the code of a class.

    Args:
        model_class: Class of a model that states no revision.

    Returns:
        "code-" and 12 hex digits: the same for the same code and Python version, other after
        an edit of a method or a constant of the class.

    Example:
        >>> class A:
        ...     def f(self):
        ...         return 1
        >>> class B:
        ...     def f(self):
        ...         return 2
        >>> class_revision(A) == class_revision(A), class_revision(A) == class_revision(B)
        (True, False)
    """
    digest = hashlib.sha256()
    for part in _class_parts(model_class):
        digest.update(repr(part).encode())
    return f"code-{digest.hexdigest()[:12]}"


def _class_parts(model_class: type) -> Iterator[Any]:
    """Everything a class and its bases of the same author say, in a fixed order."""
    for base in reversed(model_class.__mro__):
        if base.__module__.partition(".")[0] in _NOT_THEIRS:
            continue
        for name, value in sorted(vars(base).items()):
            if not name.startswith("__") or name in _SPECIAL:
                yield name, *_value_parts(value)


def _value_parts(value: Any) -> Iterator[Any]:
    """What one attribute says: code of functions, value of plain constants."""
    value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if isinstance(value, FunctionType):
        yield from _code_parts(value.__code__)
        yield from (default for default in value.__defaults__ or () if isinstance(default, _PLAIN))
    elif isinstance(value, _PLAIN):
        yield value


def _code_parts(code: CodeType) -> Iterator[Any]:
    """What a code object does, without where it stands."""
    yield code.co_code
    yield code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)

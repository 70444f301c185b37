"""What a model holds in memory, and through which name: tensors, arrays and engines.

The walk starts at what the model's own code can reach: its attributes, its classes' attributes,
the closures of its methods and the globals that they name. So a network kept in a module-level
cache is seen, and somebody else's network in the same notebook is not.
"""

import functools
import gc
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

_FOREIGN = (
    "abc",
    "typing",
    "torch",
    "transformers",
    "collections",
    "models.base",
    "models.interface",
)
_LEAVES = (str, bytes, int, float, complex, bool, type, type(None), types.ModuleType, types.FrameType)
_ENGINES = ("onnxruntime", "openvino")
_MOST_OBJECTS = 500_000
_BEHIND = {  # wrapper -> its attribute that holds the function
    property: "fget",
    classmethod: "__func__",
    staticmethod: "__func__",
    types.MethodType: "__func__",
    functools.cached_property: "func",
    functools.partial: "func",
    type(functools.cache(len)): "__wrapped__",
}


def held(model: Any) -> dict[int, tuple[Any, str]]:
    """Find every tensor, array and engine that a model can reach.

    Args:
        model: Any object.

    Returns:
        Id of the object -> the object and the name that leads to it, for example
        "self.spare", "MyModel.cache" or "the global NETWORKS".
    """
    return {id(value): (value, label) for value, label in _reachable(model) if is_weight(value)}


def networks(model: Any) -> list[Any]:
    """Find the torch modules that a model can reach, each once, outer ones first.

    Args:
        model: Any object.

    Returns:
        The modules; empty when torch was never imported.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    return [value for value, _ in _reachable(model) if isinstance(value, torch.nn.Module)]


def _reachable(model: Any) -> Iterator[tuple[Any, str]]:
    """Every object that the model's own code can reach, nearest first, with the name it is reached by."""
    torch = sys.modules.get("torch")
    seen: set[int] = set()
    queue = deque(_roots(model))
    if torch is not None and isinstance(model, torch.nn.Module):
        yield model, "self"
    while queue and len(seen) < _MOST_OBJECTS:
        value, label = queue.popleft()
        if id(value) in seen or value is model or isinstance(value, _LEAVES):
            continue
        seen.add(id(value))
        yield value, label
        if not is_weight(value):
            queue.extend((child, label) for child in _children(value))


def is_weight(value: Any) -> bool:
    """Tell whether something is a tensor, an array of numbers, or an engine with weights of its own."""
    if isinstance(value, np.ndarray):
        return value.dtype != object
    torch = sys.modules.get("torch")
    return (torch is not None and isinstance(value, torch.Tensor)) or _is_engine(value)


def weight_bytes(value: Any) -> int:
    """Size in bytes; 0 for an engine, which does not say."""
    return 0 if _is_engine(value) else int(value.nbytes)


def _is_engine(value: Any) -> bool:
    """Tell whether something is a session of onnxruntime or a compiled model of OpenVINO."""
    kind = type(value)
    return kind.__module__.partition(".")[0] in _ENGINES and kind.__name__ in (
        "InferenceSession",
        "CompiledModel",
        "InferRequest",
    )


def _roots(model: Any) -> Iterator[tuple[Any, str]]:
    """What the model's own code can reach, each with its name."""
    for name, value in getattr(model, "__dict__", {}).items():
        yield value, f"self.{name}"
    functions: list[tuple[str, Any]] = []
    for kind in type(model).__mro__:
        if kind is object or kind.__module__.startswith(_FOREIGN):
            continue
        for name in getattr(kind, "__slots__", ()):
            with suppress(AttributeError):
                yield getattr(model, name), f"self.{name}"
        for name, value in list(vars(kind).items()):
            function = _function_of(value)
            if function is not None:
                functions.append((name, function))
            if not isinstance(value, types.FunctionType | property):
                yield value, f"{kind.__name__}.{name}"
    yield from _reached_by(functions)


def _reached_by(functions: list[tuple[str, Any]]) -> Iterator[tuple[Any, str]]:
    """What functions reach through closures, defaults and globals, and so on through those."""
    seen: set[int] = set()
    while functions:
        name, function = functions.pop()
        if id(function) in seen or (function.__module__ or "").startswith(_FOREIGN):
            continue
        seen.add(id(function))
        for value in _closure(function):
            inner = _function_of(value)  # the method itself, behind a decorator
            if inner is not None:
                functions.append((name, inner))
            yield value, f"a closure of {name}()"
        for used in _names_in(function.__code__) & function.__globals__.keys():
            value = function.__globals__[used]
            inner = _function_of(value)
            if inner is not None:
                functions.append((used, inner))
            if not isinstance(value, types.FunctionType):
                yield value, f"the global {used}"


def _names_in(code: types.CodeType) -> set[str]:
    """Global names that a piece of code and the functions inside it use."""
    inner = (_names_in(part) for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*inner)


def _function_of(value: Any) -> Any:
    """The plain function behind a method, property, cache or wrapper; None if there is none."""
    if isinstance(value, types.FunctionType):
        return value
    name = next((name for kind, name in _BEHIND.items() if isinstance(value, kind)), "")
    inner = getattr(value, name) if name else None
    return inner if isinstance(inner, types.FunctionType) else None


def _closure(function: Callable[..., Any]) -> Iterator[Any]:
    """Values that a function keeps: its closure, its defaults, its attributes."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):
            yield cell.cell_contents
    yield from getattr(function, "__defaults__", None) or ()
    yield from (getattr(function, "__kwdefaults__", None) or {}).values()
    yield from vars(function).values()


def _children(value: Any) -> Iterator[Any]:
    """What an object refers to; of a function only what it keeps, not its module's globals."""
    if isinstance(value, types.FunctionType):
        yield from _closure(value)
        return
    if isinstance(value, np.ndarray):
        yield from value.flat
        return
    yield from gc.get_referents(value)

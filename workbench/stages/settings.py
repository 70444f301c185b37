"""What a stage was made with, as text that two runs can compare."""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np

from models.vectors import EmbeddingSpace
from workbench.engine.adapter import is_model
from workbench.stages.base import ProcessingStage

__all__ = ["stage_settings"]

# How fast a stage runs and what it is called; the rest decides what comes out.
_NO_MATTER = {"name", "resources", "batch_size", "num_workers", "device", "model_inference_batch_size"}
_LONGEST = 200


def stage_settings(stage: ProcessingStage[Any, Any]) -> dict[str, str]:
    """Write down what a stage was made with.

    Args:
        stage: The stage. What begins with ``_`` does not count, nor what only changes how fast it runs.

    Returns:
        Its class and its options; a long one as a digest, a model as its id and revision, a function as a
        digest of its code.

    Example:
        >>> from workbench.stages import DecodeStage
        >>> stage_settings(DecodeStage(num_frames=4))
        {'class': 'DecodeStage', 'num_frames': '4'}
    """
    own = {key: value for key, value in vars(stage).items() if not key.startswith("_")}
    own["function"] = getattr(stage, "_function", None)
    texts = {key: _shortened(json.dumps(_plain(value))) for key, value in sorted(own.items())}
    kept = {key: text for key, text in texts.items() if key not in _NO_MATTER and own[key] is not None}
    return {"class": type(stage).__qualname__, **kept}


def _plain(value: Any) -> Any:
    """Anything as what JSON can hold, the same in every process."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return _digest(value.tobytes())
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(str(one) for one in value)
    return _named(value)


def _named(value: Any) -> str:
    """Name an object by its path, its model or its code; else by its class."""
    if is_model(value):
        space = EmbeddingSpace.of(value)
        return f"{space.model_id} {space.revision}".strip()
    if isinstance(value, partial):
        return f"{_named(value.func)} {_digest(repr((_plain(value.args), _plain(value.keywords))).encode())}"
    function = getattr(value, "__func__", value)  # of a method
    if isinstance(function, FunctionType):
        return f"{function.__qualname__} {_digest(repr(_made_of(function)).encode())}"
    path = value if isinstance(value, Path) else getattr(value, "path", None)
    return str(path) if isinstance(path, str | Path) else type(value).__qualname__


def _made_of(function: FunctionType, outer: tuple[FunctionType, ...] = ()) -> tuple[Any, ...]:
    """What a function does: its code, what it has for arguments that do not come, what it closes over."""
    closed = [_held(cell, (*outer, function)) for cell in function.__closure__ or ()]
    return (
        _instructions(function.__code__),
        _plain(function.__defaults__),
        _plain(function.__kwdefaults__),
        closed,
    )


def _held(cell: CellType, outer: tuple[FunctionType, ...]) -> Any:
    """What a cell of a closure holds; lists and the like are what a function notes as it runs."""
    try:
        held = cell.cell_contents
    except ValueError:  # it is not filled yet
        return None
    held = getattr(held, "__func__", held)
    if isinstance(held, FunctionType):
        return held.__qualname__ if held in outer else _made_of(held, outer)  # it may call itself
    return None if isinstance(held, list | dict | set) else _plain(held)


def _instructions(code: CodeType) -> tuple[Any, ...]:
    """Instructions, names and constants of code and of the code within it, without where it stands."""
    constants = [
        _instructions(one) if isinstance(one, CodeType) else _constant(one) for one in code.co_consts
    ]
    return code.co_code, code.co_names, constants


def _constant(value: Any) -> str:
    """A constant as text that is the same in every process: sets have no order of their own."""
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _shortened(text: str) -> str:
    """Keep a text readable in a message."""
    return text if len(text) <= _LONGEST else f"{text[:40]}... {_digest(text.encode())}"


def _digest(content: bytes) -> str:
    """A short name for bytes."""
    return hashlib.sha256(content).hexdigest()[:16]

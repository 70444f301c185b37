"""What a stage was made with, as text that two runs can compare."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.vectors import EmbeddingSpace
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
    if callable(getattr(value, "embed_images", None)) or callable(getattr(value, "embed_videos", None)):
        space = EmbeddingSpace.of(value)
        return f"{space.model_id} {space.revision}".strip()
    code = getattr(value, "__code__", None)
    if code is not None:
        constants = [one for one in code.co_consts if isinstance(one, str | bytes | int | float)]
        return f"{value.__qualname__} {_digest(code.co_code + repr((constants, code.co_names)).encode())}"
    path = value if isinstance(value, Path) else getattr(value, "path", None)
    return str(path) if isinstance(path, str | Path) else type(value).__qualname__


def _shortened(text: str) -> str:
    """Keep a text readable in a message."""
    return text if len(text) <= _LONGEST else f"{text[:40]}... {_digest(text.encode())}"


def _digest(content: bytes) -> str:
    """A short name for bytes."""
    return hashlib.sha256(content).hexdigest()[:16]

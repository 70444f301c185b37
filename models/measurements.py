"""What was measured on this machine, remembered: which kernel, number format or backend is faster here.

One small JSON file in the user's cache folder. It only saves time: a file that is missing, damaged
or cannot be written means that things are measured again, never that something fails.
"""

import json
import logging
import threading
from pathlib import Path
from typing import Any

from models import probes
from models.atomic import write_whole
from models.json_text import read_json
from models.user_cache import in_user_cache

__all__ = ["MEASUREMENTS_ENV", "computing_on", "measurements_path", "recall", "remember"]

MEASUREMENTS_ENV = "EMBEDDING_WORKBENCH_MEASUREMENTS"
MOST_ENTRIES = 1000  # the oldest go first
_MOST_BYTES = 4 << 20  # a larger file is not ours
_SEPARATOR = " | "
_logger = logging.getLogger("models")
_lock = threading.Lock()
_unwritten: dict[tuple[str, str], Any] = {}  # what the file did not take, for this process


def measurements_path() -> Path:
    """File of the measurements: the variable EMBEDDING_WORKBENCH_MEASUREMENTS, else in the user's cache."""
    return in_user_cache(MEASUREMENTS_ENV, "measurements.json")


def computing_on(device: str) -> tuple[str, ...]:
    """Name what a measurement holds for: the device, the name of the part, the version of torch.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps".

    Returns:
        Parts of a key for ``recall`` and ``remember``. Imports no torch for the processor.
    """
    wanted = f"{device}:0" if device == "cuda" else device
    found = next((one.name for one in probes.devices() if one.id == wanted), "") if device != "cpu" else ""
    torch = dict(probes.libraries()).get("torch", "")
    return (device, found or probes.processor(), f"torch {torch}")


def recall(*key: str) -> Any:
    """Look up what was measured.

    Args:
        *key: What was measured, and where.

    Returns:
        The value; None when it was not measured yet.
    """
    path, name = measurements_path(), _SEPARATOR.join(key)
    found = _read(path).get(name)
    return _unwritten.get((str(path), name)) if found is None else found


def remember(value: Any, *key: str) -> None:
    """Keep what was measured.

    Two processes may do this at once: the file stays whole; at worst one of them measures again.

    Args:
        value: Anything that JSON can hold.
        *key: What was measured, and where.

    Example:
        >>> remember(1.5, "an example", "cpu")
        >>> recall("an example", "cpu")
        1.5
    """
    path, name = measurements_path(), _SEPARATOR.join(key)
    with _lock:
        known = _read(path)
        known.pop(name, None)
        kept = dict(list(known.items())[1 - MOST_ENTRIES :]) | {name: value}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(kept, indent=1) + "\n")
        except OSError as error:
            _logger.info("Measurements cannot be kept in %s: %s", path, error)
            _unwritten[str(path), name] = value


def _read(path: Path) -> dict[str, Any]:
    """Everything that is remembered; nothing when the file is missing or no file of ours."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

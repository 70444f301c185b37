"""The folder of a store: what lies where, which spaces there are, who may write."""

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.json_text import read_json
from models.vectors import EmbeddingSpace
from workbench.errors import StoreError
from workbench.files import write_atomically

__all__ = [
    "SCHEMA_VERSION",
    "check_folder",
    "describe_space",
    "list_spaces",
    "write_lock",
]

# 2: captions, 3: copies; a store of an older format is read as it is, and migrated when it is written to.
SCHEMA_VERSION = 3
LOCK_TIMEOUT_S = 60.0
_SETTINGS, _LOCK = "store.json", ".lock"


def check_folder(path: Path) -> None:
    """Refuse a folder that is something else, or of a newer version.

    Raises:
        StoreError: If it is; the message says what it is.
    """
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file; a store is a folder.")
    if (path / _SETTINGS).is_file():
        version = _version(path)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise StoreError(
                f"The store {path} has format {version!r}; this version reads up to {SCHEMA_VERSION}.",
                next_step="Update the workbench.",
            )
        return
    strange = path.is_dir() and any(not one.name.startswith(".") for one in path.iterdir())
    if strange and not (path / "tables").is_dir() and not (path / "runs").is_dir():
        raise StoreError(
            f"{path} is no store: it holds other things.",
            next_step="Name the folder of a store; a new one is made in a folder that is empty or not there.",
        )


def _version(path: Path) -> Any:
    """Read the format of a store."""
    try:
        return read_json(path / _SETTINGS)["schema"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _unreadable(path / _SETTINGS, error, "Put a copy of it back.") from error


def _unreadable(path: Path, error: object, next_step: str) -> StoreError:
    """Say that a file of the store is damaged."""
    return StoreError(f"{path} cannot be read: {error}.", next_step=next_step)


def describe_space(path: Path, space: EmbeddingSpace, dim: int) -> None:
    """Write down what a table holds, once, and the format of the store before any of its tables has it."""
    if not (path / _SETTINGS).is_file() or _version(path) != SCHEMA_VERSION:
        write_atomically(path / _SETTINGS, json.dumps({"schema": SCHEMA_VERSION}))
    target = path / "spaces" / f"{space.key}.json"
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    created = dt.datetime.now(dt.UTC).isoformat()
    write_atomically(target, json.dumps({"space": asdict(space), "dim": dim, "created": created}, indent=1))


def list_spaces(path: Path) -> list[EmbeddingSpace]:
    """The embedding spaces of a store, in order of creation.

    Raises:
        StoreError: If the description of one cannot be read; the message names the file.
    """
    found = [_described(one) for one in (path / "spaces").glob("*.json")]
    return [space for _, space in sorted(found, key=lambda one: one[0])]


def _described(path: Path) -> tuple[str, EmbeddingSpace]:
    """Read when a space came to be, and which it is."""
    step = "Put a copy of it back; or remove it and embed a clip with that model: the vectors are kept."
    try:
        facts = read_json(path)
        created, space = str(facts["created"]), EmbeddingSpace(**facts["space"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _unreadable(path, error, step) from error
    if space.key != path.stem:
        raise _unreadable(path, "it describes another space", step)
    return created, space


def write_lock(path: Path) -> Any:
    """Let one process write at a time; the lock goes with a process that is killed."""
    from filelock import FileLock

    path.mkdir(parents=True, exist_ok=True)
    return FileLock(path / _LOCK, timeout=LOCK_TIMEOUT_S)

"""Where vectors come from: written once per run, found by its hash for ever."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.json_text import read_json
from workbench.files import write_atomically

__all__ = ["is_run", "read_provenance", "save_provenance"]

_logger = logging.getLogger(__name__)

_RUN = re.compile(r"[0-9a-f]{16}")


def save_provenance(folder: Path, facts: Mapping[str, Any]) -> str:
    """Keep the facts of a run; the same facts are kept once.

    Args:
        folder: Where to; made when missing.
        facts: Anything that JSON can hold: model, revision, device, dtype, versions, time.

    Returns:
        16 hex digits that name the run.
    """
    text = json.dumps(facts, sort_keys=True, indent=1, default=str)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = folder / f"{name}.json"
    if not path.is_file() or path.read_bytes() != text.encode():  # missing, or damaged since
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    return name


def read_provenance(folder: Path, name: str) -> dict[str, Any]:
    """Read the facts of a run; empty when nothing is known of it, or it is no name of a run."""
    path = folder / f"{name}.json"
    if not (name and is_run(name) and path.is_file()):
        return {}
    try:
        return dict(read_json(path))
    except (ValueError, TypeError) as error:  # the vectors are as good without
        _logger.warning("What made some vectors is not known: %s cannot be read: %s", path, error)
        return {}


def is_run(name: str | None) -> bool:
    """Whether this can be the name of a run; a row of which nothing is known has none.

    Example:
        >>> is_run("0123456789abcdef"), is_run(""), is_run("../../secret")
        (True, True, False)
    """
    return not name or _RUN.fullmatch(name) is not None

"""Read JSON from a file that anybody may have written: what is none is one kind of error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["parse_json", "read_json"]


def parse_json(text: str | bytes, *, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse a text as JSON.

    Args:
        text: The text; bytes are UTF-8.
        pairs: Makes an object of its names and values; a ``dict`` when None.

    Returns:
        The value.

    Raises:
        ValueError: If it is no JSON, or nested deeper than Python can follow.

    Example:
        >>> parse_json('{"dim": 512}')
        {'dim': 512}
        >>> parse_json("[" * 100_000)
        Traceback (most recent call last):
        ...
        ValueError: it is nested too deep
    """
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError:  # which nobody expects of a reader
        raise ValueError("it is nested too deep") from None


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Args:
        path: The file, in UTF-8.

    Returns:
        The value.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON, or nested deeper than Python can follow.

    Example:
        >>> path = Path("facts.json")
        >>> path.write_text('["a", 1]')
        8
        >>> read_json(path)
        ['a', 1]
    """
    return parse_json(path.read_text(encoding="utf-8"))

"""Where files lie that only save time, or can be fetched again: the user's cache folder."""

import os
from pathlib import Path

__all__ = ["in_user_cache"]


def in_user_cache(variable: str, name: str) -> Path:
    """Say where something is kept, whether it is there or not.

    Args:
        variable: The environment variable with which users choose the place themselves.
        name: What it is called in the cache folder.

    Returns:
        What the variable says, else ``embedding-workbench/<name>`` in the user's cache folder.

    Example:
        >>> in_user_cache("NO_SUCH_VARIABLE", "models").parent.name
        'embedding-workbench'
    """
    if os.environ.get(variable):
        return Path(os.environ[variable]).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "embedding-workbench" / name

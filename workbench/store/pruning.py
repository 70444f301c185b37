"""Rows whose file is no longer there, or holds something else by now."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import MediaError
from workbench.store.renames import copies_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["stale_rows"]

_CONTENT = re.compile(r"([0-9a-f]{32})(@|$)")  # ids of clips that are known by their content


def stale_rows(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Find rows that say something of a file that is no longer true.

    Args:
        rows: What is known of the rows: columns id, key, path, copies.

    Returns:
        Columns id, key, path, why: "gone", or "changed" when the file has another content; a row that names
        no file is none of them, nor one of whose content a copy is there.
    """
    contents = {path: _content_of(path) for path in rows["path"].unique() if path}
    known = rows["id"].str.extract(_CONTENT)[0]
    why = [
        _why(contents[path], content) if path else ""
        for path, content in zip(rows["path"], known, strict=True)
    ]
    why = [
        "" if reason and any(_content_of(path) == content for path in copies_of(copies)) else reason
        for reason, content, copies in zip(why, known, rows["copies"], strict=True)
    ]
    found = rows[["id", "key", "path"]].assign(why=why)
    return found[found["why"] != ""].reset_index(drop=True)


def _content_of(path: str) -> str:
    """The content id of a file; "" when it is gone."""
    from workbench.media.headers import content_id

    try:
        return content_id(Path(path))
    except (MediaError, OSError):
        return ""


def _why(now: str, content: object) -> str:
    """Why a row is stale; "" when it is not, or nobody can tell."""
    if not now:
        return "gone"
    return "changed" if isinstance(content, str) and content != now else ""

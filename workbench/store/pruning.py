"""Rows whose file is no longer there, or holds something else by now."""

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.store.renames import Names, content_at, content_part, copies_of, copies_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["stale_rows"]


def stale_rows(rows: "pd.DataFrame") -> "tuple[pd.DataFrame, dict[str, Names]]":
    """Find rows that say something of a file that is no longer true.

    Args:
        rows: What is known of the rows: columns id, key, path, caption, copies.

    Returns:
        Columns id, key, path, why: "gone", or "changed" when the file has another content; a row that names
        no file is none of them. And, by id, what rows shall say of whose content a copy is there.
    """
    contents = {path: content_at(path) for path in rows["path"].unique() if path}
    reasons, moved = [], {}
    for row in rows.to_dict("records"):
        content, now = content_part(row["id"]), contents.get(row["path"], "")
        is_right = not row["path"] or (now and now == (content or now))
        copies = (
            [] if is_right else [path for path in copies_of(row["copies"]) if content_at(path) == content]
        )
        reasons.append("" if is_right or copies else "changed" if now else "gone")
        if copies:
            key = Path(copies[0]).name if row["path"].endswith(row["key"]) else row["key"]
            moved[row["id"]] = Names(key, copies[0], row["caption"], copies_text(copies[1:]))
    found = rows[["id", "key", "path"]].assign(why=reasons)
    return found[found["why"] != ""].reset_index(drop=True), moved

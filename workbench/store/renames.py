"""Clips that are in a store under another name than they have now: their rows follow, their vectors stay."""

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.engine.clip_ids import stored_id
from workbench.store.tables import storable_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from workbench.media.clips import Clip
    from workbench.store.snapshot import Snapshot

__all__ = ["outdated", "with_names"]


def outdated(snapshot: "Snapshot", clips: "Sequence[Clip]") -> "dict[str, Clip]":
    """Find the clips whose row says something else of them than they do.

    A row whose file is still there keeps its name: the clip is a copy of it then. A caption that a clip has
    not does not take away the one that somebody gave before.

    Args:
        snapshot: The rows.
        clips: Clips, in the store or not.

    Returns:
        Those to write down anew, by id.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    by_id = {stored_id(clip): clip for clip in reversed(list(clips))}
    ids = snapshot.rows["id"].combine_chunks()
    places = pc.index_in(pa.array(by_id, pa.string()), value_set=ids)  # ty: ignore[missing-attribute]  (made on import)
    rows = snapshot.rows.select(["path", "caption"]).take(places).to_pylist()
    return {
        name: clip
        for (name, clip), row in zip(by_id.items(), rows, strict=True)
        if row["path"] is not None and _differs(clip, row["path"], row["caption"])
    }


def with_names(rows: "pa.Table", clips: "dict[str, Clip]") -> "pa.Table":
    """Give rows the names that their clips have now.

    Args:
        rows: Rows of a table, all columns.
        clips: A clip for each of them, by id.
    """
    import pyarrow as pa

    given = [clips[name] for name in rows["id"].to_pylist()]
    captions = [clip.caption or old for clip, old in zip(given, rows["caption"].to_pylist(), strict=True)]
    names = {"key": [clip.key for clip in given], "path": [storable_path(clip.path) for clip in given]}
    for column, values in (names | {"caption": captions}).items():
        place = rows.column_names.index(column)
        rows = rows.set_column(place, rows.schema.field(column), pa.array(values, pa.string()))
    return rows


def _differs(clip: "Clip", path: str, caption: str) -> bool:
    """Whether a row is to be written anew."""
    if Path(path) == Path(storable_path(clip.path)):
        return bool(clip.caption) and clip.caption != caption
    return not Path(path).exists()

"""What files the rows of a store stand for: clips that moved, copies, captions that came later.

A row is known by its content, so one vector stands for all files that hold it. One of them gives it its name.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from models.json_text import parse_json
from workbench.engine.clip_ids import stored_id
from workbench.errors import MediaError
from workbench.store.tables import storable, storable_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from workbench.media.clips import Clip
    from workbench.store.snapshot import Snapshot

__all__ = [
    "Names",
    "content_at",
    "content_part",
    "copies_of",
    "copies_text",
    "merged",
    "outdated",
    "with_names",
]

_CONTENT = re.compile(r"([0-9a-f]{32})(?:@|$)")  # ids of clips that are known by their content


class Names(NamedTuple):
    """What a row says of the files that it stands for.

    Args:
        key: Name of the clip.
        path: The file that gives it.
        caption: What somebody wrote of it.
        copies: Other files of the same content: a JSON list, or "" for none.
    """

    key: str
    path: str
    caption: str
    copies: str


def copies_of(text: str) -> list[str]:
    """Read the column ``copies``; what is no list of texts names none.

    Example:
        >>> copies_of('["/films/b.mp4"]'), copies_of("")
        (['/films/b.mp4'], [])
    """
    try:
        found = parse_json(text) if text else []
    except ValueError:
        return []
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []


def copies_text(paths: "Sequence[str]") -> str:
    """Write the column ``copies``, as `copies_of` reads it."""
    return json.dumps(list(paths)) if paths else ""


def outdated(snapshot: "Snapshot", clips: "Iterable[Clip]") -> dict[str, Names]:
    """Find the rows that say something else of their clips than these do.

    A row whose file is still there keeps its name: other files are copies of it then. A caption that a clip
    has not does not take away the one that somebody gave before.

    Args:
        snapshot: The rows.
        clips: Clips, in the store or not.

    Returns:
        What is to be written, by id.
    """
    by_id: dict[str, list[Clip]] = {}
    holds: dict[str, str] = {}  # what each file was seen to hold
    for clip in clips:
        name = stored_id(clip)
        by_id.setdefault(name, []).append(clip)
        holds[storable_path(clip.path)] = content_part(name)
    places = snapshot.places_of(list(by_id))
    stored = [name for name, place in zip(by_id, places, strict=True) if place >= 0]
    rows = snapshot.rows.select(list(Names._fields)).take(places[places >= 0]).to_pylist()
    found = {}
    for name, row in zip(stored, rows, strict=True):
        before = Names(**row)
        now = _names_now(before, by_id[name], holds, name)
        if now != before:
            found[name] = now
    return found


def with_names(rows: "pa.Table", names: dict[str, Names]) -> "pa.Table":
    """Give rows other names.

    Args:
        rows: Rows of a table, all columns.
        names: What each of them shall say, by id.
    """
    import pyarrow as pa

    given = [names[name] for name in rows["id"].to_pylist()]
    if not given:
        return rows
    for field, values in zip(Names._fields, zip(*given, strict=True), strict=True):
        place = rows.column_names.index(field)
        rows = rows.set_column(place, rows.schema.field(field), pa.array(values, pa.string()))
    return rows


def content_at(path: str) -> str:
    """The content id of a file, or of a member of an archive; "" when it is gone."""
    from workbench.media.headers import content_id

    try:
        return content_id(Path(path))
    except (MediaError, OSError):
        return ""


def content_part(name: str) -> str:
    """The content id that a row is known by; "" for a row that is known by something else.

    Example:
        >>> content_part("0123456789abcdef0123456789abcdef@0-1000"), content_part("by hand")
        ('0123456789abcdef0123456789abcdef', '')
    """
    found = _CONTENT.match(name)
    return found[1] if found else ""


def merged(rows: "pa.Table", known: "pa.Table", clips: "Sequence[Clip]") -> "pa.Table":
    """Keep what older rows say of captions and copies when rows take their place.

    Args:
        rows: The new rows.
        known: Those that are there of the same ids; columns id, key, path, caption, copies.
        clips: The clip of each new row.
    """
    before = {row.pop("id"): Names(**row) for row in known.to_pylist()}
    new = rows.select(["id", *Names._fields]).to_pylist()
    names = {row.pop("id"): Names(**row) for row in new}
    for (name, its), clip in zip(names.items(), clips, strict=True):
        if name in before:
            names[name] = _names_now(before[name], [clip], {its.path: content_part(name)}, name)
    return with_names(rows, names)


def _names_now(before: Names, clips: "Sequence[Clip]", seen: dict[str, str], name: str) -> Names:
    """What a row shall say, of which these clips were seen just now, and of files what they hold."""
    content = content_part(name)

    def holds(path: str) -> bool:
        now = seen[path] if path in seen else content_at(path)
        return now == content if content else bool(now)

    by_path = {storable_path(clip.path): clip for clip in reversed(clips)}
    known = filter(None, (before.path, *copies_of(before.copies)))
    there = [path for path in dict.fromkeys(known) if path in by_path or holds(path)]
    there += [path for path in reversed(by_path) if path not in there]
    path, *copies = there
    clip = by_path.get(path)
    moved = clip is not None and path != before.path
    return Names(
        key=storable(clip.key) if clip is not None and moved else before.key,
        path=path,
        caption=storable(clip.caption) if clip is not None and clip.caption else before.caption,
        copies=copies_text(copies),
    )

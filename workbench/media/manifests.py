"""Manifests: a table in a file with one clip a row. A bad row is an outcome, never the end of the rest."""

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from models.json_text import parse_json
from workbench.errors import MediaError, UnsupportedMediaError
from workbench.media.files import check_readable
from workbench.media.names import display_name, one_line, safe_text, shortened
from workbench.media.outcome import SourceError
from workbench.media.walk import Found, Wanted

__all__ = ["MANIFEST_ENDINGS", "read_manifest"]

MAX_LINE_BYTES = 1 << 20
MAX_JSON_BYTES = 256 << 20
MAX_COLUMN_BYTES = 1 << 30  # of one row group, unpacked
MOST_UNPACKED = 100  # times its size; paths and captions shrink well in Parquet
_COLUMNS = ("path", "start_s", "stop_s", "caption", "text", "key", "id")
_KEY_CHARS = 300


def read_manifest(path: Path) -> Found:
    """Read a manifest.

    A row has a ``path``, and if wanted ``start_s``, ``stop_s``, ``caption`` (or ``text``) and ``key``
    (or ``id``). Other columns are left alone.

    Args:
        path: A .csv, .tsv, .json (a list), .jsonl, .parquet or .txt file (a path a line, # for remarks).
            Paths in it are relative to its folder.

    Returns:
        The clips to read; bad rows in ``broken``, each with its number and reason.

    Raises:
        MediaError: If the file as a whole is no manifest: no ``path`` column, damaged, not there.
    """
    check_readable(path)
    unit = "row" if path.suffix.lower() in {".json", ".parquet"} else "line"
    found = Found()
    try:
        for number, row in _READERS[path.suffix.lower()](path):
            listed = f"{safe_text(str(path))}, {unit} {number}"
            try:
                found.files.append(_wanted(row, path.absolute().parent, listed))
            except ValueError as error:
                found.broken.append(SourceError(listed, str(error)))
    except MediaError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise UnsupportedMediaError(f"Cannot read {display_name(path)} to its end: {reason}.") from error
    return found


def _wanted(row: Any, folder: Path, listed: str) -> Wanted:
    """Turn a row into a clip to read; a ValueError says what is wrong with it."""
    if isinstance(row, ValueError):
        raise row
    cells = {"path": row} if isinstance(row, str) else row
    if not isinstance(cells, Mapping):
        raise ValueError(f"It is a {type(row).__name__}; a row has names and values.")  # noqa: TRY004 - data
    name = cells.get("path")
    if not isinstance(name, str) or not name.strip():
        raise ValueError("It has no path.")
    if "\0" in name or _half_a_character(name):
        raise ValueError("A path cannot hold a zero byte or half a character.")
    path = folder / name.strip()
    key = _text(cells, "key", "id") or safe_text(name.strip())
    return Wanted(
        path,
        shortened(one_line(key), _KEY_CHARS),
        _seconds(cells, "start_s"),
        _seconds(cells, "stop_s"),
        _text(cells, "caption", "text"),
        listed,
    )


def _half_a_character(name: str) -> bool:
    """Tell whether a name cannot be that of a file."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return True
    return False


def _text(cells: Mapping[str, Any], *names: str) -> str:
    """Return the first of some cells that is filled."""
    filled = (cells[name] for name in names if cells.get(name) not in (None, ""))
    return one_line(str(next(filled, "")))


def _seconds(cells: Mapping[str, Any], name: str) -> float | None:
    """Read a moment; an empty cell is none."""
    value = cells.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if isinstance(value, float) and math.isnan(value):
        return None  # how tables write an empty cell
    if not math.isfinite(seconds) or seconds < 0 or isinstance(value, bool):
        raise ValueError(f"{name} is {shortened(safe_text(repr(value)), 60)}; it is a number of seconds.")
    return seconds


def _from_csv(path: Path) -> Iterator[tuple[int, Any]]:
    """Read a table with a head line; commas, semicolons or tabs between its cells."""
    with path.open("rb") as file:
        lines = _Lines(file)
        texts = iter(lines)
        head = next(texts, "")
        if not isinstance(head, str):
            raise UnsupportedMediaError(f"{display_name(path)}: its first line is too long.")
        delimiter = max(",;\t", key=head.count)
        columns = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
        _check_columns(path, columns)
        reader = csv.reader(map(_kept, texts), delimiter=delimiter)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, ValueError) as error:
                yield lines.number, ValueError(f"It cannot be read: {error}.")
                continue
            if cells:
                yield lines.number, dict(zip(columns, cells, strict=False))


def _from_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Read one path a line."""
    with path.open("rb") as file:
        lines = _Lines(file)
        for line in lines:
            if not isinstance(line, str) or (line.strip() and not line.lstrip().startswith("#")):
                yield lines.number, line


def _from_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Read one JSON record a line."""
    with path.open("rb") as file:
        lines = _Lines(file)
        for line in lines:
            if not isinstance(line, str):
                yield lines.number, line
            elif line.strip():
                yield lines.number, _parsed(line)


def _from_json(path: Path) -> Iterator[tuple[int, Any]]:
    """Read a list of records."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise UnsupportedMediaError(
            f"{display_name(path)} is longer than {MAX_JSON_BYTES >> 20} MB.",
            next_step="Write one record a line into a .jsonl file; it may have any length.",
        )
    records = _parsed(path.read_text("utf-8-sig", "surrogateescape"))
    if isinstance(records, ValueError):
        raise UnsupportedMediaError(f"{display_name(path)}: {records}")
    if not isinstance(records, list):
        raise UnsupportedMediaError(
            f"{display_name(path)} holds a {type(records).__name__}, not a list of records.",
            next_step='A manifest looks like [{"path": "a.mp4", "caption": "a red car"}].',
        )
    yield from enumerate(records, start=1)


def _from_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    """Read the columns that count, some rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.bounded_parquet import TooLargeError, bound_of, iterate_bounded

    try:
        with pq.ParquetFile(path) as file:
            names = {name.strip().lower(): name for name in file.schema_arrow.names}
            _check_columns(path, names)
            _check_size(path, file.metadata)
        columns = [names[name] for name in _COLUMNS if name in names]
        number = 0
        for batch in iterate_bounded(path, bound_of(path, MOST_UNPACKED), columns):
            for row in batch.to_pylist():
                number += 1
                yield number, {name.strip().lower(): value for name, value in row.items()}
    except TooLargeError as error:
        raise UnsupportedMediaError(
            f"{display_name(path)} unpacks to more than {MOST_UNPACKED} times its size.",
            next_step="Split it, or write it as .jsonl.",
        ) from error
    except (pa.ArrowException, ValueError, MemoryError) as error:
        reason = shortened(one_line(str(error)), 200)
        raise UnsupportedMediaError(f"{display_name(path)} is no sound Parquet file: {reason}.") from error


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    """Refuse a table without paths."""
    if "path" not in columns:
        there = ", ".join(shortened(safe_text(name), 40) for name in columns) or "none"
        raise UnsupportedMediaError(
            f"{display_name(path)} has no column named path; its columns: {shortened(there, 400)}.",
            next_step="Its first line may be path,start_s,stop_s,caption,key; only path must be there.",
        )


def _check_size(path: Path, facts: Any) -> None:
    """Refuse a table that would not fit into memory piece by piece."""
    for number in range(facts.num_row_groups):
        group = facts.row_group(number)
        columns = (group.column(place) for place in range(group.num_columns))
        wanted = [one for one in columns if one.path_in_schema.split(".")[0].strip().lower() in _COLUMNS]
        if sum(one.total_uncompressed_size for one in wanted) > MAX_COLUMN_BYTES:
            raise UnsupportedMediaError(
                f"{display_name(path)} has a row group of more than {MAX_COLUMN_BYTES >> 20} MB.",
                next_step="Write it with smaller row groups.",
            )


def _parsed(text: str) -> Any:
    """Read JSON; what is none comes back as the error."""
    try:
        return parse_json(text)
    except ValueError as error:
        return ValueError(f"It is not JSON: {error}.")


class _Lines:
    """The lines of a file of any length, counted; one that is absurdly long comes as an error."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> Iterator[str | ValueError]:
        while line := self._file.readline(MAX_LINE_BYTES + 1):
            self.number += 1
            if len(line) <= MAX_LINE_BYTES:
                yield line.decode("utf-8-sig" if self.number == 1 else "utf-8", "surrogateescape")
                continue
            while line and not line.endswith(b"\n"):
                line = self._file.readline(MAX_LINE_BYTES)
            yield ValueError(f"It is longer than {MAX_LINE_BYTES:,} bytes.")


def _kept(line: str | ValueError) -> str:
    """Hand a line on; one that is an error is raised."""
    if isinstance(line, ValueError):
        raise line
    return line


_READERS: dict[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".json": _from_json,
    ".jsonl": _from_json_lines,
    ".parquet": _from_parquet,
    ".txt": _from_lines,
}
MANIFEST_ENDINGS = frozenset(_READERS)

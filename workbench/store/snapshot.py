"""Snapshots: the vectors of a space as one memory-mapped file, so that searching imports no database."""

import hashlib
import json
import logging
import shutil
import time
import uuid
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.json_text import read_json
from workbench.errors import StoreError
from workbench.files import sync_file, write_atomically
from workbench.store.tables import as_matrix, up_to_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    import pyarrow as pa

__all__ = ["Snapshot", "drop_stale", "open_snapshot", "table_signature"]

_logger = logging.getLogger(__name__)

_TRIES = 20
_HALF_MADE_S = 3600.0  # a snapshot that is made for longer than this was left half made
_VECTORS, _FACTS, _ABOUT = "vectors.f32", "rows.arrow", "about.json"


class _DamagedError(Exception):
    """A snapshot cannot be read; all of it is in the table still."""


@dataclass(frozen=True)
class Snapshot:
    """The rows of a space as they were at one moment; it stays readable when a newer one takes its place.

    Args:
        vectors: float32 (N, D), memory-mapped and read-only.
        rows: What is known of them, memory-mapped: only what is looked at is read.
    """

    vectors: np.ndarray
    rows: "pa.Table"

    def facts(
        self, columns: "Sequence[str] | None" = None, places: "Sequence[int] | np.ndarray | None" = None
    ) -> "pd.DataFrame":
        """Read what is known of the rows.

        Args:
            columns: Of id, run, key, path, kind, start_s, stop_s, written, caption, copies; None is all.
            places: Which rows; None is all.

        Returns:
            One row for each place.
        """
        table = self.rows if columns is None else self.rows.select(list(columns))
        return (table if places is None else table.take(places)).to_pandas()

    def films(self) -> np.ndarray:
        """Number the files of the rows: int32 (N,), the same number for the same file."""
        codes = self.rows["path"].combine_chunks().dictionary_encode().indices
        return codes.fill_null(0).to_numpy(zero_copy_only=False)

    def rows_of(self, ids: "Sequence[str]") -> tuple[np.ndarray, str] | None:
        """Look rows up.

        Args:
            ids: Ids of clips, in any order, also the same one twice.

        Returns:
            float32 (len(ids), D) and the name of the run that made the first; None if one is missing.
        """
        places = self.places_of(ids)
        if not len(places) or places.min() < 0:
            return None
        return np.asarray(self.vectors[places]), str(self.rows["run"][int(places[0])])

    def places_of(self, ids: "Sequence[str]") -> np.ndarray:
        """Look ids up: int64 (len(ids),), the place of each row, or -1 where there is none."""
        import pyarrow as pa
        import pyarrow.compute as pc

        known = self.rows["id"].combine_chunks()
        found = pc.index_in(pa.array(ids, pa.string()), value_set=known)  # ty: ignore[missing-attribute]  (made on import)
        return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def open_snapshot(cache: Path, table: Path, read: "Callable[[], Iterator[pa.Table]]") -> Snapshot:
    """Open the snapshot of a table; make it when the table has changed since.

    Args:
        cache: Folder of this table's snapshots.
        table: The table's folder.
        read: Reads the table with all its columns, part by part; called when there is no current snapshot.

    Returns:
        The snapshot; where it cannot be written, it is in memory.
    """
    for _ in range(_TRIES):
        folder = cache / table_signature(table)
        if not (folder / _ABOUT).is_file():
            try:
                _make(folder, read())
            except OSError as error:  # a full disk, or a store that may only be read
                _logger.warning("The snapshot %s is kept in memory alone: %s", folder, error)
                return _in_memory(read())
            _drop_older(cache, folder)
        try:
            return _opened(folder)
        except FileNotFoundError:  # another process has a newer one and dropped this, or a file was lost
            pass
        except _DamagedError as error:
            _logger.warning("The snapshot %s is damaged and made anew from the table: %s", folder, error)
        (folder / _ABOUT).unlink(missing_ok=True)
    raise StoreError(
        f"{cache} changes faster than it can be read.", next_step="Try again when less is being written."
    )


def _opened(folder: Path) -> Snapshot:
    """Map the files of a snapshot."""
    import pyarrow as pa

    try:
        about = read_json(folder / _ABOUT)
        shape = (about["rows"], about["dim"])
        with pa.memory_map(str(folder / _FACTS)) as file, pa.ipc.open_file(file) as reader:
            rows = up_to_date(reader.read_all())
        vectors = (
            np.memmap(folder / _VECTORS, np.float32, "r", shape=shape)
            if shape[0]
            else np.empty(shape, np.float32)
        )
    except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise _DamagedError(error) from error
    except OSError as error:
        if error.errno is None:  # Arrow's own, of a file that makes no sense
            raise _DamagedError(error) from error
        raise
    if rows.num_rows != len(vectors):
        raise _DamagedError(f"it has {rows.num_rows:,} rows and {len(vectors):,} vectors")
    return Snapshot(vectors, rows)


def _in_memory(parts: "Iterator[pa.Table]") -> Snapshot:
    """A snapshot that lies nowhere."""
    import pyarrow as pa

    rows = pa.concat_tables(parts)
    dim = rows.schema.field("vector").type.list_size
    return Snapshot(as_matrix(rows["vector"], dim), rows.drop_columns(["vector"]))


def drop_stale(cache: Path, table: Path, keep_s: float) -> None:
    """Remove the snapshots of other states of a table, and halves that nobody is making any more.

    Args:
        cache: Folder of the table's snapshots.
        table: The table's folder.
        keep_s: Half-made ones younger than this stay: somebody may be making them.
    """
    if cache.is_dir():
        _drop_older(cache, cache / table_signature(table), keep_s)


def _drop_older(cache: Path, current: Path, keep_s: float = _HALF_MADE_S) -> None:
    """Remove older snapshots, and halves whose maker was killed; not those that others are making."""
    for one in cache.iterdir():
        try:
            young = one.name.startswith(".") and time.time() - one.stat().st_mtime < keep_s
        except FileNotFoundError:
            continue
        if one != current and not young:
            shutil.rmtree(one, ignore_errors=True)


def table_signature(table: Path) -> str:
    """Name the state of a table: its versions are files whose names never come back."""
    names = sorted(path.name for path in (table / "_versions").glob("*.manifest"))
    newest = names[0] if names else ""  # numbered downwards, so the newest comes first
    return hashlib.sha256(f"{newest}:{len(names)}".encode()).hexdigest()[:16]


def _make(folder: Path, parts: "Iterator[pa.Table]") -> None:
    """Write a snapshot beside its place and rename it, so that nobody opens half of one."""
    half = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    half.mkdir(parents=True)
    try:
        count, dim = _write_parts(half, parts)
        sync_file(half / _VECTORS)  # else a power cut leaves zeros that look like vectors
        sync_file(half / _FACTS)
        write_atomically(half / _ABOUT, json.dumps({"rows": count, "dim": dim}))
        if folder.is_dir() and not (folder / _ABOUT).is_file():
            shutil.rmtree(folder, ignore_errors=True)  # of an older layout, or damaged
        half.rename(folder)
    except OSError:
        if not (folder / _ABOUT).is_file():  # else another process made the same one first
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _write_parts(folder: Path, parts: "Iterator[pa.Table]") -> tuple[int, int]:
    """Write vectors and facts of a table, part by part; return how many rows, of how many numbers."""
    import pyarrow as pa

    first = next(parts)
    dim, count = first.schema.field("vector").type.list_size, 0
    schema = first.schema.remove(first.schema.get_field_index("vector"))
    with (
        (folder / _VECTORS).open("wb") as vectors,
        pa.OSFile(str(folder / _FACTS), "wb") as file,
        pa.ipc.new_file(file, schema) as writer,
    ):
        for rows in chain([first], parts):
            as_matrix(rows["vector"], dim).tofile(vectors)
            writer.write_table(rows.drop_columns(["vector"]))
            count += rows.num_rows
    return count, dim

"""Vectors on disk: written in whole batches by any number of processes, read by their ids."""

import datetime as dt
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.packaging.folder import folder_bytes
from models.vectors import EmbeddingSpace
from workbench.errors import EmbeddingSpaceError, InvalidParameterError
from workbench.store.folder import check_folder, describe_space, list_spaces, write_lock
from workbench.store.provenance import read_provenance, save_provenance
from workbench.store.renames import merged
from workbench.store.snapshot import drop_stale
from workbench.store.tables import Table, lay_out, open_table, row_schema, told_plainly

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from workbench.media.clips import Clip

__all__ = ["StoredVectors"]


class StoredVectors:
    """What ``EmbeddingStore`` keeps: one table for each embedding space, one lock for all writers.

    Args:
        path: A folder, made when the first vectors are written.

    Raises:
        StoreError: If the folder holds something else, or was written by a newer version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self._tables: dict[str, Table] = {}
        self._guard = threading.RLock()
        check_folder(self.path)

    def get(self, space: EmbeddingSpace, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Look vectors up.

        Args:
            space: The embedding space; vectors of other spaces are never returned.
            ids: Ids of clips.

        Returns:
            float32 (D,) by id, without the ids that have none.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._guard, told_plainly("Reading", self.path):
            table = self._table(space)
            return table.vectors_of(list(ids)) if table is not None and len(ids) else {}

    def put(
        self,
        space: EmbeddingSpace,
        ids: Sequence[str],
        vectors: np.ndarray,
        *,
        clips: "Sequence[Clip] | None" = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep vectors, in one commit: all of them or none.

        Args:
            space: Their embedding space.
            ids: One id per row; an id that is there is replaced.
            vectors: float32 (N, D).
            clips: One clip per row, whose name, span and caption are kept beside the vector.
            provenance: What made them: device, dtype, versions; kept once for all rows.

        Raises:
            InvalidParameterError: If ids and rows differ in number, an id comes twice or is no text, or a
                number is NaN or infinite.
            EmbeddingSpaceError: If vectors of that space have another D.
            StoreError: If the disk is full or the folder may not be written; what was there is kept.
        """
        matrix = np.ascontiguousarray(vectors, np.float32)
        if matrix.ndim != 2 or len(ids) != len(matrix) or len(set(ids)) != len(ids):
            raise InvalidParameterError(
                f"{len(ids)} ids came with vectors of shape {matrix.shape}; (N, D) and one id of its own "
                "per row are needed."
            )
        if not all(isinstance(name, str) for name in ids):
            raise InvalidParameterError("An id is no text.", next_step="Ids are texts: str(id).")
        if not np.isfinite(matrix).all():
            bad = int((~np.isfinite(matrix)).any(axis=1).sum())
            raise InvalidParameterError(f"{bad} of {len(matrix)} vectors hold NaN or infinite numbers.")
        if not len(ids):
            return
        with self._guard, told_plainly("Writing to", self.path), write_lock(self.path):
            run = save_provenance(self.path / "runs", dict(provenance)) if provenance else ""
            rows = lay_out(list(ids), matrix, clips, run)
            merge = None if clips is None else partial(merged, clips=clips)
            self._table_for(space, matrix.shape[1]).write(rows, merge)

    def put_rows(self, space: EmbeddingSpace, rows: "pa.Table") -> None:
        """Keep rows that another store gave, with everything that is known of them.

        Args:
            space: Their embedding space.
            rows: Arrow rows as ``read`` gives them; an id that is there is replaced.

        Raises:
            EmbeddingSpaceError: If vectors of that space have another D.
            StoreError: If the disk is full or the folder may not be written.
        """
        dim = rows.schema.field("vector").type.list_size
        with self._guard, told_plainly("Writing to", self.path), write_lock(self.path):
            self._table_for(space, dim).write(rows)

    def read(self, space: EmbeddingSpace) -> "pa.Table":
        """Read all rows of a space as Arrow rows, vectors included."""
        with self._guard, told_plainly("Reading", self.path):
            table = self._table(space)
            return table.read() if table is not None else row_schema(1).empty_table()

    def spaces(self) -> list[EmbeddingSpace]:
        """List the embedding spaces, in order of creation."""
        return list_spaces(self.path)

    def rows(self, space: EmbeddingSpace) -> "pd.DataFrame":
        """Read everything about the vectors of a space but the vectors themselves.

        Returns:
            Columns id, run, key, path, kind, start_s, stop_s, written, caption, copies (a JSON list of other
            files with the same content, or nothing).
        """
        columns = [name for name in row_schema(1).names if name != "vector"]
        with self._guard, told_plainly("Reading", self.path):
            table = self._table(space)
            rows = table.read(columns) if table is not None else row_schema(1).empty_table().select(columns)
            return rows.to_pandas()

    def provenance(self, run: str) -> dict[str, Any]:
        """Read what made the vectors of a run, as the column ``run`` of ``rows`` names it."""
        return read_provenance(self.path / "runs", run)

    def compact(self, *, keep_s: float = 3600.0) -> int:
        """Join small files, drop old versions, and the snapshots that searches were made from.

        Args:
            keep_s: Versions younger than this stay, for readers that are using them.

        Returns:
            Bytes freed.
        """
        before = folder_bytes(self.path)
        with self._guard, told_plainly("Compacting", self.path), write_lock(self.path):
            for space in self.spaces():
                table = self._table(space)
                if table is not None:
                    table.compact(keep=dt.timedelta(seconds=max(keep_s, 0.001)))
                drop_stale(self.path / "snapshots" / space.key, self._folder_of(space), keep_s)
        return max(before - folder_bytes(self.path), 0)

    def _parts(self, space: EmbeddingSpace) -> "Iterator[pa.Table]":
        """Read all rows of a space, part by part."""
        table = self._table(space)
        return iter([row_schema(1).empty_table()]) if table is None else table.read_in_parts()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, also those in other processes, open the same folder."""
        return type(self), (self.path,)

    def _table_for(self, space: EmbeddingSpace, dim: int) -> Table:
        """Open or make the table for vectors of a space."""
        table = self._table(space, dim=dim)
        if table is None or table.dim != dim:
            have = table.dim if table is not None else 0
            raise EmbeddingSpaceError(
                f"Vectors of {dim} dimensions came; those of {space.model_id} here have {have}.",
                next_step="Use one model and revision for one embedding space.",
            )
        describe_space(self.path, space, dim)  # also of a table whose maker was killed before it did
        return table

    def _folder_of(self, space: EmbeddingSpace) -> Path:
        """Where the table of a space lies."""
        return self.path / "tables" / f"{space.key}.lance"

    def _table(self, space: EmbeddingSpace, dim: int = 0) -> Table | None:
        """Open the table of a space; with ``dim`` it is made when it is not there."""
        key = space.key
        if key not in self._tables:
            schema = row_schema(dim) if dim else None
            if schema is None and not self._folder_of(space).is_dir():
                return None
            table = open_table(self.path / "tables", key, schema)
            if table is None:
                return None
            self._tables[key] = table
        return self._tables[key]

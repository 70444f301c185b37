"""EmbeddingStore: durable vectors with their provenance, safe for several writers at once."""

import datetime as dt
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.vectors import EmbeddingSpace
from workbench.errors import EmbeddingSpaceError, InvalidParameterError, StoreError
from workbench.files import write_atomically
from workbench.store.provenance import read_provenance, save_provenance
from workbench.store.records import SpaceInfo, StoreInfo
from workbench.store.tables import Table, open_table, row_schema, told_plainly

if TYPE_CHECKING:
    import pandas as pd

    from workbench.media.clips import Clip

__all__ = ["SCHEMA_VERSION", "EmbeddingStore"]

SCHEMA_VERSION = 1
LOCK_TIMEOUT_S = 60.0
_SETTINGS, _LOCK = "store.json", ".lock"


class EmbeddingStore:
    """Vectors on disk, one table for each embedding space, each row with where it comes from.

    ``embed(..., store=EmbeddingStore(path))`` skips what is there and commits batch by batch, so a run
    that was killed goes on where it was. Several processes may write at once: a row is there once.
    Opening costs nothing; LanceDB is imported when vectors are read or written.

    Args:
        path: A folder, made when the first vectors are written.

    Raises:
        StoreError: If the folder holds something else, or was written by a newer version.

    Example:
        >>> import tempfile
        >>> space, store = EmbeddingSpace("me/m", "1"), EmbeddingStore(tempfile.mkdtemp())
        >>> store.put(space, ["a", "b"], np.eye(2, dtype=np.float32))
        >>> store.get(space, ["b", "c"])
        {'b': array([0., 1.], dtype=float32)}
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self._tables: dict[str, Table] = {}
        self._guard = threading.RLock()
        self._check_folder()

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
            clips: One clip per row, whose name and span are kept beside the vector.
            provenance: What made them: device, dtype, versions; kept once for all rows.

        Raises:
            InvalidParameterError: If ids and rows differ in number, or an id comes twice.
            EmbeddingSpaceError: If vectors of that space have another D.
            StoreError: If the disk is full or the folder may not be written; what was there is kept.
        """
        matrix = np.ascontiguousarray(vectors, np.float32)
        if matrix.ndim != 2 or len(ids) != len(matrix) or len(set(ids)) != len(ids):
            raise InvalidParameterError(
                f"{len(ids)} ids came with vectors of shape {matrix.shape}; (N, D) and one id of its own "
                "per row are needed."
            )
        if not len(ids):
            return
        with self._guard, told_plainly("Writing to", self.path), self._locked():
            run = save_provenance(self.path / "runs", dict(provenance)) if provenance else ""
            table = self._table(space, dim=matrix.shape[1])
            if table is None or table.dim != matrix.shape[1]:
                have = table.dim if table is not None else 0
                raise EmbeddingSpaceError(
                    f"Vectors of {matrix.shape[1]} dimensions came; "
                    f"those of {space.model_id} here have {have}.",
                    next_step="Use one model and revision for one embedding space.",
                )
            table.write(_rows(list(ids), matrix, clips, run))

    def spaces(self) -> list[EmbeddingSpace]:
        """List the embedding spaces, in order of creation."""
        facts = [json.loads(path.read_text("utf-8")) for path in (self.path / "spaces").glob("*.json")]
        return [
            EmbeddingSpace(**one["space"])
            for one in sorted(facts, key=lambda one: (one["created"], str(one)))
        ]

    def rows(self, space: EmbeddingSpace) -> "pd.DataFrame":
        """Read everything about the vectors of a space but the vectors themselves.

        Returns:
            Columns id, run, key, path, kind, start_s, stop_s, written.
        """
        columns = [name for name in row_schema(1).names if name != "vector"]
        with self._guard, told_plainly("Reading", self.path):
            table = self._table(space)
            rows = table.read(columns) if table is not None else row_schema(1).empty_table().select(columns)
            return rows.to_pandas()

    def provenance(self, run: str) -> dict[str, Any]:
        """Read what made the vectors of a run, as the column ``run`` of ``rows`` names it."""
        return read_provenance(self.path / "runs", run)

    def info(self) -> StoreInfo:
        """Say what is in the store."""
        infos = []
        for space in self.spaces():
            with self._guard, told_plainly("Reading", self.path):
                table = self._table(space)
                files = (self.path / "tables" / f"{space.key}.lance").rglob("*")
                size = sum(path.stat().st_size for path in files if path.is_file())
                infos.append(
                    SpaceInfo(
                        space,
                        table.dim if table is not None else 0,
                        len(table) if table is not None else 0,
                        size,
                    )
                )
        return StoreInfo(str(self.path), tuple(infos))

    def compact(self, *, keep_s: float = 3600.0) -> int:
        """Join small files and drop old versions.

        Args:
            keep_s: Versions younger than this stay, for readers that are using them.

        Returns:
            Bytes freed.
        """
        before = self._size_bytes()
        with self._guard, told_plainly("Compacting", self.path), self._locked():
            for space in self.spaces():
                table = self._table(space)
                if table is not None:
                    table.compact(keep=dt.timedelta(seconds=max(keep_s, 0.001)))
        return max(before - self._size_bytes(), 0)

    def __repr__(self) -> str:
        return f"EmbeddingStore({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return self.info()._repr_html_()

    def _table(self, space: EmbeddingSpace, dim: int = 0) -> Table | None:
        """Open the table of a space; with ``dim`` it is made when it is not there."""
        key = space.key
        if key not in self._tables:
            schema = row_schema(dim) if dim else None
            folder = self.path / "tables"
            if schema is None and not (folder / f"{key}.lance").is_dir():
                return None
            table = open_table(folder, key, schema)
            if table is None:
                return None
            if dim:
                self._describe(space, dim)
            self._tables[key] = table
        return self._tables[key]

    def _describe(self, space: EmbeddingSpace, dim: int) -> None:
        """Write down what a table holds, once."""
        path = self.path / "spaces" / f"{space.key}.json"
        if path.is_file():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"space": asdict(space), "dim": dim, "created": _now().isoformat()}
        write_atomically(path, json.dumps(facts, indent=1))
        if not (self.path / _SETTINGS).is_file():
            write_atomically(self.path / _SETTINGS, json.dumps({"schema": SCHEMA_VERSION}))

    def _locked(self) -> Any:
        """Let one process write at a time; the lock goes with a process that is killed."""
        from filelock import FileLock

        self.path.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path / _LOCK, timeout=LOCK_TIMEOUT_S)

    def _check_folder(self) -> None:
        """Refuse a folder that is something else, or of a newer version."""
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; a store is a folder.")
        settings = self.path / _SETTINGS
        if settings.is_file():
            version = json.loads(settings.read_text("utf-8")).get("schema")
            if not isinstance(version, int) or version > SCHEMA_VERSION:
                raise StoreError(
                    f"The store {self.path} has format {version!r}; "
                    f"this version reads up to {SCHEMA_VERSION}.",
                    next_step="Update the workbench.",
                )
        elif (
            self.path.is_dir()
            and any(not one.name.startswith(".") for one in self.path.iterdir())
            and not (self.path / "tables").is_dir()
        ):
            raise StoreError(
                f"{self.path} holds other things.",
                next_step="Name an empty folder, or one that is not there.",
            )

    def _size_bytes(self) -> int:
        """What the store takes on disk."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


def _rows(ids: list[str], matrix: np.ndarray, clips: "Sequence[Clip] | None", run: str) -> Any:
    """Lay out rows as an Arrow table."""
    import pyarrow as pa

    count, dim = matrix.shape
    facts: dict[str, Any] = {"id": ids, "run": [run] * count, "written": [_now()] * count}
    facts["key"] = [clip.key for clip in clips] if clips is not None else ids
    facts["path"] = [str(clip.path) for clip in clips] if clips is not None else [""] * count
    facts["kind"] = [clip.kind for clip in clips] if clips is not None else [""] * count
    facts["start_s"] = [clip.start_s for clip in clips] if clips is not None else [None] * count
    facts["stop_s"] = [clip.stop_s for clip in clips] if clips is not None else [None] * count
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), dim)
    schema = row_schema(dim)
    columns = [
        vectors if name == "vector" else pa.array(facts[name], schema.field(name).type)
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)

"""The one place that talks to LanceDB: one table for each embedding space."""

import datetime as dt
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from models.errors import MissingDependencyError, WorkbenchError
from workbench.errors import StoreError
from workbench.files import refusal, valid_text

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.media.clips import Clip

    Merge: TypeAlias = Callable[[pa.Table, pa.Table], pa.Table]

__all__ = [
    "Table",
    "check_installed",
    "lay_out",
    "open_table",
    "row_schema",
    "storable",
    "storable_path",
    "table_names",
    "told_plainly",
    "up_to_date",
]

LOOKUP_CHUNK = 500  # ids in one filter
# Of format 2 and 3, with what rows of older formats have there.
LATER_COLUMNS = {"caption": "", "copies": ""}
PART_ROWS = 16_384  # of 512 numbers they are 32 MiB
COMPACT_EVERY = 256  # commits between two compactions: each leaves a small file behind


class Table:
    """The vectors of one embedding space.

    Args:
        handle: LanceDB's table; it sees what others wrote.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._commits = 0

    @property
    def dim(self) -> int:
        """D, the numbers of a vector."""
        return self._handle.schema.field("vector").type.list_size

    def __len__(self) -> int:
        return self._handle.count_rows()

    def vectors_of(self, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Look vectors up: float32 (D,) by id, without the ids that have none."""
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(ids), LOOKUP_CHUNK):
            rows = self._where(ids[start : start + LOOKUP_CHUNK], ["id", "vector"])
            found.update(zip(rows["id"].to_pylist(), as_matrix(rows["vector"], self.dim), strict=True))
        return found

    def rows_of(self, ids: Sequence[str]) -> "pa.Table":
        """Read all columns of the rows with these ids."""
        import pyarrow as pa

        names = row_schema(self.dim).names
        parts = [ids[start : start + LOOKUP_CHUNK] for start in range(0, len(ids), LOOKUP_CHUNK)]
        return pa.concat_tables(
            [up_to_date(self._where(part, self._columns)).select(names) for part in parts]
        )

    def write(self, rows: "pa.Table", merge: "Merge | None" = None) -> None:
        """Add rows in one commit, to a table that is migrated first; a row whose id is there is replaced.

        Args:
            rows: All columns.
            merge: Makes the rows that are written of these and of what those in their place say; None takes
                the new ones as they are.
        """
        later = {name: f"'{text}'" for name, text in LATER_COLUMNS.items() if name not in self._columns}
        if later:
            self._handle.add_columns(later)
        ids = rows["id"].to_pylist()
        known = self._where(ids, ["id", "key", "path", *LATER_COLUMNS])
        if known.num_rows:
            rows = rows if merge is None else merge(rows, known)
            writing = self._handle.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            writing.execute(rows)
        else:
            self._handle.add(rows)
        self._commits += 1
        if self._commits % COMPACT_EVERY == 0:
            self.compact()

    def drop(self, ids: Sequence[str]) -> None:
        """Remove the rows with these ids."""
        for start in range(0, len(ids), LOOKUP_CHUNK):
            self._handle.delete(_among(ids[start : start + LOOKUP_CHUNK]))

    def compact(self, *, keep: dt.timedelta = dt.timedelta(hours=1)) -> None:
        """Join small files and drop versions older than ``keep``."""
        self._handle.optimize(cleanup_older_than=keep)

    def build_index(self) -> None:
        """Build the index of the vectors, in place of an older one: cells of whole vectors."""
        from lancedb.index import IvfFlat

        self._handle.create_index("vector", config=IvfFlat(distance_type="dot"), replace=True)

    def near(self, query: np.ndarray, k: int, nprobes: int) -> list[tuple[str, float]]:
        """Ask the index.

        Args:
            query: float32 (D,), of unit length.
            k: How many rows.
            nprobes: Cells to look at.

        Returns:
            Ids and similarities, best first; some of the exact answer may be missing.
        """
        asked = self._handle.search(query, vector_column_name="vector").distance_type("dot").nprobes(nprobes)
        found = asked.limit(k).select(["id", "_distance"]).to_arrow()
        return [
            (name, 1.0 - distance)
            for name, distance in zip(found["id"].to_pylist(), found["_distance"].to_pylist(), strict=True)
        ]

    def read(self, columns: Sequence[str] | None = None) -> "pa.Table":
        """Read all rows, all columns or some."""
        wanted = row_schema(self.dim).names if columns is None else list(columns)
        return up_to_date(self._all_rows(wanted).to_arrow()).select(wanted)

    def read_in_parts(self) -> "Iterator[pa.Table]":
        """Read all rows with all columns, some thousand at a time; at least one part, which may be empty."""
        import pyarrow as pa

        wanted, parts = row_schema(self.dim).names, 0
        for batch in self._all_rows(wanted).to_batches(PART_ROWS):
            yield up_to_date(pa.Table.from_batches([batch])).select(wanted)
            parts += 1
        if not parts:
            yield row_schema(self.dim).empty_table()

    def _all_rows(self, wanted: Sequence[str]) -> Any:
        """Ask for all rows, and of the columns that are wanted those that are there."""
        query = self._handle.search().select([name for name in wanted if name in self._columns])
        return query.limit(max(len(self), 1))

    @property
    def _columns(self) -> list[str]:
        """Names of the columns that are there."""
        return self._handle.schema.names

    def _where(self, ids: Sequence[str], columns: list[str]) -> "pa.Table":
        """Read some columns of the rows with these ids."""
        return self._handle.search().where(_among(ids)).select(columns).limit(len(ids)).to_arrow()


def _among(ids: Sequence[str]) -> str:
    """The condition that an id is one of these."""
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in ids)
    return f"id IN ({quoted})"


def open_table(folder: Path, name: str, schema: "pa.Schema | None" = None) -> Table | None:
    """Open a table.

    Args:
        folder: The database.
        name: The table.
        schema: Makes the table when it is not there.

    Returns:
        The table; None when it is not there and no schema came.

    Raises:
        MissingDependencyError: If LanceDB is not installed.
    """
    database = _connect(folder)
    if name in table_names(folder):
        return Table(database.open_table(name))
    if schema is None:
        return None
    return Table(database.create_table(name, schema=schema, exist_ok=True))


def table_names(folder: Path) -> list[str]:
    """Names of the tables in a database, without opening it."""
    return sorted(path.stem for path in folder.glob("*.lance"))


def row_schema(dim: int) -> "pa.Schema":
    """Columns of a table: who, from where, by which run, the vector, and what came with later formats."""
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in ("id", "run", "key", "path", "kind")]
    times = [pa.field("start_s", pa.float64()), pa.field("stop_s", pa.float64())]
    written = pa.field("written", pa.timestamp("us", "UTC"))
    vector = pa.field("vector", pa.list_(pa.float32(), dim))
    later = [pa.field(name, pa.string()) for name in LATER_COLUMNS]
    return pa.schema([*texts, *times, written, vector, *later])


def up_to_date(rows: "pa.Table") -> "pa.Table":
    """Give rows of an older format the columns that came later."""
    import pyarrow as pa

    for name, text in LATER_COLUMNS.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.array([text] * rows.num_rows, pa.string()))
    return rows


def lay_out(ids: list[str], matrix: np.ndarray, clips: "Sequence[Clip] | None", run: str) -> "pa.Table":
    """Lay out vectors as rows.

    Args:
        ids: One per row.
        matrix: float32 (N, D).
        clips: One per row, for name, span and caption; None knows none of them.
        run: Name of the run that made them.

    Returns:
        Rows of ``row_schema(D)``.
    """
    import pyarrow as pa

    count, dim = matrix.shape
    facts: dict[str, Any] = {"id": ids, "run": [run] * count, "key": ids}
    facts |= {name: [""] * count for name in ("path", "kind", *LATER_COLUMNS)}
    facts |= {name: [None] * count for name in ("start_s", "stop_s")}
    facts["written"] = [dt.datetime.now(dt.UTC)] * count
    if clips is not None:
        known = ("key", "kind", "start_s", "stop_s", "caption")
        facts |= {name: [storable(getattr(clip, name)) for clip in clips] for name in known}
        facts["path"] = [storable_path(clip.path) for clip in clips]
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), dim)
    columns = [
        vectors if field.name == "vector" else pa.array(facts[field.name], field.type)
        for field in row_schema(dim)
    ]
    return pa.Table.from_arrays(columns, schema=row_schema(dim))


def storable_path(path: Any) -> str:
    """A path that says the same from every folder."""
    return str(storable(Path(path).absolute() if str(path) else ""))


def storable(value: Any) -> Any:
    """A text that is not valid Unicode is kept with escapes; a path as text; a number as it is."""
    if value is None or isinstance(value, int | float):
        return value
    return valid_text(value)


def as_matrix(column: "pa.ChunkedArray", dim: int) -> np.ndarray:
    """Read a column of vectors: float32 (N, D)."""
    flat = column.combine_chunks().flatten() if len(column) else np.empty(0, np.float32)
    return np.asarray(flat, np.float32).reshape(-1, dim)


@contextmanager
def told_plainly(doing: str, path: Path) -> Generator[None, None, None]:
    """Say plainly what is wrong: a full disk, a read-only or lost folder, a lock that is held."""
    try:
        yield
    except (WorkbenchError, AttributeError, NameError, AssertionError):
        raise  # ours, said plainly already, or a bug
    except Exception as error:
        refused = refusal(error)
        if refused is not None:
            what, step = refused
        elif type(error).__name__ == "Timeout":
            what = "another process has held it for a minute"
            step = "Wait until that run has ended, then run the same call again."
        elif not path.is_dir() or isinstance(error, FileNotFoundError) or "not found" in str(error).lower():
            what, step = (
                "files of it are gone",
                "Look whether somebody moved or removed it, then open it anew.",
            )
        else:
            what = f"{type(error).__name__}: {error}"
            step = "If a file of it is damaged, put a copy of the folder back, or embed into a new one."
        raise StoreError(
            f"{doing} the store {path} failed: {what}. What was written before is kept.", next_step=step
        ) from error


def check_installed() -> None:
    """Say that LanceDB is missing before anything is computed or made.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    if find_spec("lancedb") is None:
        raise MissingDependencyError(
            "The embedding store needs LanceDB, which is not installed.",
            next_step="pip install 'embedding-workbench[store]'",
        )


def _connect(folder: Path) -> Any:
    """Open the database; what other processes write is seen at once."""
    check_installed()
    import lancedb

    return lancedb.connect(str(folder), read_consistency_interval=dt.timedelta(0))

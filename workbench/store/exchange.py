"""Vectors as files: out of a store and into one, as Parquet, safetensors or NumPy; reading runs nothing."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.json_text import parse_json
from models.vectors import EmbeddingSpace
from workbench.bounded_npz import load_stored
from workbench.bounded_parquet import bound_of, read_bounded
from workbench.errors import EmbeddingsFileError, InvalidParameterError, SourceNotFoundError
from workbench.files import write_file
from workbench.store.folder import SCHEMA_VERSION
from workbench.store.provenance import is_run, save_provenance
from workbench.store.tables import LATER_COLUMNS, as_matrix, row_schema, up_to_date

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.store.embedding_store import EmbeddingStore

__all__ = ["FORMATS", "export_space", "import_file"]

FORMATS = (".parquet", ".safetensors", ".npz")
BATCH_ROWS = 10_000
MOST_UNPACKED = 20  # times its size; an export of vectors hardly shrinks in its file
_SPACE, _FACTS = "embedding_space", "rows"


def export_space(store: "EmbeddingStore", space: EmbeddingSpace, path: str | Path) -> Path:
    """Write all vectors of a space into one file, whole or not at all.

    Args:
        store: The store.
        space: One of its spaces.
        path: A path that ends in .parquet (one row per clip), .safetensors (a tensor ``vectors``, the
            facts as JSON in its metadata) or .npz (arrays ``vectors``, ``id``, ``key``, ...).

    Returns:
        The path.

    Raises:
        InvalidParameterError: If the ending is another one or the folder is missing.
    """
    target = Path(path).expanduser()
    write = _by_ending(
        target, {".parquet": _write_parquet, ".safetensors": _write_safetensors, ".npz": _write_npz}
    )
    if not target.absolute().parent.is_dir():
        raise InvalidParameterError(f"Cannot write {target}: there is no folder {target.parent}.")
    rows = store.read(space)
    runs = {name: store.provenance(name) for name in rows["run"].unique().to_pylist() if name}
    about = json.dumps({"schema": SCHEMA_VERSION, "runs": runs, **asdict(space)})
    write_file(target, lambda part: write(part, rows, about))
    return target


def import_file(store: "EmbeddingStore", path: str | Path) -> tuple[EmbeddingSpace, int]:
    """Put the vectors of a file into a store; rows that are there are replaced.

    Args:
        store: The store.
        path: A file that ``export_space`` wrote, here or on another machine.

    Returns:
        The space, and how many rows came.

    Raises:
        SourceNotFoundError: If there is no such file.
        EmbeddingsFileError: If it does not hold exported vectors, or damaged ones; nothing is put then.
    """
    source = Path(path).expanduser()
    read = _by_ending(
        source, {".parquet": _read_parquet, ".safetensors": _read_safetensors, ".npz": _read_npz}
    )
    if not source.is_file():
        raise SourceNotFoundError(f"There is no file {source}.")
    try:
        rows, about = read(source)
        space, runs, checked = *_space(about), _checked(rows)
    except Exception as error:  # whatever a damaged or hostile file makes its reader raise
        raise EmbeddingsFileError(
            f"{source} holds no vectors that were exported from a store: {_said(error)}",
            next_step="Import a file that `workbench store export` wrote; one of `embed --out` does not "
            "say of which content its vectors are.",
        ) from error
    for facts in runs:
        save_provenance(store.path / "runs", facts)
    for start in range(0, checked.num_rows, BATCH_ROWS):
        store.put_rows(space, checked.slice(start, BATCH_ROWS))
    return space, checked.num_rows


def _said(error: Exception) -> str:
    """What a reader missed, in words."""
    return f"it has no {error.args[0]!r}" if isinstance(error, KeyError) and error.args else str(error)


def _space(about: str) -> tuple[EmbeddingSpace, list[dict[str, Any]]]:
    """Read the space of exported vectors, and what made them."""
    facts = parse_json(about)
    if facts.pop("schema") not in range(1, SCHEMA_VERSION + 1):
        raise ValueError("it is of a newer format")
    runs = facts.pop("runs", {})
    if not (isinstance(runs, dict) and all(isinstance(one, dict) for one in runs.values())):
        raise ValueError("what made its vectors cannot be read")
    return EmbeddingSpace(**{name: str(value) for name, value in facts.items()}), list(runs.values())


def _checked(rows: "pa.Table") -> "pa.Table":
    """Bring rows into the columns of a store; refuse what no store can hold."""
    dim = rows.schema.field("vector").type.list_size
    table = up_to_date(rows).select(row_schema(dim).names).cast(row_schema(dim))
    ids = table["id"].to_pylist()
    if len(set(ids)) != len(ids) or not all(ids):
        raise ValueError("its ids are not unique")
    if not all(is_run(name) for name in table["run"].unique().to_pylist()):
        raise ValueError("it names a run as no store does")
    if table["vector"].null_count or not np.isfinite(as_matrix(table["vector"], dim)).all():
        raise ValueError("a vector has no number")
    return table


def _by_ending(path: Path, choices: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Choose the format by the ending."""
    if path.suffix.lower() not in choices:
        raise InvalidParameterError(f"{path} ends in {path.suffix!r}; it may end in {', '.join(choices)}.")
    return choices[path.suffix.lower()]


def _write_parquet(path: Path, rows: "pa.Table", about: str) -> None:
    """One row per clip."""
    import pyarrow.parquet as pq

    pq.write_table(rows.replace_schema_metadata({_SPACE: about}), path)


def _read_parquet(path: Path) -> "tuple[pa.Table, str]":
    """Read rows and space; whether it is an export is seen before a row is read."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    about = (schema.metadata or {}).get(_SPACE.encode(), b"").decode()
    if not about:
        raise ValueError("it names no embedding space")
    missing = [name for name in row_schema(1).names if name not in [*schema.names, *LATER_COLUMNS]]
    if missing:
        raise ValueError(f"it has no column {', '.join(missing)}")
    names = [name for name in row_schema(1).names if name in schema.names]
    return read_bounded(path, bound_of(path, MOST_UNPACKED), names), about


def _write_safetensors(path: Path, rows: "pa.Table", about: str) -> None:
    """The vectors as a tensor, everything else as JSON."""
    from safetensors.numpy import save_file

    facts = json.dumps(rows.drop_columns(["vector"]).to_pydict(), default=str)
    save_file({"vectors": _matrix(rows)}, path, metadata={_SPACE: about, _FACTS: facts})


def _read_safetensors(path: Path) -> "tuple[pa.Table, str]":
    """Read rows and space."""
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        metadata = file.metadata() or {}
        return _table(file.get_tensor("vectors"), parse_json(metadata[_FACTS])), metadata[_SPACE]


def _write_npz(path: Path, rows: "pa.Table", about: str) -> None:
    """One array per column."""
    facts = rows.drop_columns(["vector"]).to_pydict()
    arrays: dict[str, Any] = {name: np.asarray(_texts(values)) for name, values in facts.items()}
    arrays |= {"vectors": _matrix(rows), _SPACE: np.asarray(about)}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _read_npz(path: Path) -> "tuple[pa.Table, str]":
    """Read rows and space; nothing in the file is unpickled."""
    with load_stored(path) as file:
        names = [name for name in row_schema(1).names if name in file.files]
        return _table(file["vectors"], {name: file[name].tolist() for name in names}), str(file[_SPACE])


def _table(vectors: np.ndarray, facts: dict[str, Any]) -> "pa.Table":
    """Join vectors and facts to rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ValueError(f"its vectors are {vectors.dtype} {vectors.shape}")
    schema = row_schema(vectors.shape[1])
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    facts = {name: [text] * len(vectors) for name, text in LATER_COLUMNS.items()} | facts
    columns: list[Any] = []
    for field in schema:
        if field.name == "vector":
            columns.append(column)
            continue
        missing = {""} if not pa.types.is_string(field.type) else set()
        values = [None if value in missing or value != value else value for value in facts[field.name]]  # noqa: PLR0124 - NaN
        array = pa.array(values, pa.string() if field.name == "written" else field.type)
        columns.append(pc.cast(array, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _matrix(rows: "pa.Table") -> np.ndarray:
    """The vectors of some rows: float32 (N, D)."""
    return as_matrix(rows["vector"], rows.schema.field("vector").type.list_size)


def _texts(values: list[Any]) -> list[Any]:
    """Numbers stay numbers, a missing one is NaN; everything else is text."""
    if any(isinstance(value, float) for value in values):
        return [math.nan if value is None else value for value in values]
    return ["" if value is None else str(value) for value in values]

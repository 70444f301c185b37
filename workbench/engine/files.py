"""Embeddings as files: Parquet or NPZ, written whole or not at all, read without running anything."""

import json
import zipfile
import zlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.base import EmbeddingSpace
from models.json_text import parse_json
from workbench.bounded_npz import load_stored
from workbench.bounded_parquet import bound_of, read_bounded
from workbench.engine.embeddings import Embeddings
from workbench.engine.records import EmbedStats, Skipped
from workbench.errors import EmbeddingsFileError, InvalidParameterError, SourceNotFoundError
from workbench.files import valid_text, write_file

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

SCHEMA_VERSION = 1
METADATA_KEY = b"embedding_workbench"
# What readers raise on damaged and hostile files: bad zip, Parquet or JSON, missing parts, absurd sizes.
UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError),
    *(OSError, MemoryError, OverflowError, zipfile.BadZipFile, zlib.error),
)
FORMATS = (".parquet", ".npz")
MOST_UNPACKED = 20  # times its size; vectors hardly shrink in a file


def save_embeddings(embeddings: Embeddings, path: str | Path) -> Path:
    """Write embeddings; ``Embeddings.save`` says more.

    Args:
        embeddings: What to write.
        path: A path that ends in .parquet or .npz.

    Returns:
        The path.

    Raises:
        InvalidParameterError: If the ending is another one or the folder is missing.
    """
    path = Path(path)
    write = {".parquet": _write_parquet, ".npz": _write_npz}[_format_of(path)]
    if not path.parent.is_dir():
        raise InvalidParameterError(f"Cannot write {path}: there is no folder {path.parent}.")
    write_file(path, lambda part: write(embeddings, part))
    return path


def load_embeddings(path: str | Path) -> Embeddings:
    """Read embeddings; ``Embeddings.load`` says more.

    Args:
        path: A file that ``save_embeddings`` wrote.

    Returns:
        What was written.

    Raises:
        SourceNotFoundError: If there is no such file.
        EmbeddingsFileError: If it is no file of ours.
    """
    path = Path(path)
    read: Callable[[Path], tuple[Any, np.ndarray, list[str], list[str]]]
    read = {".parquet": _read_parquet, ".npz": _read_npz}[_format_of(path)]
    if not path.is_file():
        raise SourceNotFoundError(f"There is no file {path}.")
    try:
        text, vectors, keys, paths = read(path)
        facts = parse_json(text)
        _check_version(path, facts["schema"])
        return _from_parts(facts, vectors, keys, paths)
    except EmbeddingsFileError:
        raise
    except UNREADABLE as error:
        raise EmbeddingsFileError(
            f"{path} does not hold embeddings saved by the workbench: {error}",
            next_step="Load a file that Embeddings.save wrote.",
        ) from error


def may_hold_embeddings(path: Path) -> bool:
    """Whether a file is not plainly something else: by its ending, and in Parquet by its columns.

    Args:
        path: Any file; a manifest in Parquet has no column "vector".
    """
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return path.suffix.lower() in FORMATS
    import pyarrow.parquet as pq

    try:
        return "vector" in pq.read_schema(path).names
    except UNREADABLE:
        return True  # whoever reads it says what is wrong


def _check_version(path: Path, version: int) -> None:
    """Refuse files of a newer workbench."""
    if version > SCHEMA_VERSION:
        raise EmbeddingsFileError(
            f"{path} has format {version}; this version reads up to {SCHEMA_VERSION}.",
            next_step="Update the workbench.",
        )


def _format_of(path: Path) -> str:
    """Read the format from the ending."""
    if path.suffix.lower() not in FORMATS:
        raise InvalidParameterError(
            f"{path} ends in {path.suffix!r}; embeddings are kept in .parquet or .npz."
        )
    return path.suffix.lower()


def _facts(embeddings: Embeddings) -> str:
    """Everything but rows, keys and paths, as JSON."""
    return json.dumps(
        {
            "schema": SCHEMA_VERSION,
            "space": asdict(embeddings.space),
            "dim": embeddings.dim,
            "skipped": [asdict(one) for one in embeddings.skipped],
            "stats": asdict(embeddings.stats),
            "stopped": embeddings.stopped,
            "notes": embeddings.notes,
            "provenance": embeddings.provenance,
        }
    )


def _from_parts(facts: dict[str, Any], vectors: np.ndarray, keys: list[str], paths: list[str]) -> Embeddings:
    """Put embeddings together again, refusing what cannot be right."""
    vectors = np.asarray(vectors)
    if vectors.dtype != np.float32 or vectors.shape != (len(keys), facts["dim"]):
        raise ValueError(f"vectors are {vectors.dtype} {list(vectors.shape)} for {len(keys)} keys")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors hold NaN or infinite numbers")
    known = {one.name for one in fields(EmbedStats)}
    return Embeddings(
        vectors,
        keys,
        EmbeddingSpace(**{name: str(value) for name, value in facts["space"].items()}),
        skipped=[Skipped(str(one["key"]), str(one["reason"])) for one in facts["skipped"]],
        paths=paths,
        stats=EmbedStats(**{name: value for name, value in facts["stats"].items() if name in known}),
        stopped=bool(facts["stopped"]),
        notes=dict(facts["notes"]),
        provenance=dict(facts["provenance"]),
    )


def _write_parquet(embeddings: Embeddings, path: Path) -> None:
    """One row per clip: key, path, vector, and what is known of the clip."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = pa.array(embeddings.vectors.reshape(-1), pa.float32())
    width = max(embeddings.dim, 1)  # a list of 0 numbers cannot be stored; there are no rows then
    table = pa.table(
        {
            "key": pa.array(_texts(embeddings.keys), pa.string()),
            "path": pa.array(_texts(embeddings.paths), pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, width),
        }
        | _clip_columns(embeddings)
    )
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: _facts(embeddings).encode()}), path)


def _clip_columns(embeddings: Embeddings) -> "dict[str, pa.Array]":
    """Kind, span in seconds and caption of each row, for other programs; none where clips are not known."""
    import pyarrow as pa

    known = {clip.key: clip for clip in embeddings.clips or ()}
    if not all(key in known for key in embeddings.keys):
        return {}

    def of_each(name: str, unknown: Any) -> list[Any]:
        return [getattr(known[key], name, unknown) for key in embeddings.keys]

    return {
        "kind": pa.array(of_each("kind", ""), pa.string()),
        "start_s": pa.array(of_each("start_s", None), pa.float64()),
        "stop_s": pa.array(of_each("stop_s", None), pa.float64()),
        "caption": pa.array(_texts(of_each("caption", "")), pa.string()),
    }


def _read_parquet(path: Path) -> tuple[Any, np.ndarray, list[str], list[str]]:
    """Read what ``_write_parquet`` wrote."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    text = (schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ValueError("it has no workbench metadata")
    kind = schema.field("vector").type
    if not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
        raise ValueError(f"column vector is {kind}")
    table = read_bounded(path, bound_of(path, MOST_UNPACKED), ["key", "path", "vector"])
    if any(table.column(name).null_count for name in table.column_names):
        raise ValueError("it has empty cells")
    dim = parse_json(text)["dim"]
    flat = table.column("vector").combine_chunks().flatten().to_numpy()
    vectors = flat.reshape(len(table), dim)
    return text, vectors, table.column("key").to_pylist(), table.column("path").to_pylist()


def _write_npz(embeddings: Embeddings, path: Path) -> None:
    """Four arrays: vectors, keys, paths and the facts as text."""
    with path.open("wb") as file:
        np.savez(
            file,
            vectors=embeddings.vectors,
            keys=np.array(_texts(embeddings.keys), dtype=np.str_),
            paths=np.array(_texts(embeddings.paths), dtype=np.str_),
            embedding_workbench=np.array(_facts(embeddings)),
        )


def _read_npz(path: Path) -> tuple[Any, np.ndarray, list[str], list[str]]:
    """Read what ``_write_npz`` wrote; pickled objects are refused."""
    with load_stored(path) as file:
        text = str(file[METADATA_KEY.decode()])
        return text, file["vectors"], file["keys"].tolist(), file["paths"].tolist()


def _texts(values: list[str]) -> list[str]:
    """Spell names that are not valid Unicode with escapes; Parquet holds UTF-8 only."""
    return list(map(valid_text, values))

"""What stands beside the samples of a shard: a Parquet file, read within bounds, and the ids they state."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import InvalidParameterError
from models.json_text import parse_json
from workbench.bounded_parquet import TooLargeError, read_bounded
from workbench.errors import EmbeddingsFileError, WorkbenchError
from workbench.media.shards import ShardSample

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["MAX_TABLE_BYTES", "check_columns", "read_metadata", "stated_id", "statement"]

MAX_TABLE_BYTES = 2**30
MAX_ROWS = 4_000_000
MAX_COLUMNS = 2_000


def read_metadata(path: Path, id_col: str) -> "pd.DataFrame":
    """Read the metadata of a shard.

    A small file can unpack to far more than memory holds, so what it announces is held to bounds first, and
    repeated texts are counted before they are written out.

    Args:
        path: The Parquet file.
        id_col: The column that names a sample: texts or whole numbers.

    Returns:
        Its rows.

    Raises:
        EmbeddingsFileError: If it is no Parquet file or damaged, too large, has a column twice, or
            lacks an id column of that kind.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_announced(path, file.metadata, file.schema_arrow, id_col)
        return read_bounded(path, MAX_TABLE_BYTES).to_pandas(ignore_metadata=True)  # else ids may be an index
    except WorkbenchError:
        raise
    except TooLargeError as error:
        raise EmbeddingsFileError(
            f"{path} unpacks to {error.size:,} bytes; at most {MAX_TABLE_BYTES:,} are read.",
            next_step="Split the shard, or leave columns out.",
        ) from error
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise EmbeddingsFileError(f"{path} cannot be read as Parquet: {error}") from error


def check_columns(table: "pd.DataFrame", names: Iterable[str]) -> None:
    """Refuse columns that a table does not have.

    Raises:
        InvalidParameterError: With those that it has.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InvalidParameterError(
            f"There is no column {', '.join(map(repr, missing))}; "
            f"there are {', '.join(map(str, table.columns))}."
        )


def statement(sample: ShardSample) -> dict[str, Any]:
    """What the ``.json`` part of a sample states; nothing when it makes no sense."""
    try:
        stated = parse_json(sample.parts.get("json", b"{}"))
    except ValueError:
        return {}
    return stated if isinstance(stated, dict) else {}


def stated_id(sample: ShardSample, id_col: str) -> Any:
    """The id that the ``.json`` part states, else the key."""
    value = statement(sample).get(id_col)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else sample.key


def _check_announced(path: Path, facts: "pq.FileMetaData", schema: "pa.Schema", id_col: str) -> None:
    """Hold what the file says of itself to the bounds."""
    import pyarrow.types as kinds

    if facts.num_rows > MAX_ROWS or facts.num_columns > MAX_COLUMNS:
        raise EmbeddingsFileError(
            f"{path} says it has {facts.num_rows:,} rows and {facts.num_columns:,} columns; "
            f"the metadata of a shard has at most {MAX_ROWS:,} and {MAX_COLUMNS:,}."
        )
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise EmbeddingsFileError(f"{path} has the column {twice[0]!r} twice.")
    if id_col not in schema.names:
        raise EmbeddingsFileError(
            f"{path} has no column {id_col!r}; it has {', '.join(schema.names[:20])}.",
            next_step="Pass id_col= the column that names a sample.",
        )
    kind = schema.field(id_col).type
    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    if not (kinds.is_integer(kind) or kinds.is_string(kind) or kinds.is_large_string(kind)):
        raise EmbeddingsFileError(
            f"The column {id_col!r} of {path} holds {kind}; ids are texts or whole numbers."
        )

"""The Parquet file beside a shard: read by anybody's hand, so bounded and checked before it is a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import EmbeddingsFileError, WorkbenchError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["MAX_TABLE_BYTES", "read_metadata"]

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
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read()
        _check_size(path, sum(_written_out(column) for column in table.columns))
        return _without_dictionaries(table).to_pandas()
    except WorkbenchError:
        raise
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise EmbeddingsFileError(f"{path} cannot be read as Parquet: {error}") from error


def _check_announced(path: Path, facts: "pq.FileMetaData", schema: "pa.Schema", id_col: str) -> None:
    """Hold what the file says of itself to the bounds."""
    import pyarrow.types as kinds

    if facts.num_rows > MAX_ROWS or facts.num_columns > MAX_COLUMNS:
        raise EmbeddingsFileError(
            f"{path} says it has {facts.num_rows:,} rows and {facts.num_columns:,} columns; "
            f"the metadata of a shard has at most {MAX_ROWS:,} and {MAX_COLUMNS:,}."
        )
    groups = [facts.row_group(number) for number in range(facts.num_row_groups)]
    _check_size(path, sum(group.total_byte_size for group in groups))
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


def _check_size(path: Path, size: int) -> None:
    """Refuse what would not fit into memory."""
    if size > MAX_TABLE_BYTES:
        raise EmbeddingsFileError(
            f"{path} unpacks to {size:,} bytes; at most {MAX_TABLE_BYTES:,} are read.",
            next_step="Split the shard, or leave columns out.",
        )


def _is_text(kind: Any) -> bool:
    """Whether values of a column may be repeated in the file by number."""
    import pyarrow.types as kinds

    return any(test(kind) for test in (kinds.is_string, kinds.is_large_string, kinds.is_binary))


def _written_out(column: "pa.ChunkedArray") -> int:
    """Bytes of a column once repeated values are written out."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if not kinds.is_dictionary(column.type):
        return column.nbytes
    total = 0
    for chunk in column.chunks:
        lengths = pc.call_function("binary_length", [chunk.dictionary]).take(chunk.indices)
        total += pc.call_function("sum", [lengths.cast("int64")]).as_py() or 0
    return total


def _without_dictionaries(table: "pa.Table") -> "pa.Table":
    """Write repeated texts out, as they were before the file was written."""
    import pyarrow as pa
    import pyarrow.types as kinds

    plain = [
        pa.field(field.name, field.type.value_type if kinds.is_dictionary(field.type) else field.type)
        for field in table.schema
    ]
    return table.cast(pa.schema(plain, metadata=table.schema.metadata))

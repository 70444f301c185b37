"""Parquet from anybody's hand: a small file can unpack to more than memory holds, so it is measured first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["TooLargeError", "bound_of", "iterate_bounded", "read_bounded"]

LEAST_BOUND_BYTES = 2**28

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 8}


class TooLargeError(ValueError):
    """A file unpacks to more than is read.

    Args:
        size: Bytes that it unpacks to, at least.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"it unpacks to {size:,} bytes")
        self.size = size


def bound_of(path: Path, times: int) -> int:
    """How much a file may unpack to: so many times its size, and never too little for a small one.

    Args:
        path: The file.
        times: How many times its size.

    Returns:
        Bytes.
    """
    return max(LEAST_BOUND_BYTES, times * path.stat().st_size)


def read_bounded(path: Path, max_bytes: int, columns: Sequence[str] | None = None) -> "pa.Table":
    """Read a Parquet file, if what it announces and what it unpacks to are within a bound.

    Numbers are counted as they will lie in memory, however often the file repeats them. Repeated texts are
    read by number, and counted before they are written out.

    Args:
        path: The file.
        max_bytes: Most bytes of the columns that are read.
        columns: Which columns; None is all.

    Returns:
        The table.

    Raises:
        TooLargeError: If it is larger.
        OSError, pyarrow.ArrowException: If it is damaged.
    """
    with _opened(path, max_bytes, columns) as file:
        table = file.read(columns=None if columns is None else list(columns))
    _check(sum(map(_written_out, table.columns)), max_bytes)
    return table.cast(_without_dictionaries(table.schema))


def iterate_bounded(
    path: Path, max_bytes: int, columns: Sequence[str], *, rows: int = 4096
) -> "Iterator[pa.RecordBatch]":
    """Read a Parquet file some rows at a time, as long as what came is within a bound.

    Args:
        path: The file.
        max_bytes: Most bytes of all batches together.
        columns: Which columns.
        rows: Most rows of a batch.

    Yields:
        The batches, in order.

    Raises:
        TooLargeError: Before the first batch that is too much.
        OSError, pyarrow.ArrowException: If it is damaged.
    """
    size = 0
    with _opened(path, max_bytes, columns) as file:
        for batch in file.iter_batches(rows, columns=list(columns)):
            size += sum(map(_written_out, batch.columns))
            _check(size, max_bytes)
            yield batch.cast(_without_dictionaries(batch.schema))


def _opened(path: Path, max_bytes: int, columns: Sequence[str] | None) -> "pq.ParquetFile":
    """Open a file whose columns are not too large by what it announces, so that texts come by number."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        parts = [group.column(place) for group in groups for place in range(group.num_columns)]
        if columns is not None:
            parts = [one for one in parts if _is_of(one.path_in_schema, columns)]
        _check(sum(one.total_uncompressed_size for one in parts), max_bytes)
        _check(sum(one.num_values * _width(file, one) for one in parts), max_bytes)
    texts = {one.path_in_schema for one in parts if one.physical_type == "BYTE_ARRAY"}
    return pq.ParquetFile(path, read_dictionary=sorted(texts))


def _is_of(leaf: str, columns: Sequence[str]) -> bool:
    """Whether values stored under a name belong to one of some columns, as those of a list do."""
    return any(leaf == name or leaf.startswith(f"{name}.") for name in columns)


def _width(file: "pq.ParquetFile", part: "pq.ColumnChunkMetaData") -> int:
    """Bytes of one value in memory, where every value has as many; 0 for texts of any length."""
    if part.physical_type != "FIXED_LEN_BYTE_ARRAY":
        return _WIDTHS.get(part.physical_type, 0)
    leaves = (file.schema.column(place) for place in range(len(file.schema)))
    return next((one.length for one in leaves if one.path == part.path_in_schema), 0)


def _check(size: int, most: int) -> None:
    """Refuse what would not fit into memory."""
    if size > most:
        raise TooLargeError(size)


def _written_out(column: "pa.ChunkedArray | pa.Array") -> int:
    """Bytes of a column once repeated values are written out."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if isinstance(column, pa.ChunkedArray):
        return sum(map(_written_out, column.chunks))
    kind: Any = column.type
    if kinds.is_dictionary(kind):
        lengths = pc.call_function("binary_length", [column.dictionary]).take(column.indices)
        return pc.call_function("sum", [lengths.cast("int64")]).as_py() or 0
    if kinds.is_struct(kind) or kinds.is_map(kind):
        inner = column.flatten() if kinds.is_struct(kind) else [column.keys, column.items]
        return sum(map(_written_out, inner))
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _written_out(column.flatten())
    return column.nbytes


def _without_dictionaries(schema: "pa.Schema") -> "pa.Schema":
    """The columns as they were before the file was written."""
    import pyarrow as pa

    return pa.schema([field.with_type(_plain(field.type)) for field in schema], metadata=schema.metadata)


def _plain(kind: Any) -> Any:
    """A type with plain values where it has numbered ones."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_dictionary(kind):
        return kind.value_type
    if kinds.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if kinds.is_map(kind):
        return pa.map_(_plain(kind.key_type), kind.item_field.with_type(_plain(kind.item_type)))
    if not kinds.is_nested(kind):
        return kind
    values = kind.value_field.with_type(_plain(kind.value_type))
    if kinds.is_fixed_size_list(kind):
        return pa.list_(values, kind.list_size)
    return pa.large_list(values) if kinds.is_large_list(kind) else pa.list_(values)

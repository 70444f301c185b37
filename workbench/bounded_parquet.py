"""Parquet from anybody's hand: a small file can unpack to more than memory holds, so it is measured first."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TooLargeError", "read_bounded"]


class TooLargeError(ValueError):
    """A file unpacks to more than is read.

    Args:
        size: Bytes that it unpacks to.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"it unpacks to {size:,} bytes")
        self.size = size


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
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        facts = file.metadata
        _check(
            sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups)), max_bytes
        )
        wanted = [field for field in file.schema_arrow if columns is None or field.name in columns]
        _check(file.metadata.num_rows * sum(_bytes_each(field.type) for field in wanted), max_bytes)
        texts = [field.name for field in wanted if _is_text(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        table = file.read(columns=None if columns is None else list(columns))
    _check(sum(_written_out(column) for column in table.columns), max_bytes)
    return _without_dictionaries(table)


def _check(size: int, most: int) -> None:
    """Refuse what would not fit into memory."""
    if size > most:
        raise TooLargeError(size)


def _bytes_each(kind: Any) -> int:
    """Bytes of one value in memory, where every value has as many; 0 for texts and lists of any length."""
    import pyarrow.types as kinds

    if kinds.is_fixed_size_list(kind):
        return kind.list_size * _bytes_each(kind.value_type)
    if kinds.is_struct(kind):
        return sum(_bytes_each(field.type) for field in kind)
    return -(-kind.bit_width // 8) if kinds.is_primitive(kind) else 0


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

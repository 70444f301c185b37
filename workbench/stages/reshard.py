"""Writing chosen samples of a dataset into new shards, with new ids."""

import itertools
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from models.counts import check_count
from models.errors import InvalidParameterError
from workbench.errors import ShardError
from workbench.files import write_atomically, write_file
from workbench.media.names import display_name
from workbench.media.shards import ShardSample, read_shard
from workbench.media.tars import ShardProblem, add_part
from workbench.stages.shard_metadata import check_columns, stated_id, statement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Layout", "write_shards"]


class Layout(NamedTuple):
    """How shards are filled and named.

    Args:
        id_col: The column, and the field of the ``.json`` part, that names a sample.
        samples_per_shard: Samples in a shard.
        max_shards: Digits of a shard's number.
        old_id_col: A column for the ids that the samples had; None drops them.
    """

    id_col: str
    samples_per_shard: int
    max_shards: int
    old_id_col: str | None

    def new_id(self, shard: int, place: int) -> str:
        """The id of a sample: the number of its shard and its place there.

        Example:
            >>> Layout("id", 10_000, 5, None).new_id(2, 7)
            '000020007'
        """
        return f"{shard:0{self.max_shards}}{place:0{len(str(self.samples_per_shard - 1))}}"


class _Chosen(NamedTuple):
    """A sample that is kept, and its row: a place in the metadata of its shard."""

    sample: ShardSample
    table: "pd.DataFrame"
    place: int


def write_shards(
    partitions: "Iterable[tuple[Path, pd.DataFrame]]", folder: Path, filter_column: str | None, layout: Layout
) -> list[Path]:
    """Write samples into ``00000.tar`` and ``00000.parquet``, and so on; each pair whole or not at all.

    Args:
        partitions: Shards with their metadata.
        folder: Where to: a folder without shards, made when missing.
        filter_column: A column of yes and no; None keeps every sample.
        layout: How they are filled and named.

    Returns:
        The shards, in order.

    Raises:
        InvalidParameterError: If a number is out of range, the folder has shards, or the filter is no column
            of yes and no.
        ShardError: If samples and metadata differ, or there are more shards than digits for their numbers.
    """
    check_count("samples_per_shard", layout.samples_per_shard)
    check_count("max_shards", layout.max_shards)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.tar")):
        raise InvalidParameterError(f"{folder} has shards already.", next_step="Name a new folder.")
    chosen = (
        one
        for tar_file, table in partitions
        for one in _chosen(tar_file, table, layout.id_col, _mask(table, filter_column))
    )
    written: list[Path] = []
    for first in chosen:
        number = len(written)
        if number >= 10**layout.max_shards:
            raise ShardError(
                f"{number:,} shards are written, and there are more; {layout.max_shards} digits are too few.",
                next_step="Write more samples into a shard, or take a larger max_shards.",
            )
        some = itertools.chain([first], itertools.islice(chosen, layout.samples_per_shard - 1))
        written.append(folder / f"{number:0{layout.max_shards}}.tar")
        write_file(written[-1], _Pair(written[-1].with_suffix(".parquet"), number, some, layout))
    return written


class _Pair(NamedTuple):
    """A shard that is being written, and its metadata."""

    parquet: Path
    number: int
    samples: Iterable[_Chosen]
    layout: Layout

    def __call__(self, path: Path) -> None:
        """Write the shard to a path, then its metadata to its place."""
        id_col, old_id_col = self.layout.id_col, self.layout.old_id_col
        ids: list[str] = []
        rows: list[tuple[pd.DataFrame, int]] = []
        with tarfile.open(path, "w") as tar:
            for one in self.samples:
                ids.append(self.layout.new_id(self.number, len(ids)))
                rows.append((one.table, one.place))
                for suffix, content in _renamed(one.sample, id_col, ids[-1]).items():
                    add_part(tar, ids[-1], suffix, content)
        table = _joined(rows)
        if old_id_col is not None:
            table[old_id_col] = table[id_col]
        table[id_col] = ids
        write_atomically(self.parquet, table.to_parquet(index=False))


def _mask(table: "pd.DataFrame", filter_column: str | None) -> list[bool]:
    """Which rows are kept."""
    if filter_column is None:
        return [True] * len(table)
    check_columns(table, [filter_column])
    values = table[filter_column]
    if values.dtype.kind != "b" or values.isna().any():
        raise InvalidParameterError(
            f"Column {filter_column!r} holds {values.dtype}; yes or no for each row is expected.",
            next_step="Add a step that compares, such as scores > 0.5.",
        )
    return values.tolist()


def _chosen(tar_file: Path, table: "pd.DataFrame", id_col: str, mask: list[bool]) -> Iterator[_Chosen]:
    """Read the samples of a shard that are kept, in its order; none of its rows may be without one."""
    missing = {name: place for place, name in enumerate(table[id_col]) if mask[place]}
    known, problems = set(table[id_col]), []
    for found in read_shard(tar_file):
        if isinstance(found, ShardProblem):
            problems.append(str(found))
            continue
        name = stated_id(found, id_col)
        if name not in known:
            raise ShardError(
                f"{display_name(tar_file)} has the sample {name!r}; its metadata has no such row."
            )
        place = missing.pop(name, None)
        if place is not None:
            yield _Chosen(found, table, place)
    if missing:
        names = ", ".join(map(repr, list(missing)[:3]))
        raise ShardError(
            f"{display_name(tar_file)} lacks {len(missing)} samples of its metadata: "
            f"{'; '.join([names, *problems[:3]])}."
        )


def _renamed(sample: ShardSample, id_col: str, new_id: str) -> dict[str, bytes]:
    """The parts of a sample; where one states the id, it states the new one."""
    stated: dict[str, Any] = statement(sample)
    if id_col not in stated:
        return sample.parts
    return {**sample.parts, "json": json.dumps({**stated, id_col: new_id}).encode()}


def _joined(rows: "list[tuple[pd.DataFrame, int]]") -> "pd.DataFrame":
    """Take rows of several tables, in their order."""
    import pandas as pd

    parts = [list(part) for _, part in itertools.groupby(rows, key=lambda row: id(row[0]))]
    return pd.concat([part[0][0].iloc[[place for _, place in part]] for part in parts], ignore_index=True)

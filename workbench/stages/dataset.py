"""A WebDataset of image-text pairs: numbered tar shards with a Parquet file of metadata beside each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from natsort import natsorted

from workbench.errors import ShardError, SourceNotFoundError, StageError
from workbench.files import write_file
from workbench.media.names import display_name
from workbench.media.shards import read_shard
from workbench.media.tars import ShardProblem
from workbench.stages.reshard import Layout, write_shards
from workbench.stages.shard_metadata import check_columns, read_metadata, stated_id

if TYPE_CHECKING:
    import pandas as pd

    from workbench.stages.pipeline import Executor

__all__ = ["ImageTextPairDataset"]

VECTOR_COLUMNS = "vector_columns"  # in a table's attrs: which columns hold vectors
Step = Callable[[Path, "pd.DataFrame"], "pd.DataFrame"]


@dataclass(frozen=True)
class ImageTextPairDataset:
    """Shards and their metadata; what is to be computed is computed shard by shard, when it is asked for.

    Args:
        path: The folder.
        tar_files: Its shards, in natural order.
        id_col: The column that names a sample.
        steps: What is done to the metadata of a shard; embedders add theirs.
    """

    path: Path
    tar_files: tuple[Path, ...]
    id_col: str
    steps: tuple[Step, ...] = field(default=(), repr=False)

    @classmethod
    def from_webdataset(cls, path: Path | str, id_col: str = "id") -> "ImageTextPairDataset":
        """Open a folder of shards.

        Args:
            path: Folder with ``00000.tar``, ``00001.tar``, ... A ``00000.parquet`` beside a shard has its
                metadata; without one there is a row per sample, whose id is what its ``.json`` part
                states, else its key.
            id_col: The column that names a sample, also in the ``.json`` part of the samples.

        Returns:
            The dataset; nothing but the folder has been read.

        Raises:
            SourceNotFoundError: If the folder is missing or has no shard.

        Example:
            >>> ImageTextPairDataset.from_webdataset("/nowhere")
            Traceback (most recent call last):
            ...
            workbench.errors.SourceNotFoundError: There is no folder /nowhere.
        """
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise SourceNotFoundError(f"There is no folder {folder}.")
        shards = natsorted((one for one in folder.glob("*.tar") if one.is_file()), key=lambda one: one.name)
        if not shards:
            raise SourceNotFoundError(
                f"{folder} has no shard.", next_step="A dataset is a folder of .tar files: 00000.tar, ..."
            )
        return cls(folder, tuple(shards), id_col)

    def with_step(self, step: Step) -> "ImageTextPairDataset":
        """Return a dataset whose metadata also goes through a step; this one stays as it is."""
        return replace(self, steps=(*self.steps, step))

    def partition(self, tar_file: Path) -> "pd.DataFrame":
        """Compute the metadata of one shard.

        Args:
            tar_file: One of ``tar_files``.

        Returns:
            One row per sample, in the order of the Parquet file or, without one, of the shard.

        Raises:
            EmbeddingsFileError: If the Parquet file cannot be read, unpacks to more than 1 GiB, or lacks
                a column of ids that are texts or whole numbers.
            ShardError: If ids are missing or there twice.
        """
        table = _metadata(tar_file, self.id_col)
        for step in self.steps:
            table = step(tar_file, table)
        return table

    def partitions(self) -> "Iterator[tuple[Path, pd.DataFrame]]":
        """Compute the metadata of every shard, one after the other."""
        for tar_file in self.tar_files:
            yield tar_file, self.partition(tar_file)

    @property
    def metadata(self) -> "pd.DataFrame":
        """The metadata of all shards as one table, computed anew each time."""
        import pandas as pd

        return pd.concat([table for _, table in self.partitions()], ignore_index=True)

    def save_metadata(
        self,
        path: Path | str | None = None,
        columns: Sequence[str] | None = None,
        *,
        executor: "Executor | None" = None,
    ) -> list[Path]:
        """Compute the metadata and write ``NNNNN.parquet`` for every shard, each whole or not at all.

        Args:
            path: Folder to write to, made when missing; None is beside the shards, where the files of
                the same name are replaced.
            columns: Columns to write; None writes all. The id column is always among them.
            executor: Where the shards are computed; None is here, one after the other. Workers of a cluster
                must find the shards under the same path, and keep what an embedder ``skipped`` to themselves.

        Returns:
            The files, in order.

        Raises:
            InvalidParameterError: If a column does not exist.
            StageError: If an executor fails on a shard; the message says why. One that ignores failures
                writes the other shards first.
        """
        folder = self.path if path is None else Path(path).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        if executor is None:
            return [self._save(tar_file, folder, columns) for tar_file in self.tar_files]
        from workbench.stages.base import processing_stage
        from workbench.stages.pipeline import Pipeline
        from workbench.stages.tasks import Task

        @processing_stage(name="save_metadata")
        def save(task: Task[Path]) -> Task[Path]:
            task.data = [self._save(tar_file, folder, columns) for tar_file in task.data]
            return task

        tasks = [Task(str(self.path), [tar_file], tar_file.name) for tar_file in self.tar_files]
        result = Pipeline("metadata", stages=[save]).run(executor, tasks)
        if result.failures:
            why = "; ".join(f"{one.task}: {one.error}" for one in result.failures[:3])
            raise StageError(f"{len(result.failures)} of {len(tasks)} shards have no metadata: {why}")
        return result.items

    def _save(self, tar_file: Path, folder: Path, columns: Sequence[str] | None) -> Path:
        """Compute the metadata of one shard, and write it."""
        target = folder / f"{tar_file.stem}.parquet"
        chosen = _selected(self.partition(tar_file), self.id_col, columns)
        write_file(target, lambda part: _write(chosen, part, self.id_col))
        return target

    def to_webdataset(
        self,
        path: Path | str,
        filter_column: str | None = None,
        samples_per_shard: int = 10_000,
        max_shards: int = 5,
        old_id_col: str | None = None,
    ) -> "ImageTextPairDataset":
        """Write chosen samples, with all their parts, into shards of a new folder.

        Samples get new ids: the number of their shard and their place in it. A ``.json`` part that states the
        id states the new one. Nothing of a sample is decoded.

        Args:
            path: A folder without shards, made when missing.
            filter_column: A column of yes and no, as a step adds it; None keeps every sample.
            samples_per_shard: Samples in a shard.
            max_shards: Digits of a shard's number: 5 is room for 100,000 shards.
            old_id_col: A column for the ids that the samples had; None drops them.

        Returns:
            The new dataset.

        Raises:
            InvalidParameterError: If the folder has shards, a number is out of range, or the filter is no
                column of yes and no.
            ShardError: If samples and metadata differ, no sample is left, or there are more shards than
                digits for their numbers.
        """
        folder = Path(path).expanduser()
        layout = Layout(self.id_col, samples_per_shard, max_shards, old_id_col)
        if not write_shards(self.partitions(), folder, filter_column, layout):
            why = f": {filter_column!r} says no to all" if filter_column else ""
            raise ShardError(f"{self.path} has no sample to write{why}.")
        return type(self).from_webdataset(folder, self.id_col)


def _metadata(tar_file: Path, id_col: str) -> "pd.DataFrame":
    """Read the metadata of a shard; its ids are checked."""
    import pandas as pd

    parquet = tar_file.with_suffix(".parquet")
    if parquet.is_file():
        table = read_metadata(parquet, id_col)
    else:
        samples = read_shard(tar_file, suffixes={"json"})
        ids = [stated_id(one, id_col) for one in samples if not isinstance(one, ShardProblem)]
        table = pd.DataFrame({id_col: ids}, dtype=None if ids else object)
    twice = table[id_col][table[id_col].duplicated()]
    if len(twice) or table[id_col].isna().any():
        what = f"{twice.iloc[0]!r} is there twice" if len(twice) else "one is missing"
        raise ShardError(f"The ids of {display_name(tar_file)} are not unique: {what}.")
    return table


def _write(table: "pd.DataFrame", path: Path, id_col: str) -> None:
    """Write a table as Parquet, with types that do not depend on which shard it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.Table.from_pandas(table, preserve_index=False)
    kinds = dict.fromkeys(table.attrs.get(VECTOR_COLUMNS, []), pa.list_(pa.float32()))
    if pa.types.is_null(rows.schema.field(id_col).type):  # a shard without samples
        kinds[id_col] = pa.string()
    fields = [field.with_type(kinds.get(field.name, field.type)) for field in rows.schema]
    schema = pa.schema(fields, rows.schema.metadata)
    pq.write_table(rows.cast(schema) if len(rows) else schema.empty_table(), path)


def _selected(table: "pd.DataFrame", id_col: str, columns: Sequence[str] | None) -> "pd.DataFrame":
    """Keep some columns."""
    if columns is None:
        return table
    check_columns(table, columns)
    return table[list(dict.fromkeys([id_col, *columns]))]

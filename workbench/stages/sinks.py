"""Stages that keep what came out: in a store, in Parquet files, in shards."""

import io
import json
import math
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from models.counts import check_count
from workbench.engine.adapter import as_array
from workbench.engine.loop import chunks
from workbench.errors import StageError
from workbench.files import valid_text, write_file
from workbench.media.tars import add_part
from workbench.stages.base import ProcessingStage
from workbench.stages.tasks import NOT_DECODED, ImageObject, Task, identity_of, item_identity

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.engine.store import VectorStore

__all__ = ["WriteParquetStage", "WriteStoreStage", "WriteWebDatasetStage"]


class WriteStoreStage(ProcessingStage[Task, Task]):
    """Keeps the vectors of a batch in an embedding store, in one commit.

    A clip is known by its content and span. An image or clip that was made by hand is known by its path, its
    id, its dataset and its pixels, where they are there still; its id or path is its key.

    Args:
        store: The folder of the store, or an ``EmbeddingStore``.
    """

    name = "write_store"

    def __init__(self, store: Any) -> None:
        self.store = store
        self._opened: VectorStore | None = None

    def setup(self, worker_metadata: Any = None) -> None:  # noqa: ARG002 - all workers are alike
        """Open the store."""
        from workbench.engine.store import open_store

        self._opened = open_store(self.store)

    def process(self, task: Task) -> Task:
        """Write the items that have a vector.

        Args:
            task: A batch that ``EmbedStage`` embedded.

        Returns:
            The same task.
        """
        embedded = [item for item in task.data if item.embedding is not None]
        if not embedded:
            return task
        if self._opened is None:
            raise StageError(f"Stage {self.name!r} is not set up.", next_step="Call setup() first.")
        if task.space is None:
            raise StageError(f"{task!r} does not say which space its vectors live in; EmbedStage does.")
        rows = {_stored_id(item, task.dataset_name): item for item in embedded}
        self._opened.put(
            task.space,
            list(rows),
            np.stack([_vector(item.embedding, task) for item in rows.values()]),
            clips=cast("Any", [item.metadata.get("clip") or _HandMade.of(item) for item in rows.values()]),
            provenance=task.provenance,
        )
        return task


class WriteParquetStage(ProcessingStage[Task, Task]):
    """Writes one Parquet file for each batch. The same batch has the same name: a second run replaces it.

    The columns: ``id``, ``path``, ``start_s``, ``stop_s``, ``embedding`` (float32, D numbers, null where
    there is none), ``model_id``, ``revision``, ``space``, and ``scores`` and ``errors`` as JSON.

    Args:
        folder: Where to; made when it is not there.

    Example:
        >>> import tempfile
        >>> import pandas as pd
        >>> from workbench.stages import ImageBatch, ImageObject
        >>> folder = tempfile.mkdtemp()
        >>> item = ImageObject("a.png", "a", embedding=np.ones(2, np.float32), scores={"red": 0.5})
        >>> done = WriteParquetStage(folder).process(ImageBatch(data=[item]))
        >>> pd.read_parquet(folder)[["id", "scores"]].values.tolist()
        [['a', '{"red": 0.5}']]
    """

    name = "write_parquet"

    def __init__(self, folder: Any) -> None:
        self.folder = str(folder)

    def process(self, task: Task) -> Task:
        """Write the items, also those with errors; a batch without items writes nothing.

        Args:
            task: A batch at any stage.

        Returns:
            The same task.
        """
        import pyarrow.parquet as pq

        if task.data:
            path = _in_folder(self.folder, f"{identity_of(task)}.parquet")
            table = _table(task)
            write_file(path, lambda part: pq.write_table(table, part))
        return task


class WriteWebDatasetStage(ProcessingStage[Task, Task]):
    """Writes the pictures of batches into WebDataset shards, as PNG with their metadata as JSON.

    A shard is named by its content and written whole or not at all: a second run replaces it.

    Args:
        folder: Where to; made when it is not there.
        images_per_tar: Most samples in a shard. A batch fills its own shards: batches are never mixed.

    Example:
        >>> import tempfile
        >>> from workbench.media.shards import read_shard
        >>> from workbench.stages import ImageBatch, ImageObject
        >>> folder = tempfile.mkdtemp()
        >>> item = ImageObject(image_id="a", image_data=np.zeros((2, 2, 3), np.uint8))
        >>> done = WriteWebDatasetStage(folder).process(ImageBatch(data=[item]))
        >>> [sorted(one.parts) for one in read_shard(done._metadata["shards"][0])]
        [['json', 'png']]
    """

    name = "write_webdataset"

    def __init__(self, folder: Any, images_per_tar: int = 1000) -> None:
        check_count("images_per_tar", images_per_tar)
        self.folder = str(folder)
        self.images_per_tar = images_per_tar

    def process(self, task: Task) -> Task:
        """Write the images that have pixels; the paths are in the batch's ``_metadata["shards"]``.

        Args:
            task: A decoded batch of images.

        Returns:
            The same task; what cannot be written, as a clip of a film, says so in ``errors``.
        """
        images = [(f"{place:06}", item) for place, item in enumerate(task.data) if self._is_picture(item)]
        name, shards = identity_of(task), []
        for number, part in enumerate(chunks(images, self.images_per_tar)):
            path = _in_folder(self.folder, f"{name}-{number:05}.tar")
            write_file(path, lambda beside, part=part: _write_shard(beside, part))
            shards.append(str(path))
        task._metadata["shards"] = shards  # noqa: SLF001 - the field for what belongs to the batch
        return task

    def _is_picture(self, item: Any) -> bool:
        """Whether an item can be written; one that cannot says why, unless it has said so already."""
        if isinstance(item, ImageObject) and item.image_data is not None:
            return True
        if not item.errors:
            is_image = isinstance(item, ImageObject)
            item.errors[self.name] = (
                NOT_DECODED
                if is_image
                else "shards hold images, and it is a clip; WriteParquetStage and WriteStoreStage take it"
            )
        return False


@dataclass(frozen=True)
class _HandMade:
    """What a store keeps beside the vector of an item that is no clip."""

    key: str
    path: str
    kind: str
    start_s: float | None = None
    stop_s: float | None = None
    caption: str = ""

    @classmethod
    def of(cls, item: Any) -> "_HandMade":
        """Read it from the item."""
        if isinstance(item, ImageObject):
            return cls(item.image_id or item.image_path, item.image_path, "image")
        path = str(item.video_path)
        return cls(item.video_id or path, path, "video", item.start_s, item.stop_s)


def _stored_id(item: Any, dataset_name: str) -> str:
    """Name an item for the store."""
    from workbench.engine.clip_ids import stored_id

    clip = item.metadata.get("clip")
    return f"item-{item_identity(item, dataset_name)}" if clip is None else stored_id(clip)


def _in_folder(folder: str, name: str) -> Path:
    """The path of a file in a folder, which is made."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / name


def _table(task: Task) -> "pa.Table":
    """Write a batch as a table; its types do not depend on what is in it."""
    import pyarrow as pa

    space = task.space
    rows = [
        {
            "id": valid_text(getattr(item, "video_id", "") or getattr(item, "image_id", "")),
            "path": valid_text(getattr(item, "video_path", "") or getattr(item, "image_path", "")),
            "start_s": getattr(item, "start_s", None),
            "stop_s": getattr(item, "stop_s", None),
            "embedding": None if item.embedding is None else _vector(item.embedding, task),
            "model_id": space.model_id if space else "",
            "revision": space.revision if space else "",
            "space": space.key if space else "",
            "scores": json.dumps(_numbers(item.scores)),
            "errors": json.dumps({str(name): str(reason) for name, reason in item.errors.items()}),
        }
        for item in task.data
    ]
    kinds = {"start_s": pa.float64(), "stop_s": pa.float64(), "embedding": pa.list_(pa.float32())}
    return pa.Table.from_pylist(rows, pa.schema([(name, kinds.get(name, pa.string())) for name in rows[0]]))


def _write_shard(path: Path, images: list[tuple[str, ImageObject]]) -> None:
    """Write the samples of one shard; the same samples give the same bytes."""
    with tarfile.open(path, "w") as tar:
        for key, item in images:
            facts = {"id": item.image_id, "path": item.image_path, "scores": _numbers(item.scores)}
            own = {name: value for name, value in item.metadata.items() if _is_plain(value)}
            facts |= {name: value for name, value in own.items() if name not in facts}
            for suffix, content in (("png", _png(item)), ("json", json.dumps(facts).encode())):
                add_part(tar, key, suffix, content)


def _png(item: ImageObject) -> bytes:
    """Write an image without loss."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.asarray(item.image_data)).save(stream, "PNG")
    return stream.getvalue()


def _vector(embedding: Any, task: Task) -> np.ndarray:
    """A vector as it is written: float32 (D,), finite."""
    vector = as_array(embedding)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        what = f"has shape {vector.shape}" if vector.ndim != 1 else "holds NaN or infinite numbers"
        raise StageError(f"A vector of {task!r} {what}; D finite numbers are expected.")
    return vector


def _numbers(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores as JSON can hold them: also those of NumPy; one that is no number is null."""
    plain = ((str(name), one.item() if hasattr(one, "item") else one) for name, one in scores.items())
    return {name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in plain}


def _is_plain(value: Any) -> bool:
    """Whether JSON can hold a value as it is."""
    return value is None or isinstance(value, str | int | float | bool)

"""What travels through a pipeline: batches of images or clips, with what went wrong as data on the item."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from models.vectors import EmbeddingSpace
from workbench.stages.metrics import StagePerfStats

__all__ = [
    "ImageBatch",
    "ImageObject",
    "Task",
    "VideoBatch",
    "VideoObject",
    "content_key",
    "good_items",
    "numbered",
]

Item = TypeVar("Item")


@dataclass(repr=False)
class Task(Generic[Item]):
    """A batch on its way through the stages.

    Args:
        dataset_name: Where it comes from.
        data: Its items, in order.
        task_id: Name of the batch in messages and logs; given by the pipeline when empty.
        _metadata: Anything that belongs to the batch as a whole.
        _stage_perf: One record per stage that it went through.
        space: Embedding space of its items' ``embedding``; None before they are embedded.
        provenance: What made those vectors: device, versions, frames.
    """

    dataset_name: str = ""
    data: list[Item] = field(default_factory=list)
    task_id: str = ""
    _metadata: dict[str, Any] = field(default_factory=dict)
    _stage_perf: list[StagePerfStats] = field(default_factory=list)
    space: EmbeddingSpace | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def num_items(self) -> int:
        """How many items the batch has."""
        return len(self.data)

    def validate(self) -> bool:
        """Whether the batch can be processed: its items stand in a list."""
        return isinstance(self.data, list)

    def __repr__(self) -> str:
        name = f" {self.task_id}" if self.task_id else ""
        failed = sum(bool(getattr(item, "errors", None)) for item in self.data)
        return (
            f"<{type(self).__name__}{name}: {self.num_items} items"
            + (f", {failed} with errors" if failed else "")
            + ">"
        )


@dataclass
class ImageObject:
    """One image, and what the stages found out about it.

    Args:
        image_path: Where it was read from.
        image_id: Its id in the dataset.
        metadata: What the dataset says about it.
        image_data: RGB uint8 (H, W, 3); None before it is read and after it is dropped.
        embedding: float32 (D,); None before it is embedded.
        embeddings: More vectors, by model id; adding a model needs no new field.
        scores: Numbers that filters and classifiers gave it, by name.
        errors: What went wrong, by what was tried; an item with errors is passed over.
    """

    image_path: str = ""
    image_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    image_data: np.ndarray | None = field(default=None, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    scores: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass
class VideoObject:
    """One clip, and what the stages found out about it.

    Args:
        video_path: Where it is read from.
        video_id: Its id in the dataset.
        start_s: Where the clip starts in the file, seconds.
        stop_s: Where it stops; None is the end of the file.
        metadata: What the dataset says about it.
        frames: RGB uint8 (T, H, W, 3); None before it is decoded and after it is dropped.
        times_s: float64 (T,), seconds of those frames in the file.
        embedding: float32 (D,); None before it is embedded.
        embeddings: More vectors, by model id.
        scores: Numbers that filters and classifiers gave it, by name.
        errors: What went wrong, by what was tried; an item with errors is passed over.
    """

    video_path: str | Path = ""
    video_id: str = ""
    start_s: float = 0.0
    stop_s: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    frames: np.ndarray | None = field(default=None, repr=False)
    times_s: np.ndarray | None = field(default=None, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    scores: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class ImageBatch(Task[ImageObject]):
    """A batch of images.

    Example:
        >>> ImageBatch(dataset_name="pets", data=[ImageObject(image_id="1")])
        <ImageBatch: 1 items>
    """


class VideoBatch(Task[VideoObject]):
    """A batch of clips.

    Example:
        >>> VideoBatch(data=[VideoObject(video_path="a.mp4", errors={"decode": "empty file"})])
        <VideoBatch: 1 items, 1 with errors>
    """


def numbered(tasks: Iterable[Any]) -> Iterator[Any]:
    """Name the tasks that have a ``task_id`` and none yet.

    Args:
        tasks: Tasks, or anything else that stages take; read only as far as needed.

    Yields:
        The same, in order.

    Example:
        >>> [task.task_id for task in numbered([ImageBatch(), ImageBatch(task_id="b")])]
        ['0', 'b']
    """
    for number, task in enumerate(tasks):
        if getattr(task, "task_id", None) == "":
            task.task_id = str(number)
        yield task


def content_key(task: Any) -> str:
    """Name a task by what is in it, whatever it is called and whatever was computed of it.

    Args:
        task: A batch, or anything else that stages take.

    Returns:
        32 hexadecimal digits, fit for a file name: the same for the same clips or images in the same
        order, in every run.

    Example:
        >>> one = ImageBatch(data=[ImageObject("a.png", "a")])
        >>> two = ImageBatch(data=[ImageObject("a.png", "a", scores={"red": 1.0})], task_id="7")
        >>> content_key(one) == content_key(two) != content_key(ImageBatch())
        True
    """
    items = getattr(task, "data", None)
    parts = [_identity(item) for item in items] if isinstance(items, list) else [_identity(task)]
    text = json.dumps([type(task).__name__, parts])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _identity(item: Any) -> list[Any]:
    """What makes an item this one: its name and content; for one without a name, its pixels."""
    if isinstance(item, ImageObject):
        named, pixels = [item.image_path, item.image_id], item.image_data
    elif isinstance(item, VideoObject):
        named, pixels = [str(item.video_path), item.video_id, item.start_s, item.stop_s], item.frames
    else:
        return [repr(item)]
    clip = item.metadata.get("clip")
    named.append(getattr(clip, "content_id", ""))
    if not any(named[:2]) and pixels is not None:
        named.append(hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest())
    return named


def good_items(task: Task[Any]) -> list[Any]:
    """The items without errors."""
    return [item for item in task.data if not item.errors]

"""What travels through a pipeline: batches of images or clips, with what went wrong as data on the item."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from models.vectors import EmbeddingSpace
from workbench.stages.metrics import StagePerfStats

__all__ = [
    "NOT_DECODED",
    "ImageBatch",
    "ImageObject",
    "Task",
    "VideoBatch",
    "VideoObject",
    "good_items",
    "identify",
    "identity_of",
    "item_identity",
    "numbered",
]

NOT_DECODED = "it is not decoded; put a stage that decodes before"  # of an item without pixels

Item = TypeVar("Item")
_PLAIN = (str, int, float, bool, bytes, type(None))


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
        identity: What a checkpoint and the files of a writing stage know it by, in every run; given by the
            pipeline when empty, from what is in it, and to what stages make of it from their task's.
    """

    dataset_name: str = ""
    data: list[Item] = field(default_factory=list)
    task_id: str = ""
    _metadata: dict[str, Any] = field(default_factory=dict)
    _stage_perf: list[StagePerfStats] = field(default_factory=list)
    space: EmbeddingSpace | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    identity: str = field(default="", compare=False)

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
    """Name the tasks that have a ``task_id`` and none yet, and give them their identity.

    Args:
        tasks: Tasks, or anything else that stages take; read only as far as needed.

    Yields:
        The same, in order.

    Example:
        >>> [task.task_id for task in numbered([ImageBatch(), ImageBatch(task_id="b")])]
        ['0', 'b']
    """
    for number, task in enumerate(tasks):
        if isinstance(task, Task) and task.data:
            task.identity = identity_of(task)
        if getattr(task, "task_id", None) == "":
            task.task_id = str(number)
        yield task


def identity_of(task: Any) -> str:
    """Name a task by what was in it when it came: its items, or what it is when it has none.

    Args:
        task: A batch, or anything else that stages take.

    Returns:
        32 hexadecimal digits, fit for a file name: the same for the same clips or images in the same order,
        in every run, whatever the task is called and whatever was computed of it.

    Example:
        >>> one = ImageBatch(data=[ImageObject("a.png", "a")])
        >>> two = ImageBatch(data=[ImageObject("a.png", "a", scores={"red": 1.0})], task_id="7")
        >>> identity_of(one) == identity_of(two) != identity_of(ImageBatch())
        True
    """
    if isinstance(task, Task):
        own = _plain(task._metadata)  # noqa: SLF001 - the field for what belongs to the batch
        items = (item_identity(item, task.dataset_name) for item in task.data)
        return task.identity or _digest([type(task).__name__, [*items], own])
    return _digest([type(task).__name__, repr(task)])


def item_identity(item: Any, dataset_name: str) -> str:
    """Name an item by its name and content, and by the dataset where its content is not known.

    Args:
        item: An item that no stage has changed yet.
        dataset_name: The dataset of its batch.

    Returns:
        32 hexadecimal digits.
    """
    return _digest(_facts(item, dataset_name))


def identify(results: Sequence[tuple[Any, Sequence[Any]]]) -> None:
    """Give what a stage made the identity of what it came from; several of one are numbered.

    Args:
        results: What came of one call, each with the tasks that it was made of.

    Example:
        >>> whole = next(numbered([ImageBatch(data=[ImageObject(image_id="a"), ImageObject(image_id="b")])]))
        >>> parts = [ImageBatch(data=[item]) for item in whole.data]
        >>> identify([(part, [whole]) for part in parts])
        >>> len({whole.identity, *(part.identity for part in parts)})
        3
    """
    made = {id(task): (task, parents) for task, parents in results if isinstance(task, Task)}
    for task, parents in made.values():
        task.identity = task.identity or _joined([getattr(one, "identity", "") for one in parents])
        task.identity = identity_of(task)
    alike, numbers = Counter(task.identity for task, _ in made.values()), Counter[str]()
    for task, _ in made.values():
        shared = task.identity
        if alike[shared] > 1:
            task.identity = _digest([shared, numbers[shared]])
            numbers[shared] += 1


def _joined(identities: list[str]) -> str:
    """One identity for what was made of several tasks; "" where one has none."""
    if len(identities) < 2 or "" in identities:
        return identities[0] if len(identities) == 1 else ""
    return _digest(identities)


def _facts(item: Any, dataset_name: str) -> list[Any]:
    """What makes an item this one; what stages find out about it later is not looked at."""
    if isinstance(item, ImageObject):
        facts: list[Any] = [item.image_path, item.image_id]
        pixels = item.image_data
    elif isinstance(item, VideoObject):
        facts = [str(item.video_path), item.video_id, item.start_s, item.stop_s]
        pixels = item.frames
    else:
        return [repr(item)]
    content = getattr(item.metadata.get("clip"), "content_id", "")
    if content:
        return [*facts, content]
    known = [*facts, dataset_name, _pixels_digest(pixels)]
    return known if any(facts[:2]) or pixels is not None else [*known, _plain(item.metadata)]


def _pixels_digest(pixels: Any) -> list[Any]:
    """What an array of pixels is known by; nothing where there is none."""
    if not isinstance(pixels, np.ndarray):
        return []
    return [pixels.shape, hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()]


def _plain(facts: dict[str, Any]) -> list[Any]:
    """What JSON can hold of a dict, in order of the names."""
    return sorted((str(key), repr(one)) for key, one in facts.items() if isinstance(one, _PLAIN))


def _digest(parts: list[Any]) -> str:
    """Name something by its parts."""
    text = json.dumps(parts, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def good_items(task: Task[Any]) -> list[Any]:
    """The items without errors."""
    return [item for item in task.data if not item.errors]

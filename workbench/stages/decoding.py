"""Stages that fetch pixels: decode clips and images, sample fewer frames of what is decoded."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from models.counts import check_count
from workbench.errors import InvalidClipError, MediaError, StageError
from workbench.media.sampling import frame_indices
from workbench.stages.base import ProcessingStage, WorkerMetadata
from workbench.stages.resources import threads_given
from workbench.stages.tasks import NOT_DECODED, ImageObject, Task, VideoObject, good_items

__all__ = ["DecodeStage", "SampleStage"]


@dataclass
class DecodeStage(ProcessingStage[Task, Task]):
    """Decodes the pictures of a batch; one that cannot be decoded says why and ends nothing.

    Args:
        num_frames: T, frames of each clip; the whole clip is covered.
        name: What it is called in messages.
    """

    num_frames: int = 8
    name: str = "decode"
    _threads: int = field(default=1, init=False, repr=False)

    def __post_init__(self) -> None:
        """Find a wrong number at once, not in a worker."""
        check_count("num_frames", self.num_frames)

    def setup(self, worker_metadata: WorkerMetadata | None = None) -> None:
        """Take a thread for each processor that the worker was given; in this process, as ``embed`` does."""
        self._threads = threads_given(worker_metadata)

    def process(self, task: Task) -> Task:
        """Fill ``image_data`` or ``frames`` and ``times_s``, several items at once.

        Args:
            task: A batch from ``ReadClipsStage``.

        Returns:
            The same task.
        """
        items = good_items(task)
        threads = max(self._threads // max(len(items), 1), 1)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="workbench-decode") as pool:
            list(pool.map(lambda item: self._decode(item, threads), items))
        return task

    def _decode(self, item: ImageObject | VideoObject, threads: int) -> None:
        """Decode one item, or note on it why that cannot be done."""
        clip = item.metadata.get("clip")
        if clip is None:
            raise StageError(
                f"Stage {self.name!r} needs items that ReadClipsStage listed; {item!r} has no clip."
            )
        try:
            frames = clip.frames(self.num_frames, threads=threads)
        except (MediaError, InvalidClipError, OSError) as error:
            item.errors[self.name] = str(error)
            return
        if isinstance(item, ImageObject):
            item.image_data = frames.data[0]
        else:
            item.frames, item.times_s = frames.data, frames.times_s


@dataclass
class SampleStage(ProcessingStage[Task, Task]):
    """Keeps T of the frames that clips were decoded to: the middles of equal parts.

    So clips are decoded once for models that take different numbers of frames. Images stay as they are; of a
    clip with fewer frames some come more than once.

    Args:
        num_frames: T, frames of each clip.
        name: What it is called in messages.

    Raises:
        InvalidParameterError: If ``num_frames`` is no whole number from 1.

    Example:
        >>> import numpy as np
        >>> from workbench.stages import VideoBatch, VideoObject
        >>> clip = VideoObject(frames=np.zeros((16, 2, 2, 3), np.uint8), times_s=np.arange(16.0))
        >>> SampleStage(4).process(VideoBatch(data=[clip])).data[0].times_s
        array([ 2.,  6., 10., 14.])
    """

    num_frames: int = 8
    name: str = "sample"

    def __post_init__(self) -> None:
        """Find a wrong number at once, not in a worker."""
        check_count("num_frames", self.num_frames)

    def process(self, task: Task) -> Task:
        """Leave fewer frames in ``frames`` and ``times_s``.

        Args:
            task: A decoded batch.

        Returns:
            The same task; a clip without frames says so in ``errors``.
        """
        for item in good_items(task):
            if not isinstance(item, VideoObject):
                continue
            if item.frames is None:
                item.errors[self.name] = NOT_DECODED
                continue
            places = frame_indices(len(item.frames), self.num_frames)
            item.frames = item.frames[places]
            if item.times_s is not None:
                item.times_s = item.times_s[places]
        return task

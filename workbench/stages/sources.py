"""Stages that start a pipeline: they list what there is, and decode nothing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.counts import check_count
from workbench.engine.loop import chunks
from workbench.stages.base import ProcessingStage
from workbench.stages.tasks import ImageBatch, ImageObject, Task, VideoBatch, VideoObject

if TYPE_CHECKING:
    from workbench.media.clips import Clip

__all__ = ["ReadClipsStage"]


@dataclass
class ReadClipsStage(ProcessingStage[Task, Task]):
    """Lists clips and images; decodes nothing. Starts a pipeline.

    Args:
        source: A file, a folder, a glob, or a list of these, as ``load_clips`` takes it.
        items_per_task: Items in a batch.
        name: What it is called in messages.
    """

    source: Any
    items_per_task: int = 32
    name: str = "read_clips"

    def __post_init__(self) -> None:
        """Find a wrong number at once, not in a worker."""
        check_count("items_per_task", self.items_per_task)

    def process(self, task: Task) -> list[Task]:  # noqa: ARG002 - it starts the pipeline
        """Make batches: videos, then images, in natural order; what could not be read comes last.

        Args:
            task: The empty task that starts a pipeline.

        Returns:
            ``VideoBatch`` and ``ImageBatch`` tasks; an item that could not be read says why in ``errors``.
        """
        from workbench.media.sources import load_clips

        clips = load_clips(self.source)
        name = str(self.source)
        videos = [_video(clip) for clip in clips if clip.kind == "video"]
        videos += [VideoObject(one.path, str(one.path), errors={"read": one.reason}) for one in clips.errors]
        images = [_image(clip) for clip in clips if clip.kind == "image"]
        tasks: list[Task] = [VideoBatch(name, part) for part in chunks(videos, self.items_per_task)]
        return tasks + [ImageBatch(name, part) for part in chunks(images, self.items_per_task)]


def _video(clip: "Clip") -> VideoObject:
    """A clip as an item."""
    return VideoObject(clip.path, clip.key, clip.start_s, clip.stop_s, {"clip": clip})


def _image(clip: "Clip") -> ImageObject:
    """An image as an item."""
    return ImageObject(str(clip.path), clip.key, {"clip": clip})

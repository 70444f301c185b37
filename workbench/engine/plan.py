"""What a run would do, before it starts."""

from dataclasses import dataclass
from typing import Any

from workbench.engine.adapter import AdaptedModel, adapt, is_model
from workbench.engine.clip_ids import as_clips, stored_id
from workbench.engine.store import VectorStore
from workbench.wording import counted


@dataclass(frozen=True)
class EmbedPlan:
    """The size of a run.

    Args:
        num_videos: Clips of videos.
        num_images: Still images; each counts as 1 frame.
        num_frames: T, the frames taken of each video clip.
        reused: Clips and images whose vectors are in the store already.

    Example:
        >>> EmbedPlan(num_videos=24, num_images=12, num_frames=8, reused=10).text
        '24 clips x 8 frames + 12 images (10 already embedded)'
    """

    num_videos: int
    num_images: int
    num_frames: int
    reused: int = 0

    @property
    def total(self) -> int:
        """Clips and images together."""
        return self.num_videos + self.num_images

    @property
    def total_frames(self) -> int:
        """Frames of all of them, reused ones included."""
        return self.num_videos * self.num_frames + self.num_images

    @property
    def text(self) -> str:
        """One line for people."""
        parts = []
        if self.num_videos or not self.num_images:
            parts.append(f"{counted(self.num_videos, 'clip')} x {counted(self.num_frames, 'frame')}")
        if self.num_images:
            parts.append(counted(self.num_images, "image"))
        reused = f" ({self.reused:,} already embedded)" if self.reused else ""
        return " + ".join(parts) + reused


def plan_embed(
    model_or_card: Any, clips: Any, num_frames: int | None = None, *, store: VectorStore | None = None
) -> EmbedPlan:
    """Tell what embedding would do. Nothing is decoded.

    Args:
        model_or_card: A model, or its card when it is not loaded yet.
        clips: What ``embed`` takes.
        num_frames: T, when it is not the model's own.
        store: Asked which vectors are there; for that the model must be loaded.

    Returns:
        The plan.

    Raises:
        NothingToEmbedError: If there is no clip.
        InvalidParameterError: If two clips have the same key.
    """
    clips = as_clips(clips)
    images = sum(clip.kind == "image" for clip in clips)
    frames = num_frames or getattr(model_or_card, "num_frames", None) or 1
    asks = store is not None and is_model(model_or_card)
    reused = _count_stored(adapt(model_or_card), clips, frames, store) if asks else 0
    return EmbedPlan(len(clips) - images, images, frames, reused)


def _count_stored(model: AdaptedModel, clips: Any, num_frames: int, store: VectorStore) -> int:
    """Count the clips whose vectors are in the store."""
    ids = [stored_id(clip) for clip in clips]
    found = store.get(model.store_space(model.space(num_frames)), ids)
    return sum(one in found for one in ids)

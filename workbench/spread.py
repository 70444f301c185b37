"""The work of `workbench embed` on a cluster: Ray fills the store, the rest is done as always."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.commands import DEFAULT_MODEL, Work
from workbench.errors import InvalidParameterError, NothingToEmbedError

if TYPE_CHECKING:
    from workbench.media.clips import Clip, ClipSet

__all__ = ["embed_on_ray"]

CLIPS_PER_TASK = 32


def embed_on_ray(
    work: Work, clips: "ClipSet", folder: Path, *, afresh: bool = False, executor: Any = None
) -> int:
    """Embed clips on Ray into a store; clips that are there already are left out.

    Args:
        work: How.
        clips: The clips; every worker must find their files under the same paths.
        folder: The store.
        afresh: Whether clips that are there are embedded again.
        executor: What runs the stages; None is Ray Data.

    Returns:
        How many clips were handed out.

    Raises:
        InvalidParameterError: If ray is not installed, or the model cannot be named to a worker.
        StageError: If a stage fails.
    """
    from workbench.media.clips import ClipSet
    from workbench.stages import EmbedClipsStage, Pipeline, WriteStoreStage

    waiting = list(clips) if afresh else _not_there(work, clips, folder)
    if not waiting:
        return 0
    embedded = EmbedClipsStage(
        ClipSet(waiting),
        work.model or DEFAULT_MODEL,
        num_frames=work.frames,
        items_per_task=CLIPS_PER_TASK,
        model_inference_batch_size=work.batch_size or CLIPS_PER_TASK,
        device=work.device,
        dtype=work.dtype,
        backend=work.backend,
    ).with_({"embed": {"num_workers": work.workers}})
    Pipeline("embed", stages=[embedded, WriteStoreStage(str(folder))]).run(executor or _ray())
    return len(waiting)


def _not_there(work: Work, clips: "ClipSet", folder: Path) -> "list[Clip]":
    """Leave out the clips that are in the store."""
    from models.loader.targets import find_target
    from workbench.engine.clip_ids import stored_id
    from workbench.store import EmbeddingStore

    if not clips:
        raise NothingToEmbedError("There is no clip to embed.")
    card, store = find_target(work.model or DEFAULT_MODEL).card, EmbeddingStore(folder)
    space = store.known_space(card.model_id, card.revision, work.frames) if card.revision else None
    if space is None:
        return list(clips)
    places = store.snapshot(space).places_of([stored_id(clip) for clip in clips])
    return [clip for clip, place in zip(clips, places, strict=True) if place < 0]


def _ray() -> Any:
    """Make the executor."""
    if find_spec("ray") is None:
        raise InvalidParameterError(
            "--executor ray needs Ray, which is not installed here.",
            next_step="pip install 'embedding-workbench[ray]'; without it, --executor threads does the same.",
        )
    from workbench.stages import RayDataExecutor

    return RayDataExecutor()

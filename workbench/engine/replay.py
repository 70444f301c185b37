"""A run whose vectors are all in the store: it needs no model, so none is loaded."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from models.vectors import EmbeddingSpace
from workbench.engine.clip_ids import stored_id
from workbench.engine.records import EmbedProgress
from workbench.engine.store import DurableStore, tidy_up
from workbench.engine.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.engine.embeddings import Embeddings
    from workbench.media.clips import Clip

__all__ = ["ReplayRun", "replay"]


class ReplayRun:
    """The work of a job that only reads.

    Args:
        clips: The clips.
        space: The space of the stored vectors.
        vectors: float32 (N, D), one row per clip.
        provenance: What made them.
    """

    def __init__(
        self, clips: "Sequence[Clip]", space: EmbeddingSpace, vectors: np.ndarray, provenance: dict[str, Any]
    ) -> None:
        self.source = clips
        self.clips = list(clips)
        self.space = space
        self.notes: dict[str, str] = {}
        self.provenance = provenance
        self.tally = Tally([clip.key for clip in self.clips], vectors.shape[1])
        self._vectors = vectors

    def execute(self) -> None:
        """Take all rows."""
        self.tally.add_rows(range(len(self.clips)), self._vectors, reused=True)

    def progress(self, state: str) -> EmbedProgress:
        """How far it is."""
        return self.tally.progress(state)

    def close(self) -> None:
        """Stop the clock."""
        self.tally.close()

    def outcome(self, *, stopped: bool) -> "Embeddings":
        """The vectors."""
        from workbench.engine.embeddings import Embeddings

        return Embeddings.of_run(self, stopped=stopped)


def replay(model: Any, clips: "Sequence[Clip]", store: Any, num_frames: int | None) -> ReplayRun | None:
    """See whether a store has every vector of a model that is named, not loaded.

    Args:
        model: What ``embed`` was given; anything but an id or a path is loaded already.
        clips: The clips.
        store: What ``embed`` was given.
        num_frames: T, when the caller asks for another than the model's own.

    Returns:
        The run; None when the model is needed.
    """
    if not isinstance(model, str) or not isinstance(store, DurableStore):
        return None
    from models.loader.targets import find_target

    card = find_target(model).card
    if not card.revision:
        return None  # weights without a version may have changed under the same name
    began = time.perf_counter()
    found = store.recall(card.model_id, card.revision, num_frames, [stored_id(clip) for clip in clips])
    if found is None:
        return None
    tidy_up(store, found[0], clips)
    run = ReplayRun(clips, *found)
    run.tally.spend({"write_s": time.perf_counter() - began})
    return run

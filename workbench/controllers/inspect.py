"""Look closely at the selected clip: what it is, and exactly the frames that the model saw."""

import re
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import TraitType, Unicode

from workbench.controllers.base import Controller
from workbench.controllers.models import ModelController
from workbench.errors import WorkbenchError
from workbench.session import Session

__all__ = ["InspectController"]

DEFAULT_FRAMES = 8


class InspectController(Controller):
    """The selected clip in words and times.

    Attributes:
        key: The clip's key, or empty.
        detail: Length, size, caption and score, for reading.
        frame_times_s: Times of the frames that the model saw, seconds.
        strip_text: Heading of the strip: whether the model saw these frames or would see them.
        problem: Why the frames cannot be shown; empty when they can.
    """

    key = Unicode("")
    detail = Unicode("")
    frame_times_s: TraitType = AnyTrait(())
    strip_text = Unicode("")
    problem = Unicode("")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.models = ModelController.of(session)
        session.observe(self._follow, names=["selection", "embeddings", "ranking", "model", "model_id"])
        self._follow()

    def num_frames(self, key: str) -> int:
        """Say how many frames of a clip the model looks at.

        Args:
            key: The clip's key; an image has one frame.

        Returns:
            The number that the vectors at hand were made with, else that of the model.
        """
        if self.session.clips[key].kind == "image":
            return 1
        if self._embedded(key):
            found = re.search(r":(\d+)", self.session.embeddings.space.sampling)
            if found:
                return int(found[1])
        source = self.session.model or self.models.card()
        return source.num_frames if source is not None else DEFAULT_FRAMES

    def _embedded(self, key: str) -> bool:
        """Whether there is a vector of this clip."""
        found = self.session.embeddings
        return found is not None and key in set(found.keys)

    def _follow(self, _: Any = None) -> None:
        """Describe the selected clip at once; find its frame times in a thread."""
        key = self.session.selection
        if not key:
            self.key, self.detail, self.frame_times_s, self.problem = "", "", (), ""
            return
        clip = self.session.clips[key]
        count = self.num_frames(key)
        saw = "saw" if self._embedded(key) else "would see"
        self.strip_text = f"What the model {saw}"
        if key != self.key:
            self.frame_times_s, self.problem = (), ""
        self.key, self.detail = key, self._describe(clip)
        with self._lock:
            self._work = None  # the newest selection wins
        self._start(lambda: self._find_times(clip, count), f"reading {key}")

    def _find_times(self, clip: Any, count: int) -> None:
        """Read when the frames are shown; a clip that cannot be decoded is told, not raised."""
        try:
            times, problem = clip.frames(count).times_s, ""
        except WorkbenchError as error:
            times, problem = (), error.message
        if self.session.selection == clip.key:
            self.problem = problem
            self.frame_times_s = tuple(float(time) for time in times)

    def _describe(self, clip: Any) -> str:
        """Say length, size, caption and best prompt of a clip."""
        parts = [f"{clip.duration_s:.1f} s"] if clip.kind == "video" else ["image"]
        parts.append(f"{clip.width} x {clip.height}")
        if clip.caption:
            parts.append(clip.caption)
        best = best_prompt(self.session.ranking, clip.key)
        return " · ".join([*parts, best] if best else parts)


def best_prompt(ranking: Any, key: str) -> str:
    """Say which prompt ranks a clip best.

    Args:
        ranking: A `Ranking`, or None.
        key: The clip's key.

    Returns:
        Such as 'rank 1 of 24 for "a red ball"', or an empty text.
    """
    if ranking is None or key not in ranking.keys:
        return ""
    column = list(ranking.keys).index(key)
    places = [list(order).index(column) for order in ranking.order]
    place, row = min((place, row) for row, place in enumerate(places))
    return f'rank {place + 1} of {len(ranking.keys)} for "{ranking.prompts[row]}"'

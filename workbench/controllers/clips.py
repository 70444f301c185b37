"""Bring clips into the session: a path, the bundled samples, uploads; with an account of each file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import TraitType, Unicode

from workbench.controllers.base import Controller
from workbench.controllers.rank import RankController
from workbench.media.clips import ClipSet
from workbench.session import Session

__all__ = ["ClipController"]

MAX_CARDS = 300  # more thumbnails than anybody looks at; the rest is counted


@dataclass(frozen=True)
class _Opening:
    """One wish: where clips come from, whether they join the others, what one may ask of them."""

    name: str
    load: Callable[[Callable[[int, int], None], Event], ClipSet]
    keep: bool = False
    prompts: tuple[str, ...] = ()


class ClipController(Controller):
    """Open sources into the session's clips and keep the account of what became of each file.

    Attributes:
        source: The text of the path box.
        outcomes: What the last source brought: `OutcomeReport`, or None before the first.
    """

    source = Unicode("")
    outcomes: TraitType = AnyTrait(None, allow_none=True)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.asks = RankController.of(session)
        self._overtaken = Event()
        self._opened = ""

    def open(self, source: Any = None) -> None:
        """Replace the clips by those of a source; returns at once.

        Args:
            source: What `load_clips` takes; None takes the path box. A source without a single usable
                clip leaves the clips as they are and says why.
        """
        chosen = self.source.strip() if source is None else source
        if isinstance(chosen, str) and not chosen.strip():
            self.session.say(
                "warning", "The path box is empty.", "Type a file, a folder or a pattern such as clips/*.mp4."
            )
            return
        name = str(chosen) if isinstance(chosen, str | Path) else "the given clips"
        self._bring(_Opening(name, lambda tell, stop: _load(chosen, tell, stop)))

    def open_samples(self) -> None:
        """Replace the clips by the bundled samples, and offer prompts for them; returns at once."""
        from workbench.media.samples import sample_clips, sample_prompts

        prompts = tuple(sample_prompts())
        self._bring(_Opening("the samples", lambda _tell, _stop: sample_clips(), prompts=prompts))

    def add_uploads(self, paths: list[Path]) -> None:
        """Add files that were uploaded together to the clips; returns at once.

        Args:
            paths: Where they lie now.
        """
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} uploads"
        self._bring(_Opening(name, lambda tell, stop: _load(paths, tell, stop), keep=True))

    def close(self) -> None:
        """Stop reading."""
        self._overtaken.set()
        super().close()

    def groups(self) -> list[dict[str, Any]]:
        """Lay the clips out for a gallery, at most a few hundred."""
        clips = self.session.clips
        if not len(clips):
            return []
        cards = [clip_card(clips[index]) for index in range(min(len(clips), MAX_CARDS))]
        more = len(clips) - len(cards)
        note = f"the first {len(cards)}; {more} more are loaded" if more else ""
        return [{"title": "", "note": note, "note_level": "info", "cards": cards}]

    def problems(self) -> list[tuple[str, str]]:
        """List the files of the last source that could not be used: pairs (path in it, reason)."""
        if self.outcomes is None:
            return []
        folder = f"{self._opened.rstrip('/')}/"
        return [(error.path.removeprefix(folder), error.reason) for error in self.outcomes.errors]

    def outcome_text(self) -> str:
        """Count what became of the files of the last source."""
        return self.outcomes.text if self.outcomes is not None else ""

    def nothing_came(self) -> bool:
        """Whether the last source brought nothing but problems."""
        report = self.outcomes
        return report is not None and bool(report.errors) and not (report.added or report.present)

    def summary(self) -> str:
        """Say how many clips there are."""
        clips = self.session.clips
        videos = sum(clip.kind == "video" for clip in clips)
        counts = [(videos, "clip"), (len(clips) - videos, "image")]
        parts = [f"{count:,} {word}{'s' * (count != 1)}" for count, word in counts if count]
        return " and ".join(parts) or "no clips yet"

    def _bring(self, opening: _Opening) -> None:
        """Load in a thread; a source that replaces the clips ends those still being read."""
        with self._lock:
            if not opening.keep:
                self._overtaken.set()
                self._overtaken = Event()
            overtaken = self._overtaken
            self._work = None
        self.session.say("busy", f"Opening {opening.name} …")

        def tell(done: int, total: int) -> None:
            if not overtaken.is_set() and done < total:
                self.session.say("busy", f"Opening {opening.name}: {done:,} of {total:,} files …")

        def work() -> None:
            loaded = opening.load(tell, overtaken)
            with self._lock:
                if not overtaken.is_set():
                    self._accept(opening, loaded)

        self.session.arriving = self._start(work, f"opening {opening.name}")

    def _accept(self, opening: _Opening, loaded: ClipSet) -> None:
        """Take the clips over, unless there are none, and say what became of the files."""
        self._opened = opening.name
        self.outcomes = loaded.outcomes
        if not len(loaded):
            self._tell_nothing_came(opening, loaded)
            return
        self.session.clips = self.session.clips + loaded if opening.keep else loaded
        if not opening.keep:
            self.asks.offer(list(opening.prompts))
        bad = len(loaded.errors)
        if bad:
            text = f"{self.summary()}; {bad} {'file was' if bad == 1 else 'files were'} left out."
            self.session.say("warning", text, "The list below the path says why.")
        else:
            what = f"added; {self.summary()} now" if opening.keep else f"opened: {self.summary()}"
            self.session.say("ok", f"{opening.name} {what}.", self._next_step())

    def _next_step(self) -> str:
        """Say what one would do with the clips."""
        return "Press Rank." if self.asks.prompts else "Type prompts, then press Rank."

    def _tell_nothing_came(self, opening: _Opening, loaded: ClipSet) -> None:
        """Say why a source brought nothing."""
        reason = loaded.errors[0].reason if len(loaded.errors) == 1 else loaded.outcomes.text
        step = "Check the path, or press Samples for the bundled clips. What was open before stays."
        self.session.say("error", f"Nothing usable in {opening.name}: {reason.rstrip('.')}.", step)


def clip_card(clip: Any) -> dict[str, Any]:
    """Describe one clip for a gallery: key, name, caption, length.

    Args:
        clip: A `Clip`.

    Returns:
        A card.
    """
    badge = f"{clip.duration_s:.1f} s" if clip.kind == "video" else "image"
    return {"key": clip.key, "title": clip.key, "caption": clip.caption, "kind": clip.kind, "badge": badge}


def _load(source: Any, tell: Callable[[int, int], None], stop: Event) -> ClipSet:
    """Open a source."""
    from workbench.media.sources import load_clips

    return load_clips(source, on_progress=tell, stop=stop)

"""Bring clips into the session: a path, the bundled samples, uploads; with an account of each file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import TraitType, Unicode

from workbench.controllers.base import Controller
from workbench.media.clips import ClipSet
from workbench.session import Session

__all__ = ["ClipController"]

MAX_CARDS = 300  # more thumbnails than anybody looks at; the rest is counted


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
        self._latest = 0

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
        name = str(chosen) if isinstance(chosen, (str, Path)) else "the clips"
        self._bring(lambda: _load(chosen), name, keep=False)

    def open_samples(self) -> None:
        """Replace the clips by the bundled samples; returns at once."""
        self._bring(_samples, "the samples", keep=False)

    def add_uploads(self, paths: list[Path]) -> None:
        """Add files that were uploaded together to the clips; returns at once.

        Args:
            paths: Where they lie now.
        """
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} uploads"
        self._bring(lambda: _load(paths), name, keep=True)

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
        """List the files of the last source that could not be used: pairs (path, reason)."""
        return [(error.path, error.reason) for error in self.outcomes.errors] if self.outcomes else []

    def outcome_text(self) -> str:
        """Count what became of the files of the last source."""
        return self.outcomes.text if self.outcomes is not None else ""

    def summary(self) -> str:
        """Say how many clips there are."""
        clips = self.session.clips
        videos = sum(clip.kind == "video" for clip in clips)
        counts = [(videos, "clip"), (len(clips) - videos, "image")]
        parts = [f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count]
        return " and ".join(parts) or "No clips yet"

    def _bring(self, load: Callable[[], ClipSet], name: str, *, keep: bool) -> None:
        """Load in a thread; what was asked for before the last replacement comes too late."""
        with self._lock:
            self._latest += not keep
            turn = self._latest
            self._work = None
        self.session.say("busy", f"Opening {name} …")

        def work() -> None:
            loaded = load()
            with self._lock:
                if turn == self._latest:
                    self._accept(self.session.clips + loaded if keep else loaded, loaded, name)

        self._start(work, f"opening {name}")

    def _accept(self, clips: ClipSet, loaded: ClipSet, name: str) -> None:
        """Take the clips over, unless there are none, and say what became of the files."""
        self.outcomes = loaded.outcomes
        if not len(loaded):
            self._tell_nothing_came(loaded, name)
            return
        self.session.clips = clips
        bad = len(loaded.errors)
        if bad:
            words = "file was" if bad == 1 else "files were"
            self.session.say(
                "warning", f"{self.summary()}; {bad} {words} left out.", "The list below the path says why."
            )
        else:
            self.session.say("ok", f"{self.summary()} from {name}." if name else self.summary())

    def _tell_nothing_came(self, loaded: ClipSet, name: str) -> None:
        """Say why a source brought nothing."""
        reason = loaded.errors[0].reason if len(loaded.errors) == 1 else ""
        text = f"Nothing usable in {name}" + (f": {reason}" if reason else ".")
        self.session.say(
            "error",
            text,
            "Check the path, or press Samples for the bundled clips. What was loaded before stays.",
        )


def clip_card(clip: Any) -> dict[str, Any]:
    """Describe one clip for a gallery: key, name, caption."""
    length = f"{clip.duration_s:.1f} s" if clip.kind == "video" else "image"
    return {
        "key": clip.key,
        "title": clip.key,
        "caption": clip.caption,
        "kind": clip.kind,
        "badge": length,
    }


def _load(source: Any) -> ClipSet:
    """Open a source."""
    from workbench.media.sources import load_clips

    return load_clips(source)


def _samples() -> ClipSet:
    """Open the bundled clips and images."""
    from workbench.media.samples import sample_clips

    return sample_clips()

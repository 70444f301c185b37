"""What became of every file of a source: added, already present, missing, broken."""

from dataclasses import dataclass
from html import escape

_LISTED = 50


@dataclass(frozen=True)
class SourceError:
    """One thing that could not be read, and why.

    Args:
        path: What was asked for, as safe text on one line.
        reason: A plain sentence.

    Example:
        >>> SourceError("notes.mp4", "notes.mp4 is not a video that can be read here.").path
        'notes.mp4'
    """

    path: str
    reason: str


@dataclass(frozen=True)
class OutcomeReport:
    """An account of one call that loaded clips.

    Args:
        added: Keys of the clips that are new.
        present: Paths of files that were there already, or came twice.
        missing: What names nothing.
        broken: Media files that could not be read.
        ignored: Number of files that are no media: hidden files, texts and the like.
        stopped: True if loading was stopped before everything was read.

    Example:
        >>> report = OutcomeReport(added=("a.mp4", "b.mp4"), ignored=1)
        >>> report.text
        '2 added, 1 other file ignored'
        >>> (report + report).ignored
        2
    """

    added: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    missing: tuple[SourceError, ...] = ()
    broken: tuple[SourceError, ...] = ()
    ignored: int = 0
    stopped: bool = False

    @property
    def errors(self) -> list[SourceError]:
        """Everything that could not be had: missing first, then broken."""
        return [*self.missing, *self.broken]

    @property
    def text(self) -> str:
        """The counts as one line."""
        counts = [
            (len(self.added), "added"),
            (len(self.present), "already present"),
            (len(self.missing), "missing"),
            (len(self.broken), "broken"),
            (self.ignored, "other file ignored" if self.ignored == 1 else "other files ignored"),
        ]
        parts = [f"{count} {word}" for count, word in counts if count]
        return ", ".join(parts or ["nothing found"]) + (" (stopped early)" if self.stopped else "")

    def __add__(self, other: "OutcomeReport") -> "OutcomeReport":
        return OutcomeReport(
            self.added + other.added,
            self.present + other.present,
            self.missing + other.missing,
            self.broken + other.broken,
            self.ignored + other.ignored,
            self.stopped or other.stopped,
        )

    def __str__(self) -> str:
        lines = [self.text, *(f"  {error.path}: {error.reason}" for error in self.errors[:_LISTED])]
        more = len(self.errors) - _LISTED
        return "\n".join(lines + ([f"  and {more} more"] if more > 0 else []))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(error.path)}</td><td>{escape(error.reason)}</td></tr>"
            for error in self.errors[:_LISTED]
        )
        more = len(self.errors) - _LISTED
        rest = f"<p>and {more} more</p>" if more > 0 else ""
        table = f"<table><tr><th>file</th><th>reason</th></tr>{rows}</table>{rest}" if rows else ""
        return f'<div class="wb-outcomes"><p>{escape(self.text)}</p>{table}</div>'

"""Small records that the engine hands out: what was skipped, how far, how fast."""

from dataclasses import asdict, dataclass
from typing import Any

from workbench.wording import counted, duration_text

_LEAST_SHOWN = 0.005
FINAL_STATES = ("stopped", "done", "failed")


@dataclass(frozen=True)
class Skipped:
    """A clip that has no row, and why.

    Args:
        key: The clip's key.
        reason: What was wrong, as a sentence for people.
    """

    key: str
    reason: str


@dataclass(frozen=True)
class EmbedProgress:
    """How far a job is; a snapshot that never changes.

    Args:
        done: Clips dealt with: embedded, reused and skipped ones together.
        total: Clips of the job; 0 while they are still being listed.
        skipped: Clips among ``done`` that have no row.
        reused: Clips among ``done`` whose vector was in the store already.
        rate: Clips per second over the last seconds, reused ones not counted; 0.0 at first.
        eta_s: Seconds to go at that rate; None while unknown.
        state: "queued", "loading", "running", "stopping", "stopped", "done" or "failed".
    """

    done: int = 0
    total: int = 0
    skipped: int = 0
    reused: int = 0
    rate: float = 0.0
    eta_s: float | None = None
    state: str = "queued"

    @property
    def fraction(self) -> float:
        """Share of the clips dealt with, 0..1."""
        return self.done / self.total if self.total else 0.0

    @property
    def finished(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.state in FINAL_STATES

    @property
    def text(self) -> str:
        """One line for people.

        Example:
            >>> EmbedProgress(12, 24, skipped=1, rate=3.0, eta_s=4.0, state="running").text
            '12 of 24 clips · 1 skipped · 3.0 clips/s · 4 s left'
        """
        if self.state in {"queued", "loading"}:
            return "Loading"
        parts = [f"{self.done:,} of {self.total:,} clips"]
        parts += [f"{self.reused:,} reused"] if self.reused else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        parts += (
            [f"{self.rate:.3g} clips/s" if self.rate >= 100 else f"{self.rate:.1f} clips/s"]
            if self.rate
            else []
        )
        if self.state == "running":
            parts += [f"{duration_text(self.eta_s)} left"] if self.eta_s is not None else []
        else:
            parts.append(self.state)
        return " · ".join(parts)


@dataclass(frozen=True, repr=False)
class EmbedStats:
    """What a run took.

    Args:
        clips: Clips embedded in this run; reused and skipped ones not counted.
        frames: Frames decoded for them.
        reused: Clips whose vector came from the store.
        seconds: Wall time of the run.
        decode_s: Seconds spent decoding, added up over the worker threads.
        preprocess_s: Seconds spent in the model's preprocessing, added up likewise.
        model_s: Seconds the model computed.
        write_s: Seconds spent reading from and writing to the store.
    """

    clips: int = 0
    frames: int = 0
    reused: int = 0
    seconds: float = 0.0
    decode_s: float = 0.0
    preprocess_s: float = 0.0
    model_s: float = 0.0
    write_s: float = 0.0

    @property
    def rate(self) -> float:
        """Clips embedded per second of wall time; 0.0 for an empty run."""
        return self.clips / self.seconds if self.seconds > 0 else 0.0

    @property
    def split(self) -> dict[str, float]:
        """Share of each part in all seconds of work, 0..1; empty when nothing was done.

        Example:
            >>> EmbedStats(decode_s=1.0, model_s=3.0).split["model"]
            0.75
        """
        seconds = {
            "decode": self.decode_s,
            "preprocess": self.preprocess_s,
            "model": self.model_s,
            "write": self.write_s,
        }
        total = sum(seconds.values())
        return {name: part / total for name, part in seconds.items()} if total > 0 else {}

    @property
    def text(self) -> str:
        """Pace and split in one line for people; parts below half a percent are left out.

        Example:
            >>> EmbedStats(clips=24, seconds=2.0, decode_s=0.9, preprocess_s=0.2, model_s=0.9).text
            '12.0 clips/s · decode 45 % · preprocess 10 % · model 45 %'
        """
        parts = [f"{self.rate:,.0f} clips/s" if self.rate >= 100 else f"{self.rate:.1f} clips/s"]
        parts += [
            f"{name} {share:.0%}".replace("%", " %")
            for name, share in self.split.items()
            if share >= _LEAST_SHOWN
        ]
        return " · ".join(parts if self.clips else [])

    def __repr__(self) -> str:
        parts = [counted(self.clips, "clip")]
        parts += [f"{self.reused:,} reused"] if self.reused else []
        parts += [f"{self.seconds:.1f} s", self.text]
        return f"EmbedStats({' · '.join(filter(None, parts))})"

    def as_dict(self) -> dict[str, Any]:
        """All figures by name, the rate and the split among them."""
        return asdict(self) | {"rate": self.rate, "split": self.split}

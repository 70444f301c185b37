"""What a run has so far: rows, skipped clips, counters and pace. Safe to read from any thread."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

import numpy as np

from workbench.engine.records import EmbedProgress, EmbedStats, Skipped

WINDOW_S = 10.0  # the rate is that of these last seconds


class RateMeter:
    """Items per second over a moving window.

    Args:
        clock: Returns seconds; only differences matter.

    Example:
        >>> meter = RateMeter(clock=iter([0.0, 2.0]).__next__)
        >>> meter.add(0)
        >>> meter.rate(count=10)
        5.0
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """Note how many items there are now, all together."""
        now = self._clock()
        self._marks.append((now, count))
        while len(self._marks) > 2 and self._marks[1][0] <= now - WINDOW_S:
            self._marks.popleft()

    def rate(self, count: int) -> float:
        """Items per second from the start of the window until now; 0.0 before the first mark."""
        if not self._marks:
            return 0.0
        began, before = self._marks[0]
        elapsed = self._clock() - began
        return (count - before) / elapsed if elapsed > 0 else 0.0


class Tally:
    """Rows and counters of one run, filled by one thread and read by others.

    Vectors go into one float32 array that is made when the first row tells D, so memory does
    not depend on the order in which things happen.

    Args:
        keys: The clips' keys, in order.
        dim: D for the case that no row ever comes.
    """

    def __init__(self, keys: Sequence[str], dim: int = 0) -> None:
        self.keys = list(keys)
        self._vectors = np.empty((0, dim), np.float32)
        self._has_row = np.zeros(len(self.keys), bool)
        self._skipped: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._meter = RateMeter()
        self._began = time.monotonic()
        self._took_s: float | None = None
        self._rate = 0.0
        self._lock = threading.RLock()
        self._meter.add(0)

    def add_rows(self, places: Sequence[int], rows: np.ndarray, *, reused: bool = False) -> None:
        """Take rows for the clips at these places; ignored once the tally is closed."""
        with self._lock:
            if self._took_s is not None or len(places) == 0:
                return
            if not self._has_row.any():
                self._vectors = np.empty((len(self.keys), rows.shape[1]), np.float32)
            self._vectors[places] = rows
            self._has_row[places] = True
            self._counts["reused" if reused else "clips"] += len(places)
            self._meter.add(self._counts["clips"])

    def skip(self, place: int, reason: str) -> None:
        """Note that the clip at this place has no row, and why."""
        with self._lock:
            if self._took_s is None:
                self._skipped[place] = reason

    def spend(self, seconds: dict[str, float], counts: dict[str, int] | None = None) -> None:
        """Add seconds and counts by name."""
        with self._lock:
            self._seconds.update(seconds)
            self._counts.update(counts or {})

    def close(self) -> None:
        """Take nothing more; stop the clock."""
        with self._lock:
            if self._took_s is None:
                self._took_s = time.monotonic() - self._began
                self._rate = self._counts["clips"] / self._took_s if self._took_s > 0 else 0.0

    def result(self) -> tuple[np.ndarray, np.ndarray, list[Skipped]]:
        """What is there: the places that have a row, their vectors (N, D), and the skipped clips."""
        with self._lock:
            places = np.flatnonzero(self._has_row)
            vectors = self._vectors if len(places) == len(self.keys) else self._vectors[places]
            skipped = [Skipped(self.keys[i], self._skipped[i]) for i in sorted(self._skipped)]
            return places, vectors, skipped

    def stats(self) -> EmbedStats:
        """The figures so far."""
        with self._lock:
            elapsed = self._took_s if self._took_s is not None else time.monotonic() - self._began
            return EmbedStats(
                clips=self._counts["clips"],
                frames=self._counts["frames"],
                reused=self._counts["reused"],
                seconds=elapsed,
                **{name: self._seconds[name] for name in ("decode_s", "preprocess_s", "model_s", "write_s")},
            )

    def progress(self, state: str) -> EmbedProgress:
        """How far the run is."""
        with self._lock:
            clips, reused, skipped = self._counts["clips"], self._counts["reused"], len(self._skipped)
            done = clips + reused + skipped
            rate = self._rate if self._took_s is not None else self._meter.rate(clips)
            left = len(self.keys) - done
            eta_s = 0.0 if left == 0 else left / rate if rate > 0 else None
            return EmbedProgress(done, len(self.keys), skipped, reused, rate, eta_s, state)

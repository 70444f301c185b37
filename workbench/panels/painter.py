"""The one thing that moves state into widgets: on the kernel's loop, not too often, the last one always."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from workbench.session import Session

__all__ = ["Painter"]

logger = logging.getLogger("workbench")

INTERVAL_S = 0.1  # the server drops messages above 1000 a second, and the last ones are lost for good

Paint = Callable[[], object]


class Painter:
    """Run paint functions on the kernel's loop, each at most ten times a second.

    State changes in worker threads; widgets are written here only. A function that is asked for many
    times before it runs is run once, and it always runs after the last request, so the final state is
    what stays on the screen. Without a running loop (a plain script, a test) it paints at once, in the
    thread that asks.

    Args:
        session: Where an error while painting is shown.
        interval_s: Least time between two rounds.
    """

    def __init__(self, session: Session, interval_s: float = INTERVAL_S) -> None:
        self._session = session
        self._interval_s = interval_s
        self._home = threading.get_ident()
        self._lock = threading.RLock()
        self._wanted: dict[Paint, None] = {}
        self._last_s = -interval_s
        self._loop = _running_loop()

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return the session's one painter; the first call must come from the kernel's main thread."""
        return session.shared(cls)

    @property
    def has_loop(self) -> bool:
        """Whether there is a loop to paint on: true in a notebook, false in a script."""
        return self._loop is not None and not self._loop.is_closed()

    def ask(self, paint: Paint) -> None:
        """Have a function run soon; may be called from any thread.

        Args:
            paint: Reads state, writes widgets. Asking again before it ran changes nothing.
        """
        if not self.has_loop:
            with self._lock:
                self._run(paint)
            return
        with self._lock:
            first = not self._wanted
            self._wanted[paint] = None
        if first:
            self._later(self._wait_s(), self._round)

    def call(self, function: Paint) -> None:
        """Run a function on the home thread: at once when already there, else as soon as it is free."""
        if not self.has_loop or threading.get_ident() == self._home:
            function()
        else:
            self._later(0, function)

    def after(self, delay_s: float, function: Paint) -> None:
        """Run a function on the loop after a while; without a loop it never runs.

        Args:
            delay_s: How long to wait.
            function: What to run.
        """
        if self.has_loop:
            self._later(delay_s, function)

    def _wait_s(self) -> float:
        """How long until the next round may start."""
        return max(0.0, self._last_s + self._interval_s - time.monotonic())

    def _later(self, delay_s: float, function: Paint) -> None:
        """Schedule on the loop from any thread."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(loop.call_later, delay_s, self._run, function)
        except RuntimeError:  # the loop was closed: the kernel is going down
            logger.debug("The loop is closed; nothing is painted any more.")

    def _round(self) -> None:
        """Run everything that was asked for since the last round."""
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        self._last_s = time.monotonic()
        for paint in wanted:
            self._run(paint)

    def _run(self, paint: Paint) -> None:
        """Run one function; what goes wrong is shown and does not stop the others."""
        try:
            paint()
        except Exception as error:
            self._session.report(error, "showing the panel")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop this thread runs on, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

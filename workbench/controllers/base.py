"""What all controllers have in common: a session, one piece of work at a time, errors that show."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any, Self

from traitlets import Bool, HasTraits

from workbench.session import Session

__all__ = ["Controller"]


class Controller(HasTraits):
    """State as traits, work in threads, no widget.

    Traits are set from the thread that works; whoever paints them must hop to its own thread.

    Args:
        session: The state shared with the other controllers.

    Attributes:
        busy: Whether a piece of work runs.
    """

    busy = Bool(default_value=False)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._lock = threading.RLock()
        self._work: Future[Any] | None = None

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return the session's one controller of this kind, made when first asked for."""
        return session.shared(cls)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the running work has ended.

        Args:
            timeout_s: Give up after this many seconds; None waits as long as it takes.

        Returns:
            Whether nothing runs any more. The outcome is in the traits and in the session's status.
        """
        while (work := self._work) is not None and not work.done():
            if wait_for([work], timeout_s).not_done:
                return False
        return True

    def close(self) -> None:
        """Let go of everything outside this object; called when its panel is closed."""
        self.unobserve_all()

    def _start(self, work: Callable[[], Any], doing: str) -> "Future[Any]":
        """Run work in its own thread, or return the run in progress."""
        with self._lock:
            if self._work is not None and not self._work.done():
                return self._work
            self._work = future = Future()
            self.busy = True

        def finish(error: BaseException | None) -> None:
            with self._lock:
                if self._work is future:  # a later piece of work may have taken its place
                    self.busy = False
            if error is not None:
                self._failed(error, doing)

        run_in_thread(future, work, finish, f"workbench: {doing}")
        return future

    def _failed(self, error: BaseException, doing: str) -> None:
        """Show what went wrong; controllers with a state of their own add to it."""
        self.session.report(error, doing)


def run_in_thread(
    future: "Future[Any]", work: Callable[[], Any], finish: Callable[[BaseException | None], None], name: str
) -> None:
    """Start a daemon thread that works, tells `finish` and then settles the future."""

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:
            error = caught
        try:
            finish(error)
        finally:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()

"""A running job: its progress, its stop button, its result."""

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from html import escape
from typing import Any, Generic, Protocol, TypeVar

from workbench.engine.loop import StopSignal
from workbench.errors import JobStoppedError

JOB_THREAD = "workbench-job"

STOP_GRACE_S = 1.5  # a model call that takes longer is left to itself; its rows still reach the store

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Progress(Protocol):
    """How far a job is; a snapshot that never changes."""

    @property
    def fraction(self) -> float:
        """Share of the work dealt with, 0..1."""

    @property
    def text(self) -> str:
        """One line for people."""


class Run(Protocol[R_co]):
    """The work of a job: executed in its thread, looked at from others."""

    def execute(self) -> None:
        """Do the work; return early when stopped."""

    def progress(self, state: str) -> Any:
        """How far it is, as the ``Progress`` of its kind."""

    def close(self) -> None:
        """Take no more results and stop the clock; the work may still be running."""

    def outcome(self, *, stopped: bool) -> R_co:
        """What was done."""


class Job(Generic[R]):
    """Work in a thread of its own. Made by ``submit_embed`` and ``Pipeline.submit``.

    ``await job`` gives the result in a notebook without blocking it; cancelling the await stops
    the job. All methods may be called from any thread.

    Args:
        prepare: Called first, in the job's thread: loads what must be loaded and returns the run.
        stop: The signal that the run listens to.
        unprepared: Gives the progress before there is a run, from the name of a state.
        on_progress: Called with each new progress, in the job's thread; what it raises
            fails the job.
    """

    def __init__(
        self,
        prepare: "Callable[[Job[R]], Run[R]]",
        *,
        stop: StopSignal,
        unprepared: Callable[[str], Any],
        on_progress: Callable[[Any], None] | None = None,
    ) -> None:
        self._prepare = prepare
        self._stop = stop
        self._unprepared = unprepared
        self._on_progress = on_progress
        self._run: Run[R] | None = None
        self._phase = "queued"
        self._final = ""
        self._future: Future[R] = Future()
        self._future.set_running_or_notify_cancel()
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=JOB_THREAD, daemon=True)

    def start(self) -> "Job[R]":
        """Start the thread; whoever made the job has done so already."""
        self._thread.start()
        return self

    @property
    def progress(self) -> Any:
        """How far the job is, right now."""
        run = self._run
        state = self._final or ("stopping" if self._stop.is_set else self._phase)
        return run.progress(state) if run is not None else self._unprepared(state)

    def stop(self) -> None:
        """Ask the job to end; it does within 2 s and keeps what is done. Again does no harm."""
        if self._future.done() or self._stop.is_set:
            return
        self._stop.set()
        timer = threading.Timer(STOP_GRACE_S, self._end)
        timer.daemon = True
        timer.start()

    def done(self) -> bool:
        """Whether the job has ended: done, stopped or failed."""
        return self._future.done()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended, at most ``timeout`` seconds; True when it has."""
        try:
            self._future.exception(timeout)
        except TimeoutError:
            return False
        return True

    def result(self, timeout: float | None = None) -> R:
        """Wait for the result.

        Args:
            timeout: Longest wait in seconds; None waits for ever.

        Returns:
            What was done; after ``stop()`` the part that was done, with ``.stopped`` True.

        Raises:
            TimeoutError: If the job takes longer.
            JobStoppedError: If it was stopped before it had loaded what it needs.
            Exception: Whatever made the job fail.
        """
        return self._future.result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end and return what made the job fail, or None."""
        return self._future.exception(timeout)

    def add_done_callback(self, fn: "Callable[[Job[R]], object]") -> None:
        """Call ``fn(job)`` once the job has ended; at once when it has already."""
        self._future.add_done_callback(lambda _: fn(self))

    def __await__(self) -> "Generator[Any, None, R]":
        return self._wait_async().__await__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.progress.text})"

    def _repr_html_(self) -> str:
        progress = self.progress
        return (
            f'<div><progress value="{progress.fraction:.4f}" max="1" style="width:16em"></progress> '
            f"{escape(progress.text)}</div>"
        )

    async def _wait_async(self) -> R:
        """Wait without blocking the event loop; cancelling the wait stops the job."""
        try:
            return await asyncio.wrap_future(self._future)
        except asyncio.CancelledError:
            self.stop()
            raise

    def _work(self) -> None:
        """Run the job; whatever it raises surfaces from ``result``."""
        try:
            self._enter("loading")
            self._run = self._prepare(self)
            self._enter("running")
            self._run.execute()
        except BaseException as error:
            self._end(error)
        else:
            self._end()

    def _enter(self, state: str) -> None:
        """Go on to the next phase, and tell it."""
        self._phase = state
        self.tell()

    def tell(self) -> None:
        """Hand the progress to whoever wants to know; nothing more once the job has ended."""
        if self._on_progress is not None and not self._future.done():
            self._on_progress(self.progress)

    def _end(self, error: BaseException | None = None) -> None:
        """End the job once: with an error, with the result, or with what is done when stopped."""
        with self._ending:
            if self._future.done():
                return
            try:
                outcome = self._outcome(error)
                self.tell()
            except BaseException as problem:  # of two problems the first one tells more
                outcome, self._final = error or problem, "failed"
            if isinstance(outcome, BaseException):
                self._future.set_exception(outcome)
            else:
                self._future.set_result(outcome)

    def _outcome(self, error: BaseException | None) -> "R | BaseException":
        """Close the run and choose the final state."""
        if self._run is not None:
            self._run.close()
        if error is not None:
            self._final = "failed"
            return error
        self._final = "stopped" if self._stop.is_set and not self._complete() else "done"
        if self._run is None:
            return JobStoppedError("The job was stopped before it had loaded what it needs.")
        return self._run.outcome(stopped=self._final == "stopped")

    def _complete(self) -> bool:
        """Whether everything was dealt with, so that a late stop changed nothing."""
        return self._run is not None and self._run.progress("").fraction == 1.0

"""Wait for a hub without being held up by it: limits, Stop, progress, threads that may hang."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from models.packaging.hub_errors import DownloadStoppedError, HubUnreachableError

POLL_S = 0.1  # between two looks at Stop
Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long a hub is waited for.

    Args:
        connect_s: For a connection.
        answer_s: For a whole answer of the hub's API.
        stall_s: For the next ``stall_bytes`` of a file.
        attempts: Tries in a row that may bring nothing.
        backoff_s: Wait after the first of them; doubles each time.
        fruitless_s: For all these tries together; a hub that asks for a longer wait is given up.
    """

    connect_s: float = 10.0
    answer_s: float = 15.0
    stall_s: float = 10.0
    stall_bytes: int = 2**14
    attempts: int = 6
    backoff_s: float = 1.0
    fruitless_s: float = 30.0

    def allows(self, error: HubUnreachableError, wait_s: float, spent_s: float) -> bool:
        """Tell whether to try again after a failure.

        Args:
            error: What happened.
            wait_s: How long to wait before.
            spent_s: How long nothing useful has come.

        Returns:
            False when it would not help, or take too long.
        """
        return error.transient and spent_s + wait_s <= self.fruitless_s


@dataclass(frozen=True)
class FileStream:
    """The body of a response that brings a file.

    Args:
        start: Offset in the file at which it begins.
        length: Bytes it announces; None when it does not.
        content_type: What it says it is.
        chunks: The bytes.
    """

    start: int
    length: int | None
    content_type: str
    chunks: Iterator[bytes]


Opener = Callable[[int], AbstractContextManager[FileStream]]


class Watch:
    """Sees to it that Stop works, and that progress is told, at most ten times a second.

    Args:
        name: What is being fetched, for messages.
        stop: Set to end it.
        tell: Called with the bytes that are here and the file; may be None.
        present: Bytes that are here at the start.
    """

    EVERY_S = 0.1

    def __init__(
        self,
        name: str,
        stop: threading.Event | None = None,
        tell: Callable[[int, str], None] | None = None,
        present: int = 0,
    ) -> None:
        self.name = name
        self._stop = stop or threading.Event()
        self._tell = tell
        self._done = present
        self._told_s = float("-inf")

    def check(self) -> None:
        """Raise DownloadStoppedError once Stop was asked for."""
        if self._stop.is_set():
            raise DownloadStoppedError(
                f"The download of {self.name} was stopped; what has arrived is kept.",
                next_step="Start it again to go on from there.",
            )

    def advance(self, num_bytes: int, file: str, *, now: bool = False) -> None:
        """Count bytes that came, or went when negative."""
        self._done += num_bytes
        if self._tell is not None and (now or time.monotonic() - self._told_s >= self.EVERY_S):
            self._told_s = time.monotonic()
            self._tell(self._done, file)

    def sleep(self, seconds: float) -> None:
        """Wait, unless stopped."""
        self._stop.wait(seconds)
        self.check()

    def call(self, function: Callable[[], Result], limit_s: float, what: str) -> Result:
        """Run something that may hang in a thread of its own.

        Args:
            function: What to run.
            limit_s: How long it may take.
            what: What it does, for the message.

        Returns:
            Its result; its exception is raised here.
        """
        answers: queue.Queue[tuple[bool, Any]] = queue.Queue()

        def run() -> None:
            """Hand the outcome over, whatever it is."""
            try:
                answers.put((True, function()))
            except BaseException as error:  # raised again in the waiting thread
                answers.put((False, error))

        threading.Thread(target=run, name="hub-call", daemon=True).start()
        try:
            worked, value = _next(answers, self, limit_s)
        except queue.Empty:
            raise HubUnreachableError(
                f"The hub did not finish {what} within {limit_s:g} s.", transient=True
            ) from None
        if not worked:
            raise value
        return value


class Feed:
    """A response that is read in a thread of its own; the pieces arrive here.

    Args:
        open_stream: Opens the file at an offset.
        start: That offset.
        watch: Ends the waiting when Stop was asked for.
        patience: How long nothing may come.
    """

    def __init__(self, open_stream: Opener, start: int, watch: Watch, patience: Patience) -> None:
        self._arrived: queue.Queue[Any] = queue.Queue(maxsize=32)
        self._ended = threading.Event()
        self._watch, self._patience = watch, patience
        self._reader = threading.Thread(
            target=self._read, args=(open_stream, start), name="hub-file", daemon=True
        )

    def __enter__(self) -> Self:
        self._open_window()
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the thread go; whatever it still reads is not used."""
        self._ended.set()

    def head(self) -> FileStream:
        """Wait for the head of the response."""
        return self._take()

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._take()) is not None:
            self._seen += len(piece)
            yield piece

    def _take(self) -> Any:
        """Wait for what comes next: the head, a piece, or None at the end."""
        while True:
            try:
                item = _next(self._arrived, self._watch, self._window_ends_s - time.monotonic())
            except queue.Empty:
                self._judge_window()
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    def _open_window(self) -> None:
        self._seen = 0
        self._window_ends_s = time.monotonic() + self._patience.stall_s

    def _judge_window(self) -> None:
        """Give up when too little came."""
        if self._seen < self._patience.stall_bytes:
            raise HubUnreachableError(
                f"The hub sent {self._seen} bytes of {self._watch.name} in {self._patience.stall_s:g} s.",
                next_step="Try again later; what has arrived is kept.",
                transient=True,
            )
        self._open_window()

    def _read(self, open_stream: Opener, start: int) -> None:
        """Read the response; runs in its own thread and writes nothing but the queue."""
        try:
            with open_stream(start) as stream:
                self._hand_over(stream)
                for piece in stream.chunks:
                    if piece and not self._hand_over(piece):
                        return
            self._hand_over(None)
        except BaseException as error:  # raised again where the pieces are taken
            self._hand_over(error)

    def _hand_over(self, item: Any) -> bool:
        """Put something into the queue; False when nobody waits for it any more."""
        while not self._ended.is_set():
            with suppress(queue.Full):
                self._arrived.put(item, timeout=POLL_S)
                return True
        return False


def _next(arrived: "queue.Queue[Any]", watch: Watch, limit_s: float) -> Any:
    """Take the next item, with a look at Stop in between; ``queue.Empty`` when none comes in time."""
    ends_s = time.monotonic() + limit_s
    while (left_s := ends_s - time.monotonic()) > 0:
        watch.check()
        with suppress(queue.Empty):
            return arrived.get(timeout=min(POLL_S, left_s))
    watch.check()
    raise queue.Empty

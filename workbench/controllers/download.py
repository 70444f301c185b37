"""Fetch a model's package: start, bytes, pace, time left, stop, go on."""

import threading
from typing import TYPE_CHECKING, Any, Self

from traitlets import Any as AnyTrait
from traitlets import Enum, Float, TraitType, Unicode

from models.errors import InvalidParameterError
from models.reprs import readable_size
from workbench.controllers.base import Controller
from workbench.engine.tally import RateMeter
from workbench.session import Session, Status
from workbench.wording import duration_text

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["DownloadController", "progress_words"]


class DownloadController(Controller):
    """One download at a time; what is there is kept, so the next one goes on from there.

    A session that compares two models has one of these for both.

    Attributes:
        model_id: The model that is, or was last, downloaded.
        state: "idle", "running", "stopping", "stopped", "failed" or "done".
        fraction: How far it is, 0 to 1.
        text: Bytes, pace and time left, for reading.
        problem: Why the last one failed, as a `Status`; None when it did not.
    """

    model_id = Unicode("")
    state = Enum(["idle", "running", "stopping", "stopped", "failed", "done"], "idle")
    fraction = Float(0.0)
    text = Unicode("")
    problem: TraitType = AnyTrait(None, allow_none=True)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._stop = threading.Event()
        self._meter = RateMeter()
        self._kept = ""

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return the one controller of a session and of the one it is compared with."""
        return (session.parent or session).shared(cls)

    def start(self, model_id: str) -> "Future[Any]":
        """Fetch what is missing of a model's package, in a thread.

        Args:
            model_id: The model. Asking again for the one that is on its way changes nothing.

        Returns:
            A future of the package. It raises `DownloadStoppedError` after Stop.

        Raises:
            InvalidParameterError: If another model is being downloaded.
        """
        with self._lock:
            if self.busy and model_id != self.model_id:
                raise InvalidParameterError(
                    f"{self.model_id} is being downloaded; one model at a time.",
                    next_step="Wait until it is here, or stop that download.",
                )
            if not self.busy:
                self._stop, self._meter = threading.Event(), RateMeter()
                self.model_id, self.problem, self._kept = model_id, None, ""
                self.fraction, self.text = 0.0, "asking how large it is"
                self.state = "running"
            return self._start(self._download, f"downloading {model_id}")

    def stop(self) -> None:
        """End the download soon; what came is kept. Without a download nothing happens."""
        with self._lock:
            if self.state != "running":
                return
            self.state = "stopping"
            self._stop.set()
        self.session.say("busy", f"Stopping the download of {self.model_id} …")

    def close(self) -> None:
        """End the download, if one runs."""
        self._stop.set()
        super().close()

    def _download(self) -> Any:
        """Fetch: the body of the job."""
        from models.packages import download_package

        self.session.say("busy", f"Downloading {self.model_id} …")
        package = download_package(self.model_id, progress=self._show, stop=self._stop)
        self.fraction, self.text, self.state = 1.0, self._kept, "done"
        self.session.say("ok", f"{self.model_id} is on this machine now.", "Press Load.")
        return package

    def _show(self, progress: Any) -> None:
        """Take over how far it is."""
        self._meter.add(progress.done_bytes)
        self._kept = _amount(progress) if progress.done_bytes else ""
        self.fraction = _fraction(progress)
        self.text = progress_words(progress, self._meter.rate(progress.done_bytes))

    def _failed(self, error: BaseException, doing: str) -> None:
        """Say how to go on, after Stop or after an error."""
        from models.packages import DownloadStoppedError

        if isinstance(error, DownloadStoppedError):
            self.state = "stopped"
            self.text = f"stopped at {self._kept}" if self._kept else "stopped"
            self.session.say(
                "warning",
                f"The download of {self.model_id} was stopped; what came is kept.",
                "Press Download to go on from there.",
            )
            return
        self.state, self.text = "failed", f"ended at {self._kept}" if self._kept else ""
        self.problem = Status.from_error(error, doing)
        super()._failed(error, doing)


def progress_words(progress: Any, rate: float) -> str:
    """Say how far a download is.

    Args:
        progress: A `DownloadProgress`.
        rate: Bytes per second; 0 while unknown.

    Returns:
        Such as "120.4 MB of 605.1 MB · 12.4 MB/s · 39 s left · model.safetensors".
    """
    parts = [_amount(progress)]
    left = progress.total_bytes - progress.done_bytes
    if rate > 0 and left > 0:
        parts += [f"{readable_size(round(rate) or 1)}/s", f"{duration_text(left / rate)} left"]
    return " · ".join([*parts, progress.file] if progress.file else parts)


def _amount(progress: Any) -> str:
    """Say how much is here of how much."""
    done = readable_size(progress.done_bytes) if progress.done_bytes else "0"
    return f"{done} of {readable_size(progress.total_bytes)}"


def _fraction(progress: Any) -> float:
    """How far it is, 0 to 1; 0 while the size is not known."""
    return min(progress.done_bytes / progress.total_bytes, 1.0) if progress.total_bytes else 0.0

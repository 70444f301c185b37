"""The one job bar: the embedding of the chosen model, and then that of the model it is compared with."""

from typing import Any

from traitlets import Bool, Float, Unicode

from workbench.controllers.base import Controller
from workbench.controllers.download import DownloadController
from workbench.controllers.embed import EmbedController
from workbench.session import Session

__all__ = ["JobsController"]

SHOWN = ("busy", "fraction", "progress_text", "stopping", "skipped")


class JobsController(Controller):
    """Sums up what runs, for one bar with one Stop.

    Attributes:
        running: Whether an embedding runs, of either model.
        first_running: Whether that of the chosen model runs.
        stopping: Whether Stop was pressed and something has not ended yet.
        fraction: How far the one that is shown is, 0 to 1.
        text: Count, pace and time left of it, for reading.
        bar_style: How the bar looks: "" while it runs, then "success" or "warning".
    """

    running = Bool(default_value=False)
    first_running = Bool(default_value=False)
    stopping = Bool(default_value=False)
    fraction = Float(0.0)
    text = Unicode("")
    bar_style = Unicode("")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.embed = EmbedController.of(session)
        self.downloads = DownloadController.of(session)
        self._other: EmbedController | None = None
        self.embed.observe(self._sum_up, names=list(SHOWN))
        self.downloads.observe(self._sum_up, names=["text", "fraction", "state"])
        session.observe(self._on_compared, names="compared")
        self._on_compared()

    def stop(self) -> None:
        """End what runs soon; what is finished is kept."""
        for embed in self._all():
            embed.stop()

    def _all(self) -> list[EmbedController]:
        """The embedding jobs there may be."""
        return [self.embed] if self._other is None else [self.embed, self._other]

    def _on_compared(self, _: Any = None) -> None:
        """Follow the second model's embedding as well."""
        if self._other is not None:
            self._other.unobserve(self._sum_up, names=list(SHOWN))
        other = self.session.compared
        self._other = None if other is None else EmbedController.of(other)
        if self._other is not None:
            self._other.observe(self._sum_up, names=list(SHOWN))
        self._sum_up()

    def _sum_up(self, _: Any = None) -> None:
        """Show the job that runs; the first one when none does."""
        jobs = self._all()
        shown = next((embed for embed in jobs if embed.busy), self.embed)
        fetching = shown.busy and self._waits_for_download(shown)
        words = f"downloading · {self.downloads.text}" if fetching else shown.progress_text
        named = len(jobs) > 1 and shown.busy  # of two models the one at work is named
        name = f"{shown.session.model_id.rpartition('/')[2]}: " if named else ""
        self.running, self.first_running = any(embed.busy for embed in jobs), self.embed.busy
        self.stopping = any(embed.stopping for embed in jobs)
        self.fraction = self.downloads.fraction if fetching else shown.fraction
        self.text, self.bar_style = name + words, shown.bar_style()

    def _waits_for_download(self, embed: EmbedController) -> bool:
        """Whether a job waits until its model has been downloaded."""
        loading = embed.models.load_state == "loading"
        return (
            loading
            and self.downloads.state in ("running", "stopping")
            and self.downloads.model_id == embed.session.model_id
        )

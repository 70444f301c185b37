"""Fetch the chosen model: a button with the size, then bytes, pace, time left and Stop."""

import ipywidgets

from workbench.controllers.models import ModelController
from workbench.panels import html
from workbench.panels.base import Panel, button, hooked
from workbench.session import Session

__all__ = ["DownloadRow"]

RUNNING = ("running", "stopping")


class DownloadRow(Panel):
    """Shows itself while the chosen model is not on this machine, or while something is fetched.

    Args:
        session: The state to share with other parts; its own when None.

    Example:
        >>> row = DownloadRow()
        >>> row.controller.state
        'idle'
    """

    def __init__(self, session: Session | None = None) -> None:
        super().__init__(session, alone=False)
        self.models = ModelController.of(self.session)
        self.controller = self.models.downloads
        self._download = button("Download", "wb-download", "Fetch the model; the panel stays usable")
        self._stop = button("Stop", "wb-stop-download", "End the download soon; what came is kept")
        self._bar = hooked(ipywidgets.FloatProgress(min=0.0, max=1.0), "wb-download-bar wb-grow")
        self._words = html.block(hook="wb-download-progress")
        self._problem = html.block(hook="wb-download-problem")
        self._job = hooked(ipywidgets.HBox([self._bar, self._stop]), "wb-row wb-download-job")
        self._fill(self._download, self._job, self._words, self._problem)
        self.add_class("wb-part")
        self._download.on_click(self._do(self.models.download, "downloading the model"))
        self._stop.on_click(self._do(self.controller.stop, "stopping the download"))
        names = ["state", "fraction", "text", "model_id", "problem"]
        self._follow(self.controller, names, self._paint)
        self._follow(self.models, ["installed", "all_cards"], self._paint)
        self._follow(self.session, ["model_id", "model"], self._paint)

    def _paint(self) -> None:
        """Show the button, or how far the download is, and why it ended."""
        running = self.controller.state in RUNNING
        mine = self.controller.model_id == self.session.model_id
        wanted = self.models.needs_download() and self.session.model is None
        _show(self._download, shown=wanted and not (running and mine))
        self._download.description = self.models.download_words()
        self._download.disabled = running
        _show(self._job, shown=running)
        self._bar.value = self.controller.fraction
        self._stop.disabled = self.controller.state == "stopping"
        self._stop.description = "Stopping …" if self._stop.disabled else "Stop"
        told = running or (mine and wanted)
        name = "" if mine else f"{self.controller.model_id}: "
        self._words.value = html.note(name + self.controller.text if told and self.controller.text else "")
        _show(self._words, shown=bool(self._words.value))
        problem = self.controller.problem if mine and not running else None
        self._problem.value = html.problem_note(problem)
        _show(self._problem, shown=problem is not None)
        self.layout.display = "" if wanted or running or problem is not None else "none"


def _show(widget: ipywidgets.DOMWidget, *, shown: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = "" if shown else "none"

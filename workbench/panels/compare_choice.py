"""Choose a second model to rank the same clips with."""

import ipywidgets

from workbench.controllers.compare import CompareController
from workbench.panels import html
from workbench.panels.base import Panel, button, hooked
from workbench.session import Session

__all__ = ["CompareChoice"]

NOBODY = ("Compare with …", "")


class CompareChoice(Panel):
    """A list of models to compare with, and how far the chosen one is.

    Args:
        session: The state to share with other parts; its own when None.

    Example:
        >>> choice = CompareChoice()
        >>> choice.session.compare_with
        ''
    """

    def __init__(self, session: Session | None = None) -> None:
        super().__init__(session, alone=False)
        self.controller = CompareController.of(self.session)
        self._model = hooked(
            ipywidgets.Dropdown(options=[NOBODY], tooltip="A second model for the same clips and prompts"),
            "wb-compare wb-compare-model wb-wide",
        )
        self._state = html.block(hook="wb-compare-state")
        self._download = button("Download", "wb-compare-download", "Fetch the second model")
        self._download.on_click(self._do(self.controller.download, "downloading the second model"))
        self._fill(self._model, self._state, self._download)
        self.add_class("wb-part")
        self._take(self._model, "value", lambda chosen: self.controller.choose(chosen or ""), "comparing")
        self._follow(self.controller, "options", self._paint_choice)
        self._follow(self.session, "compare_with", self._paint_choice)
        self._follow(self.controller, ["state_text", "problem"], self._paint_state)
        self._follow(self.controller, "needs_download", self._paint_download)
        self._follow(self.controller.models.downloads, "state", self._paint_download)

    def _paint_choice(self) -> None:
        """List the models, and the chosen one even when nobody knows it."""
        chosen = self.session.compare_with
        ids = self.controller.options
        listed = ids if chosen in ids or not chosen else (chosen, *ids)
        nobody = ("No comparison", "") if chosen else NOBODY
        options = (
            nobody,
            *((f"vs {model_id}" if model_id == chosen else model_id, model_id) for model_id in listed),
        )
        if options != tuple(self._model.options):
            self._model.options = options
        self._model.value = chosen

    def _paint_download(self) -> None:
        """Offer to fetch the second model when it is not here."""
        running = self.controller.models.downloads.state in ("running", "stopping")
        self._download.layout.display = "" if self.controller.needs_download and not running else "none"
        self._download.description = self.controller.download_words()

    def _paint_state(self) -> None:
        """Say how far it is, and what went wrong."""
        words = html.note(self.controller.state_text) + html.problem_note(self.controller.problem)
        self._state.value = words
        self._state.layout.display = "" if words else "none"

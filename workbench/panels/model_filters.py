"""Narrow the list of models down: words, what they take, installed or not, licence."""

from typing import Any

import ipywidgets

from workbench.controllers.model_filter import INSTALLED_CHOICES, MODALITY_CHOICES
from workbench.controllers.models import ModelController
from workbench.panels import html
from workbench.panels.base import Panel, hooked
from workbench.session import Session

__all__ = ["ModelFilters"]


class ModelFilters(Panel):
    """The text filter of the model list, and three small ones below it.

    Args:
        session: The state to share with other parts; its own when None.

    Example:
        >>> filters = ModelFilters()
        >>> filters.controller.modality = "video"
        >>> "workbench/spriteclip-tiny" in [card.model_id for card in filters.controller.cards]
        True
    """

    def __init__(self, session: Session | None = None) -> None:
        super().__init__(session, alone=False)
        self.controller = ModelController.of(self.session)
        self._text = hooked(
            ipywidgets.Text(
                placeholder="Filter: name, licence, video …", tooltip="Words to look for in the cards"
            ),
            "wb-filter wb-wide",
        )
        self._modality = _small("What the model takes", "wb-modality", MODALITY_CHOICES)
        self._installed = _small("On this machine or not", "wb-installed", INSTALLED_CHOICES)
        self._licence = _small("Licence", "wb-licence", self.controller.licences)
        self._count = html.block(hook="wb-model-count")
        small = hooked(
            ipywidgets.HBox([self._modality, self._installed, self._licence]), "wb-row wb-small-row"
        )
        self._fill(self._text, small, self._count)
        self.add_class("wb-part")
        for widget, name in (
            (self._text, "filter_text"),
            (self._modality, "modality"),
            (self._installed, "installed_only"),
            (self._licence, "licence"),
        ):
            self._tie(widget, name)
        self._follow(self.controller, "licences", self._paint_licences)
        self._follow(self.controller, ["cards", "all_cards"], self._paint_count)

    def _tie(self, widget: Any, name: str) -> None:
        """Keep one control and one trait of the controller the same."""
        self._take(widget, "value", lambda value: setattr(self.controller, name, value or ""), "filtering")
        self._follow(self.controller, name, lambda: self._paint(widget, name))

    def _paint(self, widget: Any, name: str) -> None:
        """Show what is asked for."""
        value = getattr(self.controller, name)
        if not hasattr(widget, "options") or value in [option[1] for option in widget.options]:
            widget.value = value

    def _paint_licences(self) -> None:
        """List the licences there are."""
        if tuple(self._licence.options) != tuple(self.controller.licences):
            self._licence.options = self.controller.licences
        self._paint(self._licence, "licence")

    def _paint_count(self) -> None:
        """Say how many models are left."""
        text = self.controller.count_text()
        self._count.value = html.note(text)
        self._count.layout.display = "" if text else "none"


def _small(tooltip: str, hook: str, options: Any) -> ipywidgets.Dropdown:
    """Make one small list."""
    return hooked(ipywidgets.Dropdown(options=options, tooltip=tooltip), f"{hook} wb-grow wb-small")

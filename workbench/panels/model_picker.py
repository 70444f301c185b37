"""Choose a model, read its card, load it."""

import ipywidgets

from workbench.controllers.models import ModelController
from workbench.panels import html
from workbench.panels.base import Panel, button, hooked
from workbench.panels.compare_choice import CompareChoice
from workbench.panels.download_row import DownloadRow
from workbench.panels.model_filters import ModelFilters
from workbench.session import Session

__all__ = ["ModelPicker"]

LOAD_WORDS = {"not loaded": "Load", "loading": "Loading …", "ready": "Loaded", "failed": "Try again"}
WARM_UP_AFTER_S = 0.4  # first let the panel appear, then import what loading will need


class ModelPicker(Panel):
    """The models there are: filter, choose, download, load, read the card; compare with a second one.

    Args:
        session: The state to share with other parts; its own when None.
        alone: Whether it stands alone; inside an app, the app has the style and the last message.
        card_is_open: Whether the whole card is open at first, or one line of it.

    Example:
        >>> picker = ModelPicker()
        >>> picker.session.model_id
        'workbench/spriteclip-tiny'
    """

    def __init__(
        self, session: Session | None = None, *, alone: bool = True, card_is_open: bool = True
    ) -> None:
        super().__init__(session, alone=alone)
        self.controller = ModelController.of(self.session)
        self.controller.choose_default()
        self._model = hooked(ipywidgets.Dropdown(tooltip="Model"), "wb-model wb-wide")
        self._device = hooked(ipywidgets.Dropdown(tooltip="Device to compute on"), "wb-device wb-grow")
        self._load = button("Load", "wb-load-model", "Load the model now; Embed does it too")
        self._summary = html.block(hook="wb-model-state")
        self._card = html.block(hook="wb-model-card")
        self._card_is_open = card_is_open
        self._fill(
            html.block(html.heading("Model")),
            ModelFilters(self.session),
            self._model,
            hooked(ipywidgets.HBox([self._device, self._load]), "wb-row"),
            self._summary,
            DownloadRow(self.session),
            self._card,
            CompareChoice(self.session),
        )
        self._wire()

    def _wire(self) -> None:
        """Connect widgets and controller both ways."""
        controller = self.controller
        self._take(self._model, "value", lambda chosen: controller.choose(chosen or ""), "choosing a model")
        self._take(
            self._device, "value", lambda device: setattr(controller, "device", device), "choosing a device"
        )
        self._load.on_click(self._do(controller.load, "loading the model"))
        self._follow(self.session, "model_id", self._paint_choice)
        self._follow(controller, "cards", self._paint_choice)
        self._follow(controller, ["devices", "device"], self._paint_devices)
        self._follow(controller, ["description", "all_cards", "installed"], self._paint_card)
        self._follow(controller, ["load_state", "description", "all_cards", "installed"], self._paint_state)
        self._follow(self.session, ["model_id", "model"], self._paint_state)
        self._follow(self.session, ["model_id", "model"], self._paint_card)
        self._follow(self.session, "model_id", self._warm_up_soon)

    def _warm_up_soon(self) -> None:
        """Import what loading will need once the panel has appeared."""
        self._painter.after(WARM_UP_AFTER_S, self.controller.warm_up)

    def _paint_choice(self) -> None:
        """List the models that pass the filter."""
        chosen = self.session.model_id
        ids = [card.model_id for card in self.controller.cards]
        options = ids if chosen in ids or not chosen else [chosen, *ids]
        if tuple(options) != tuple(self._model.options):
            self._model.options = options
        self._model.value = chosen or None

    def _paint_devices(self) -> None:
        """List the devices of this machine."""
        if tuple(self.controller.devices) != tuple(self._device.options):
            self._device.options = self.controller.devices
        self._device.value = self.controller.device

    def _paint_state(self) -> None:
        """Show how far loading is."""
        state = self.controller.load_state
        self._load.disabled = state in ("loading", "ready") or not self.session.model_id
        self._load.description = LOAD_WORDS[state]
        lines = [html.note(self.controller.summary()), html.good_note(self.controller.verified_text())]
        lines += [html.note(text, level) for level, text in self.controller.notes()]
        self._summary.value = "".join(lines)

    def _paint_card(self) -> None:
        """Show what is known of the chosen model."""
        considered = self.controller.considered_rows()
        ways = html.facts((verdict, f"{what}: {why}") for what, verdict, why in considered)
        turned_down = self.controller.is_turned_down()
        title = "Why it cannot run here" if turned_down else "How it is loaded"
        ways = html.details(title, ways, opened=turned_down)
        inner = html.facts(self.controller.card_rows()) + ways
        self._card.value = html.details("Model card", inner, opened=self._card_is_open)

"""Ask: prompts in, ranked clips and a heat map out."""

import ipywidgets

from workbench.controllers.compare import CompareController
from workbench.controllers.media import MediaProvider
from workbench.controllers.models import ModelController
from workbench.controllers.rank import MODES, RankController
from workbench.panels import html
from workbench.panels.base import Panel, Press, button, hooked
from workbench.session import Session
from workbench.widgets import Gallery, Heatmap

__all__ = ["RankPanel"]


class RankPanel(Panel):
    """Prompts, one a line; the best clips for each, or the likeliest labels of each clip.

    When a second model is compared with (`Session.compare_with`), both models' clips stand side by
    side, and each card says how its place differs from the one with the other model.

    Args:
        session: The state to share with other parts; its own when None.
        alone: Whether it stands alone; inside an app, the app has the style and the last message.

    Example:
        >>> panel = RankPanel()
        >>> panel.controller.prompts = ["a red circle moving left"]
        >>> panel.controller.prompts
        ['a red circle moving left']
    """

    def __init__(self, session: Session | None = None, *, alone: bool = True) -> None:
        super().__init__(session, alone=alone)
        ModelController.of(self.session).choose_default()
        self.controller = RankController.of(self.session)
        self.compare = CompareController.of(self.session)
        self._press = Press(self.controller.rank)
        self._prompts = hooked(
            ipywidgets.Textarea(
                placeholder="One prompt a line, such as:\na red circle moving left",
                tooltip="Prompts, one a line",
                continuous_update=True,
                rows=3,
            ),
            "wb-prompts wb-wide",
        )
        self._templates = _lines("Templates", "a video of {}", "wb-templates")
        self._negatives = _lines("Steer away from", "a blue square", "wb-negatives")
        self._top_k = hooked(
            ipywidgets.BoundedIntText(min=1, max=50, description="Top", tooltip="Cards for each prompt"),
            "wb-top-k",
        )
        self._mode = hooked(ipywidgets.ToggleButtons(options=MODES, tooltips=_MODE_TIPS), "wb-mode")
        self._rank = button(
            "Rank", "wb-rank", "Rank the clips for the prompts; embeds first when needed", main=True
        )
        self._results = hooked(Gallery(MediaProvider.of(self.session)), "wb-results")
        self._heatmap = hooked(Heatmap(), "wb-heatmap")
        self._left_out = html.block()
        self._other_heatmap = hooked(Heatmap(), "wb-compare-heatmap")
        self._names = [html.block(hook="wb-heat-title"), html.block(hook="wb-heat-title")]
        self._more = hooked(
            ipywidgets.ToggleButton(description="More", tooltip="Templates, and what to steer away from"),
            "wb-more",
        )
        self._more_box = hooked(ipywidgets.HBox([self._templates, self._negatives]), "wb-row")
        buttons = hooked(ipywidgets.HBox([self._rank, self._mode, self._top_k, self._more]), "wb-row")
        maps = [self._names[0], self._heatmap, self._left_out, self._names[1], self._other_heatmap]
        heat = hooked(ipywidgets.VBox(maps), "wb-heat-box")
        self._fill(
            html.block(html.heading("Ask")), self._prompts, buttons, self._more_box, self._results, heat
        )
        self._wire()

    def _wire(self) -> None:
        """Connect widgets and controller both ways."""
        controller, session = self.controller, self.session
        pairs = [
            (self._prompts, "prompts_text"),
            (self._templates, "templates_text"),
            (self._negatives, "negatives_text"),
            (self._top_k, "top_k"),
            (self._mode, "mode"),
        ]
        for widget, name in pairs:
            self._tie(widget, name)
        self._more.observe(lambda _: self._paint_more(), "value")
        self._paint_more()
        self._rank.on_click(self._do(self._press, "ranking"))
        self._take(self._prompts, "value", lambda _: self._press.text_came(), "ranking")
        for widget in (self._results, self._heatmap, self._other_heatmap):
            self._take(
                widget, "selection", lambda key: setattr(session, "selection", key), "selecting a clip"
            )
        self._follow(controller, ["heat", "hint"], self._paint_results)
        self._follow(self.compare, ["groups", "columns", "heat"], self._paint_results)
        self._follow(controller, ["stale", "busy"], self._paint_button)
        self._follow(session, "selection", self._paint_selection)
        self._follow(session, "clips", self._results.refresh)

    def _tie(self, widget: ipywidgets.DOMWidget, name: str) -> None:
        """Keep one box and one trait of the controller the same."""
        self._take(widget, "value", lambda value: setattr(self.controller, name, value), "setting an option")
        self._follow(self.controller, name, lambda: setattr(widget, "value", getattr(self.controller, name)))

    def _paint_more(self) -> None:
        """Show or hide the rarer options; what somebody set stays in sight."""
        used = self.controller.templates_text or self.controller.negatives_text
        self._more_box.layout.display = "" if self._more.value or used else "none"

    def _paint_results(self) -> None:
        """Show the ranked cards and the heat map."""
        heat = self.controller.heat
        self._results.empty_text = self.controller.hint
        with self._results.hold_sync():
            self._results.side_by_side = self.compare.columns
            self._results.groups = list(self.compare.groups)
        self._heatmap.show(heat["scores"], rows=heat["rows"], columns=heat["columns"])
        self._left_out.value = html.note(self.controller.left_out_text())
        self._paint_other_heat()
        self._paint_selection()

    def _paint_other_heat(self) -> None:
        """Show the second model's heat map below the first, each with its model's name."""
        other = self.compare.heat
        shown = bool(other["scores"])
        self._other_heatmap.layout.display = "" if shown else "none"
        self._other_heatmap.show(other["scores"], rows=other["rows"], columns=other["columns"])
        for block, name in zip(self._names, self.compare.names(), strict=True):
            block.layout.display = "" if shown else "none"
            block.value = html.note(name)

    def _paint_selection(self) -> None:
        """Mark the selected clip."""
        key = self.session.selection
        self._results.selection = key
        self._heatmap.selection = key
        self._other_heatmap.selection = key

    def _paint_button(self) -> None:
        """Show whether the answer is that to another question."""
        self._rank.description = "Rank again" if self.controller.stale else "Rank"
        self._rank.disabled = self.controller.busy


_MODE_TIPS = ["The best clips for each prompt", "The likeliest prompts, as labels, of each clip"]


def _lines(title: str, example: str, hook: str) -> ipywidgets.Textarea:
    """Make a small box that takes one text a line."""
    box = ipywidgets.Textarea(
        description=title, placeholder=f"one a line: {example}", continuous_update=True, rows=2
    )
    return hooked(box, f"{hook} wb-stacked wb-grow")

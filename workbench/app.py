"""The whole workbench in one panel: the only file that knows every part."""

from collections.abc import Iterable
from typing import Any

import ipywidgets
from traitlets import All, List, TraitType, Unicode
from traitlets import Any as AnyTrait

from workbench.controllers.clips import ClipController
from workbench.controllers.compare import CompareController
from workbench.controllers.models import ModelController
from workbench.controllers.rank import RankController
from workbench.panels import html
from workbench.panels.base import Panel, StatusLine, hooked
from workbench.panels.clip_loader import ClipLoader
from workbench.panels.display import LiveDisplay, OnHomeThread
from workbench.panels.embed_panel import EmbedPanel
from workbench.panels.inspector import Inspector
from workbench.panels.model_picker import ModelPicker
from workbench.panels.rank_panel import RankPanel
from workbench.panels.snapshot import snapshot_html
from workbench.session import NoneIsEmpty, Session

__all__ = ["Workbench"]

DEFAULT_MODEL = "workbench/spriteclip-tiny"
SHARED = ("model", "clips", "embeddings", "ranking", "classification", "selection", "compare_with")


class Workbench(Panel):
    """Pick a model, load clips, embed, type prompts, see the ranking. Shown as a cell's last expression.

    Everything a click does is an attribute here as well, and both stay in step: set `clips`,
    `prompts` or `selection`, read `ranking` and `embeddings`, observe any of them.

    Args:
        model: The id of a model, a loaded model, or None to choose later.
        clips: What `load_clips` takes; read in the background. None starts without clips.
        prompts: Prompts to begin with.
        session: A state shared with other parts; its own when None.

    Attributes:
        model: The loaded model, or None.
        clips: The `ClipSet`.
        embeddings: The clips' vectors, or None.
        ranking: The last ranking, or None.
        classification: The last label probabilities, or None.
        selection: Key of the selected clip, or empty.
        prompts: The prompts, a list.
        compare_with: The id of a second model; it ranks the same clips for the same prompts, beside
            the first. Empty ends the comparison and unloads that model.

    Example:
        >>> wb = Workbench(prompts=["a red circle moving left"])
        >>> wb.prompts
        ['a red circle moving left']
        >>> wb.observe(lambda change: print("selected", change.new), names="selection")
    """

    model: TraitType = AnyTrait(None, allow_none=True)
    clips: TraitType = AnyTrait()
    embeddings: TraitType = AnyTrait(None, allow_none=True)
    ranking: TraitType = AnyTrait(None, allow_none=True)
    classification: TraitType = AnyTrait(None, allow_none=True)
    selection = Unicode("")
    prompts: TraitType = List(Unicode())
    compare_with = NoneIsEmpty("")

    def __init__(
        self,
        model: Any = DEFAULT_MODEL,
        clips: Any = None,
        prompts: Iterable[str] | str | None = None,
        *,
        session: Session | None = None,
    ) -> None:
        super().__init__(session)
        self._models = ModelController.of(self.session)
        self._ranks = RankController.of(self.session)
        self._clips = ClipController.of(self.session)
        self._start_with(model, prompts)
        self._lay_out()
        self._share()
        self._display = LiveDisplay(self, lambda: snapshot_html(self.session))
        self._follow(self.session, ["ranking", "classification"], self._display.changed)
        self._follow(CompareController.of(self.session), "groups", self._display.changed)
        if clips is not None:
            self._clips.open(clips)

    @property
    def rankings(self) -> dict[str, Any]:
        """The rankings there are, by model id: two while a second model is compared with."""
        return self.session.rankings

    @property
    def compared(self) -> Any:
        """What the second model has: `model`, `embeddings`, `ranking`; None without one."""
        return self.session.compared

    def snapshot(self) -> str:
        """Return the last state as HTML that needs no kernel: the ranked table with small pictures."""
        return snapshot_html(self.session)

    def observe(self, handler: Any, names: Any = All, type: Any = "change") -> None:  # noqa: A002
        """Call a function when something changes, always on the thread that made this panel.

        Args:
            handler: Called with the change.
            names: Which attributes, such as "selection" or ["ranking", "clips"].
            type: Kind of notification, as in traitlets.
        """
        painter = getattr(self, "_painter", None)
        super().observe(handler if painter is None else OnHomeThread(handler, painter), names, type)

    def unobserve(self, handler: Any, names: Any = All, type: Any = "change") -> None:  # noqa: A002
        """Stop calling a function that was handed to `observe`.

        Args:
            handler: The function.
            names: From which attributes.
            type: Kind of notification.
        """
        painter = getattr(self, "_painter", None)
        super().unobserve(handler if painter is None else OnHomeThread(handler, painter), names, type)

    def close(self) -> None:
        """Stop what runs, let go of the session and close every widget."""
        if self.comm is not None:
            self._display.close()
            self.session.unobserve(self._from_session, list(SHARED))
            self._ranks.unobserve(self._from_prompts, "prompts_text")
        super().close()

    def _start_with(self, model: Any, prompts: Iterable[str] | str | None) -> None:
        """Take over what the caller gave; nothing here takes long."""
        if isinstance(model, str):
            self._models.choose(model)
        elif model is not None:
            self._models.use(model)
        if prompts is not None:
            self._ranks.prompts = [prompts] if isinstance(prompts, str) else list(prompts)

    def _lay_out(self) -> None:
        """Put the parts in their places: the job on top; choose and load, ask and look, inspect below."""
        session = self.session
        picker = ModelPicker(session, alone=False, card_is_open=False)
        loader = ClipLoader(session, alone=False)
        self._top = html.block(hook="wb-top")
        bar = [EmbedPanel(session, alone=False), StatusLine(session)]
        columns = [
            hooked(ipywidgets.VBox([picker, loader]), "wb-rail"),
            hooked(ipywidgets.VBox([RankPanel(session, alone=False)]), "wb-main"),
            hooked(ipywidgets.VBox([Inspector(session, alone=False)]), "wb-side"),
        ]
        body = hooked(ipywidgets.Box(columns), "wb-body")
        style = html.block(html.style_sheet(), hook="wb-style")
        self.children = [style, self._top, hooked(ipywidgets.Box(bar), "wb-jobbar"), body]
        self.add_class("wb-app")
        self._follow(session, ["clips", "model_id", "model", "compare_with"], self._paint_top)

    def _paint_top(self) -> None:
        """Show what is being worked on."""
        session = self.session
        versus = f" vs {session.compare_with}" if session.compare_with else ""
        words = [(session.model_id or "no model") + versus, self._clips.summary()]
        self._top.value = html.title("Embedding Workbench", words)

    def _share(self) -> None:
        """Keep the public attributes and the session the same, both ways."""
        for name in SHARED:
            self.set_trait(name, getattr(self.session, name))
            self.session.observe(self._from_session, name)
            super().observe(self._to_session, name)
        self.prompts = self._ranks.prompts
        self._ranks.observe(self._from_prompts, "prompts_text")
        super().observe(self._to_prompts, "prompts")

    def _from_session(self, change: dict[str, Any]) -> None:
        """The panel or a job changed something."""
        setattr(self, change["name"], change["new"])

    def _to_session(self, change: dict[str, Any]) -> None:
        """Python changed something; what the session refuses is put back."""
        name, value = change["name"], change["new"]
        if getattr(self.session, name) is value:
            return
        try:
            setattr(self.session, name, value)
        except Exception:
            setattr(self, name, getattr(self.session, name))
            raise

    def _from_prompts(self, _: Any) -> None:
        """Somebody typed."""
        self.prompts = self._ranks.prompts

    def _to_prompts(self, change: dict[str, Any]) -> None:
        """Python set the prompts."""
        if change["new"] != self._ranks.prompts:
            self._ranks.prompts = change["new"]

    def __repr__(self) -> str:
        model = self.session.model_id or None
        return f"Workbench(model={model!r}, {len(self.session.clips)} clips, {len(self.prompts)} prompts)"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the live panel; beside it a static picture that stays in the saved notebook."""
        return self._display.bundle(super()._repr_mimebundle_(**kwargs))

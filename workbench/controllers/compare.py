"""A second model beside the first one: the same clips, the same prompts, its own vectors and scores."""

from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Int, TraitType, Unicode

from workbench.controllers.base import Controller
from workbench.controllers.cards import (
    NO_HEAT,
    classification_groups,
    classification_heat,
    ranking_groups,
    ranking_heat,
)
from workbench.controllers.embed import EmbedController
from workbench.controllers.model_card import is_embedding
from workbench.controllers.models import ModelController
from workbench.controllers.pairs import Side, label_places, paired_groups, ranking_places
from workbench.controllers.rank import MODES, RankController
from workbench.session import Session, Status

__all__ = ["CompareController"]

OF_OTHER = ("status", "ranking", "classification", "embeddings", "model")
AWAITED = ("ranking", "classification", "embeddings")


class CompareController(Controller):
    """Follows `Session.compare_with`: makes a session for the second model, and asks it what the first was.

    The second session has the same clips and the same store of vectors. Its vectors are of another
    space, and nothing here puts the two together: only places in the rankings are compared.

    Attributes:
        options: The ids that may be compared with.
        groups: What the gallery shows: the first model's groups, or both models' in turn.
        columns: How many groups stand side by side.
        heat: What the second heat map shows; empty without a second result.
        state_text: How far the second model is.
        problem: The last error of the second model, as a `Status`; None when all is well.
        needs_download: Whether the second model waits to be downloaded.
    """

    options: TraitType = AnyTrait(())
    groups: TraitType = AnyTrait(())
    columns = Int(1)
    heat: TraitType = AnyTrait(NO_HEAT)
    state_text = Unicode("")
    problem: TraitType = AnyTrait(None, allow_none=True)
    needs_download = Bool(default_value=False)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.models = ModelController.of(session)
        self.ranks = RankController.of(session)
        self.models.observe(self._list_options, names="all_cards")
        self.models.observe(self._on_device, names="device")
        self.ranks.observe(self._show, names="groups")
        session.observe(self._on_choice, names="compare_with")
        session.observe(self._on_first, names="model_id")
        session.observe(self._on_clips, names="clips")
        session.observe(self._on_result, names=list(AWAITED))
        self._list_options()
        self._show()
        self._on_choice()

    def choose(self, model_id: str) -> None:
        """Compare with a model, which is loaded when there is something to ask it; "" ends that.

        Args:
            model_id: The id of the second model.
        """
        self.session.compare_with = model_id

    def names(self) -> tuple[str, str]:
        """The ids of the chosen model and of the one it is compared with; empty without one."""
        return self.session.model_id, self.session.compare_with

    def download(self) -> None:
        """Fetch the second model; once it is here it is asked what the first one was."""
        if self.session.compared is not None:
            ModelController.of(self.session.compared).download()

    def download_words(self) -> str:
        """Say what `download` would do."""
        other = self.session.compared
        return "" if other is None else ModelController.of(other).download_words()

    def close(self) -> None:
        """Let the second model go."""
        self._drop()
        super().close()

    def _list_options(self, _: Any = None) -> None:
        """List the embedding models other than the chosen one."""
        chosen = self.session.model_id
        cards = [card for card in self.models.all_cards if is_embedding(card) and "text" in card.modalities]
        self.options = tuple(card.model_id for card in cards if card.model_id != chosen)

    def _on_choice(self, _: Any = None) -> None:
        """Another second model, or none: let the old one go first, so that two are the most there are."""
        self._drop()
        if not self.session.compare_with:
            self._show()
            return
        session = self.session
        other = Session(model_id=session.compare_with, clips=session.clips, store=session.store)
        other.parent = session
        ModelController.of(other).device = self.models.device
        other.observe(self._on_other, names=list(OF_OTHER))
        ModelController.of(other).observe(self._tell_state, names="load_state")
        ModelController.of(other).observe(self._on_installed, names="installed")
        EmbedController.of(other).observe(self._tell_state, names=["progress_text", "busy"])
        session.compared = other
        self._show()
        self._tell_state()
        self._tell_download()
        self._ask()

    def _drop(self) -> None:
        """Stop what the second model does, and unload it."""
        other, self.session.compared = self.session.compared, None
        self.problem, self.state_text, self.needs_download = None, "", False
        if other is None:
            return
        other.unobserve(self._on_other, names=list(OF_OTHER))
        EmbedController.of(other).stop()
        other.close()
        other.model = None

    def _on_first(self, _: Any) -> None:
        """The first model was chosen anew; a model is not compared with itself."""
        self._list_options()
        if self.session.compare_with and self.session.compare_with == self.session.model_id:
            self.session.say("info", f"{self.session.model_id} is the chosen model now; nothing is compared.")
            self.session.compare_with = ""

    def _on_device(self, change: dict[str, Any]) -> None:
        """Both models compute on the same device."""
        if self.session.compared is not None:
            ModelController.of(self.session.compared).device = change["new"]

    def _on_clips(self, _: Any) -> None:
        """The second model looks at the same clips."""
        if self.session.compared is not None:
            self.session.compared.clips = self.session.clips

    def _on_result(self, change: dict[str, Any]) -> None:
        """The first model has something new: have the second one do the same."""
        if change["new"] is not None:
            self._ask()

    def _ask(self) -> None:
        """Ask the second model what the first one answered; without prompts, only embed.

        One that is not on this machine is not fetched because somebody looks through a list.
        """
        session, other = self.session, self.session.compared
        if other is None or session.embeddings is None or ModelController.of(other).needs_download():
            return
        other.store = session.store
        by_prompt = self.ranks.mode == MODES[0]
        answer = session.ranking if by_prompt else session.classification
        if answer is not None:
            self._rank_too(other, answer, answer.prompts if by_prompt else answer.labels)
        elif not self.ranks.prompts and EmbedController.of(other).needs_embedding():
            EmbedController.of(other).start()

    def _rank_too(self, other: Session, answer: Any, prompts: list[str]) -> None:
        """Rank with the second model, for exactly the prompts that the first one was asked."""
        ranks = RankController.of(other)
        ranks.prompts = list(prompts)
        ranks.templates_text = "\n".join(answer.templates)
        ranks.negatives_text = "\n".join(getattr(answer, "negatives", []))
        asked_by_mode = ranks.mode != self.ranks.mode and other.embeddings is not None
        ranks.mode = self.ranks.mode
        if not asked_by_mode:
            ranks.rank()

    def _on_other(self, change: dict[str, Any]) -> None:
        """The second model has got further."""
        if change["name"] == "status":
            self._on_status(change["new"])
        else:
            self._show()
        self._tell_state()

    def _on_status(self, status: Status) -> None:
        """Pass its messages on, so that nobody takes them for the first model's."""
        problem = status if status.level == "error" else None
        if problem != self.problem:
            self.problem = problem
            self._show()
        text = f"{self.session.compare_with} · {status.text}"
        self.session.status = Status(status.level, text, status.next_step, status.trace)

    def _on_installed(self, _: Any) -> None:
        """The second model may have arrived."""
        self._tell_state()
        if self.needs_download and not self._tell_download():
            self._ask()

    def _tell_download(self) -> bool:
        """Say that the second model waits to be downloaded, if it does."""
        other = self.session.compared
        before, self.needs_download = self.needs_download, ModelController.of(other).needs_download()
        if self.needs_download and not before:
            self.session.say(
                "warning",
                f"{other.model_id} is not on this machine, so nothing is compared yet.",
                f"Press {self.download_words()}, or: workbench models download {other.model_id}",
            )
        return self.needs_download

    def _tell_state(self, _: Any = None) -> None:
        """Say how far the second model is."""
        other = self.session.compared
        if other is None:
            return
        embed, models = EmbedController.of(other), ModelController.of(other)
        done = embed.progress_text if embed.busy or other.embeddings is not None else ""
        parts = [models.summary(), "✓ known answers" if models.verified_text() else "", done]
        self.state_text = " · ".join(part for part in parts if part)

    def _show(self, _: Any = None) -> None:
        """Lay out one result, or two side by side."""
        other = self.session.compared
        if other is None:
            self.columns, self.heat, self.groups = 1, NO_HEAT, self.ranks.groups
            return
        first, second = self._side(self.session, self.ranks.groups), self._other_side(other)
        self.groups, self.columns = paired_groups(first, second), 2
        self.heat = self._other_heat(other)

    def _other_side(self, other: Session) -> Side:
        """What the second model found."""
        result = self._result(other)
        if result is None or not set(result.keys) <= set(self.session.clips.keys):
            return Side(other.model_id, "", waiting=self._waiting())
        lay_out = ranking_groups if self.ranks.mode == MODES[0] else classification_groups
        return self._side(other, lay_out(result, self.session.clips, self.ranks.top_k))

    def _side(self, lane: Session, groups: Any) -> Side:
        """What one model found, with the meaning of its own scores."""
        result = self._result(lane)
        if result is None:
            return Side(lane.model_id, "", groups, waiting=self._waiting())
        name = result.space.model_id if result.space is not None else lane.model_id
        if self.ranks.mode == MODES[0]:
            kind = "cosine minus negative" if result.negatives else "cosine"
            return Side(name, kind, groups, ranking_places(result), self._waiting())
        return Side(name, result.kind, groups, label_places(groups), self._waiting())

    def _other_heat(self, other: Session) -> dict[str, Any]:
        """The second model's scores as a heat map."""
        result = self._result(other)
        if result is None:
            return NO_HEAT
        return ranking_heat(result) if self.ranks.mode == MODES[0] else classification_heat(result)

    def _result(self, lane: Session) -> Any:
        """The ranking or classification of one model, as the mode says."""
        return lane.ranking if self.ranks.mode == MODES[0] else lane.classification

    def _waiting(self) -> str:
        """What to say where the second model has no result."""
        if self.problem is not None:
            return "No result: what went wrong stands beside the model."
        return "Download this model to compare with it." if self.needs_download else "Not ranked yet."

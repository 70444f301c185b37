"""The list of models that a picker shows: what there is, what passes the filter, what is here."""

from typing import Any

from traitlets import Any as AnyTrait
from traitlets import TraitType, Unicode, observe

from models.registry import on_registry_change
from workbench.controllers.base import Controller
from workbench.controllers.model_filter import ModelFilter, filter_cards, licence_choices
from workbench.session import Session

__all__ = ["ModelList"]


class ModelList(Controller):
    """The models there are; those that pass the filter are listed, and always the chosen one.

    Attributes:
        filter_text: Words that a model's card must contain to be listed.
        modality: What a model must take to be listed: "video", "image", "text"; "" for any.
        installed_only: Whether it must be on this machine: "yes", "no"; "" for both.
        licence: The licence it must have; "" for any.
        licences: The licences there are: pairs (label, value).
        cards: The cards that are listed.
        all_cards: The cards of all models.
        installed: The ids of the models that are on this machine.
    """

    filter_text = Unicode("")
    modality = Unicode("")
    installed_only = Unicode("")
    licence = Unicode("")
    licences: TraitType = AnyTrait(())
    cards: TraitType = AnyTrait(())
    all_cards: TraitType = AnyTrait(())
    installed: TraitType = AnyTrait(frozenset())

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._unsubscribe = on_registry_change(self.refresh)
        session.observe(self._filter, names="model_id")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Read the list of models again; called whenever one is registered."""
        from models.auto import AutoModel

        self.all_cards = tuple(AutoModel.list_available_models())
        self.licences = licence_choices(self.all_cards)
        self.installed = frozenset(card.model_id for card in self.all_cards if _is_here(card))
        self._filter()

    def card(self, model_id: str | None = None) -> Any:
        """Return a model's card, or None.

        Args:
            model_id: The model; None for the chosen one.
        """
        wanted = self.session.model_id if model_id is None else model_id
        return next((card for card in self.all_cards if card.model_id == wanted), None)

    def needs_download(self, model_id: str | None = None) -> bool:
        """Whether a model is on the hub and not on this machine.

        Args:
            model_id: The model; None for the chosen one.
        """
        card = self.card(model_id)
        return card is not None and card.source == "hub" and card.model_id not in self.installed

    def count_text(self) -> str:
        """Say how many models the filter leaves; empty when it leaves all."""
        left, total = len(self.cards), len(self.all_cards)
        return f"{left} of {total} models" if left < total else ""

    def close(self) -> None:
        """Stop listening to the registry."""
        self._unsubscribe()
        super().close()

    @observe("filter_text", "modality", "installed_only", "licence")
    def _filter(self, _: Any = None) -> None:
        """List the cards that pass the filter, and the chosen one."""
        wanted = ModelFilter(self.filter_text, self.modality, self.installed_only, self.licence)
        self.cards = filter_cards(
            self.all_cards, wanted, installed=self.installed, keep=self.session.model_id
        )


def _is_here(card: Any) -> bool:
    """Whether a model can be loaded without a download."""
    if card.source != "hub":
        return True
    from models.packages import is_installed

    return is_installed(card)

"""Choose a model, know what it is, load it: the state behind the model picker."""

from concurrent.futures import Future
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Enum, TraitType, Unicode, observe

from models.registry import BackendType, implementations, on_registry_change
from models.vectors import EmbeddingSpace
from workbench.controllers.base import Controller, run_in_thread
from workbench.controllers.model_card import card_rows, card_summary, device_options
from workbench.session import Session

__all__ = ["ModelController"]

ANY_DEVICE = (("auto", "auto"), ("cpu", "cpu"))


class ModelController(Controller):
    """The models there are, the chosen one, and whether it is loaded.

    Attributes:
        filter_text: Words that a model's card must contain to be listed.
        cards: The cards that pass the filter, and always the chosen one.
        device: "auto", "cpu", "cuda", "mps".
        devices: What may be chosen here: pairs (label, value).
        description: What `AutoModel.describe` says about the chosen model; None until it is known.
        load_state: "not loaded", "loading", "ready" or "failed".
    """

    filter_text = Unicode("")
    cards: TraitType = AnyTrait(())
    device = Unicode("auto")
    devices: TraitType = AnyTrait(ANY_DEVICE)
    description: TraitType = AnyTrait(None, allow_none=True)
    load_state = Enum(["not loaded", "loading", "ready", "failed"], "not loaded")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._all_cards: tuple[Any, ...] = ()
        self._describing: Future[Any] | None = None
        self._unsubscribe = on_registry_change(self.refresh)
        session.observe(self._on_model, names="model")
        session.observe(self._on_choice, names="model_id")
        if session.model is not None:
            self.load_state = "ready"
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Read the list of models again; called whenever one is registered."""
        from models.auto import AutoModel

        self._all_cards = tuple(AutoModel.list_available_models())
        self._filter()

    def choose_default(self) -> None:
        """Choose the bundled model when nothing is chosen."""
        if not self.session.model_id and self.session.model is None and self._all_cards:
            bundled = [card for card in self._all_cards if card.source == "bundled"]
            self.session.model_id = (bundled or list(self._all_cards))[0].model_id

    def choose(self, model_id: str) -> None:
        """Choose a model; a loaded other one is let go."""
        self.session.model_id = model_id

    def use(self, model: Any) -> None:
        """Take a model that is loaded already, for example one made in a cell."""
        self.session.model_id = EmbeddingSpace.of(model, "").model_id
        self.session.model = model

    def load(self) -> "Future[Any]":
        """Load the chosen model in a thread, unless it is loaded or loading.

        Returns:
            A future of the loaded model.
        """
        model = self.session.model
        if model is not None:
            ready: Future[Any] = Future()
            ready.set_result(model)
            return ready
        return self._start(self._load, f"loading {self.session.model_id or 'the model'}")

    def warm_up(self) -> "Future[Any]":
        """Import what loading will need, and look at this machine, in a thread.

        Returns:
            A future without a value. An id that nobody knows is told in the status.
        """

        def finish(error: BaseException | None) -> None:
            if error is not None:
                self.session.report(error, "describing the model")

        with self._lock:
            if self._describing is None or self._describing.done():
                self._describing = Future()
                run_in_thread(self._describing, self._look_around, finish, "workbench: warm up")
            return self._describing

    def card(self) -> Any:
        """Return the chosen model's card, or None."""
        return next((card for card in self._all_cards if card.model_id == self.session.model_id), None)

    def card_rows(self) -> list[tuple[str, str]]:
        """List what is known of the chosen model: pairs (what, value)."""
        return card_rows(self.card(), self.session.model, self.description)

    def summary(self) -> str:
        """Say the most important things of the chosen model, and whether it is loaded."""
        return card_summary(self.card(), self.session.model, self.load_state)

    def considered_rows(self) -> list[tuple[str, str, str]]:
        """List the ways to load the chosen model: what, taken or not, why."""
        return self.description.rows() if self.description is not None else []

    def close(self) -> None:
        """Stop listening to the registry."""
        self._unsubscribe()
        super().close()

    @observe("filter_text")
    def _filter(self, _: Any = None) -> None:
        """List the cards that have every word of the filter, and the chosen one."""
        words = self.filter_text.lower().split()
        self.cards = tuple(
            card
            for card in self._all_cards
            if card.model_id == self.session.model_id or all(word in _haystack(card) for word in words)
        )

    @observe("device")
    def _on_device(self, _: Any) -> None:
        """A model on the old device is of no use any more."""
        self.session.model = None
        self.load_state = "not loaded"

    def _on_model(self, change: dict[str, Any]) -> None:
        """Follow a model that was loaded or set from Python."""
        if change["new"] is not None:
            self.load_state = "ready"
        elif self.load_state == "ready":
            self.load_state = "not loaded"

    def _on_choice(self, _: Any) -> None:
        """Another model was chosen: let the old one go."""
        model = self.session.model
        if model is not None and EmbeddingSpace.of(model, "").model_id != self.session.model_id:
            self.session.model = None
        if self.load_state == "failed":
            self.load_state = "not loaded"
        self.description = None
        self._filter()

    def _load(self) -> Any:
        """Load the chosen model; again if the choice changed meanwhile."""
        from models.auto import AutoModel

        self.load_state = "loading"
        while True:
            wanted = (self.session.model_id, self.device)
            self.session.say("busy", f"Loading {wanted[0]} …")
            model = AutoModel.from_pretrained(wanted[0], device=wanted[1])
            if wanted == (self.session.model_id, self.device):
                break
        self.session.model = model
        self.session.say("ok", f"{wanted[0]} is ready on {model.device}.")
        return model

    def _failed(self, error: BaseException, doing: str) -> None:
        """Keep the failure visible on the card as well."""
        self.load_state = "failed"
        super()._failed(error, doing)

    def _look_around(self) -> None:
        """Describe the chosen model, import its code, list the devices."""
        from models.auto import AutoModel
        from models.runtime import describe_runtime

        wanted = ""
        while wanted != self.session.model_id:
            wanted = self.session.model_id
            if self.session.model is not None and self.card() is None:
                continue  # made in a cell: there is nothing to look up
            description = AutoModel.describe(wanted)
            if wanted == self.session.model_id:
                self.description = description
                _import_code(description)
        self.devices = device_options(describe_runtime(probe_devices=True))


def _import_code(description: Any) -> None:
    """Import the class that would be loaded, with the libraries it needs."""
    card, chosen = description.card, description.chosen
    entries = implementations(card.architecture, card.task_type)
    if chosen is not None and chosen.backend in entries:
        entries[BackendType(chosen.backend)].resolve()


def _haystack(card: Any) -> str:
    """Everything in a card that a filter may ask for."""
    parts = (card.model_id, card.architecture, card.task_type, card.license, card.source, card.description)
    return " ".join([*parts, *card.modalities, *card.backends]).lower()

"""Choose a model, know what it is, load it: the state behind the model picker."""

from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Enum, TraitType, Unicode, observe

from models.packaging.hub_errors import DownloadStoppedError
from models.registry import BackendType, implementations
from models.reprs import readable_size
from models.vectors import EmbeddingSpace
from workbench.controllers.base import run_in_thread
from workbench.controllers.download import DownloadController
from workbench.controllers.model_card import (
    card_rows,
    card_summary,
    considered_rows,
    device_options,
    model_notes,
)
from workbench.controllers.model_list import ModelList
from workbench.controllers.residence import Residence
from workbench.session import Session

__all__ = ["ModelController"]

ANY_DEVICE = (("auto", "auto"), ("cpu", "cpu"))


class ModelController(ModelList):
    """The models there are, the chosen one, and whether it is loaded.

    Attributes:
        device: "auto", "cpu", "cuda", "mps".
        devices: What may be chosen here: pairs (label, value).
        description: What `AutoModel.describe` says about the chosen model; None until it is known.
        load_state: "not loaded", "loading", "ready" or "failed".
    """

    device = Unicode("auto")
    devices: TraitType = AnyTrait(ANY_DEVICE)
    description: TraitType = AnyTrait(None, allow_none=True)
    load_state = Enum(["not loaded", "loading", "ready", "failed"], "not loaded")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.downloads = DownloadController.of(session)
        self.residence = Residence()
        self._describing: Future[Any] | None = None
        self._choice_changed: Future[None] = Future()
        self._closed = False
        self.downloads.observe(self._on_download, names="state")
        session.observe(self._on_model, names="model")
        session.observe(self._on_choice, names="model_id")
        if session.model is not None:
            self.load_state = "ready"

    def choose_default(self) -> None:
        """Choose the bundled model when nothing is chosen."""
        if not self.session.model_id and self.session.model is None and self.all_cards:
            bundled = [card for card in self.all_cards if card.source == "bundled"]
            self.session.model_id = (bundled or list(self.all_cards))[0].model_id

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

    def download(self) -> "Future[Any]":
        """Fetch the chosen model in a thread, without loading it.

        Returns:
            A future of its package.
        """
        return self.downloads.start(self.session.model_id)

    def download_words(self) -> str:
        """Say what a press on Download would do."""
        card = self.card()
        stopped = self.downloads.model_id == self.session.model_id and self.downloads.state == "stopped"
        size = f" {readable_size(card.size_bytes)}" if card is not None and card.size_bytes else ""
        return "Go on with the download" if stopped else f"Download{size}"

    def stop_fetching(self) -> None:
        """End the download that loading waits for, if it does; what came is kept."""
        if self.load_state == "loading" and self.downloads.model_id == self.session.model_id:
            self.downloads.stop()

    def card_rows(self) -> list[tuple[str, str]]:
        """List what is known of the chosen model: pairs (what, value)."""
        return card_rows(
            self.card(), self.session.model, self.description, needs_download=self.needs_download()
        )

    def summary(self) -> str:
        """Say the most important things of the chosen model, and whether it is loaded."""
        missing = self.needs_download() and self.session.model is None
        state = "not downloaded" if missing and self.load_state == "not loaded" else self.load_state
        chosen = self.description.chosen if self.description is not None else None
        backend = chosen.backend if chosen is not None and chosen.location else ""
        return card_summary(self.card(), self.session.model, state, backend)

    def notes(self) -> list[tuple[str, str]]:
        """List what a user should know before using the chosen model: pairs (level, text)."""
        return model_notes(self.card(), self.description, needs_download=self.needs_download())

    def verified_text(self) -> str:
        """Say that the loaded model gave the vectors that were recorded with it; empty when it did not."""
        if not getattr(self.session.model, "known_answers_verified", False):
            return ""
        count = len(getattr(self.session.model, "known_answers", ()) or ())
        return f"known answers verified ({count})" if count else "known answers verified"

    def considered_rows(self) -> list[tuple[str, str, str]]:
        """List the ways to load the chosen model: what, taken or not, why."""
        return considered_rows(self.description)

    def is_turned_down(self) -> bool:
        """Whether the chosen model cannot run here."""
        return self.description is not None and self.description.chosen is None

    def close(self) -> None:
        """Stop listening; unload what was loaded here."""
        if not self._closed:
            self._closed = True
            self._choice_changed.set_result(None)
            self.downloads.unobserve(self._on_download, names="state")
        self.residence.retire(self.session.model)
        super().close()

    @observe("device")
    def _on_device(self, _: Any) -> None:
        """A model on the old device is of no use any more."""
        self.session.model = None
        self.load_state = "not loaded"
        self._look_again()

    def _on_model(self, change: dict[str, Any]) -> None:
        """Follow a model that was loaded or set from Python; unload the one it takes the place of."""
        if change["old"] is not None and change["old"] is not change["new"]:
            self.residence.retire(change["old"])
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
        changed, self._choice_changed = self._choice_changed, Future()
        changed.set_result(None)

    def _on_download(self, change: dict[str, Any]) -> None:
        """A package has arrived: list it as installed, and describe it anew."""
        if change["new"] == "done":
            self.refresh()
            self._look_again()

    def _look_again(self) -> None:
        """Describe the chosen model anew when it was described before."""
        if self.description is not None:
            self.description = None
            self.warm_up()

    def _load(self) -> Any:
        """Load the chosen model, fetching it first; again if the choice changed meanwhile."""
        from models.auto import AutoModel

        self.load_state = "loading"
        while not self._closed:
            changed, wanted = self._choice_changed, (self.session.model_id, self.device)
            if not self._fetched(wanted[0], changed):
                continue
            self.session.say("busy", f"Loading {wanted[0]} …")
            model = AutoModel.from_pretrained(wanted[0], device=wanted[1])
            self.residence.own(model)
            if wanted == (self.session.model_id, self.device) and not self._closed:
                self.description = AutoModel.describe(wanted[0], device=wanted[1])
                self.session.model = model
                self.session.say("ok", f"{wanted[0]} is ready on {getattr(model, 'device', 'cpu')}.")
                return model
            self.residence.retire(model)
        return None

    def _fetched(self, model_id: str, changed: "Future[None]") -> bool:
        """Wait until a model is on this machine; False when the choice changed meanwhile."""
        if self.needs_download(model_id):
            fetching = self.downloads.start(model_id)
            wait_for([fetching, changed], return_when=FIRST_COMPLETED)
            if changed.done():
                return False
            fetching.result()
        return True

    def _failed(self, error: BaseException, doing: str) -> None:
        """Keep the failure visible on the card as well; Stop is no failure."""
        if isinstance(error, DownloadStoppedError):
            self.load_state = "not loaded"
            return
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
            description = AutoModel.describe(wanted, device=self.device)
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

"""A hub that hands out one package in steps, without a network."""

import threading
from dataclasses import dataclass

from models.catalog import CATALOG, ModelCard
from models.packaging.hub_errors import DownloadStoppedError

MODEL_ID = "me/far-away"
TOTAL = 4_000_000
WAIT_S = 30


@dataclass(frozen=True)
class Progress:
    """What a download tells, as `models.packages.DownloadProgress` does."""

    model_id: str
    done_bytes: int
    total_bytes: int
    file: str


def far_card(**fields) -> ModelCard:
    """A card of a model on the hub."""
    return ModelCard(
        **{
            "model_id": MODEL_ID,
            "architecture": "far",
            "task_type": "embedding",
            "embedding_dim": 4,
            "license": "MIT",
            "size_bytes": TOTAL,
            **fields,
        }
    )


class FakeHub:
    """Takes the place of the functions of `models.packages` that the panel uses.

    Args:
        monkeypatch: Puts them back.
        card: The one model that can be downloaded.
    """

    def __init__(self, monkeypatch, card: ModelCard) -> None:
        self.card = card
        self.here = False
        self.done = 0
        self.calls = 0
        self.steps = threading.Semaphore(0)
        self.waiting = threading.Event()
        self.moved = threading.Condition()
        self.error: Exception | None = None
        monkeypatch.setitem(CATALOG, card.model_id, card)
        monkeypatch.setattr("models.packages.is_installed", self.is_installed)
        monkeypatch.setattr("models.packages.download_package", self.download_package)

    def is_installed(self, card, model_dir=None):
        """Whether the package is here."""
        return self.here

    def download_package(self, model, *, progress=None, stop=None, **_):
        """A quarter for each step that the test allows."""
        self.calls += 1
        progress(Progress(self.card.model_id, self.done, TOTAL, "model.safetensors"))
        while self.done < TOTAL:
            self.waiting.set()
            while not self.steps.acquire(timeout=0.01):
                if stop.is_set():
                    raise DownloadStoppedError("Stopped.")
            if self.error is not None:
                raise self.error
            with self.moved:
                self.done += TOTAL // 4
                self.moved.notify_all()
            progress(Progress(self.card.model_id, self.done, TOTAL, "model.safetensors"))
        self.here = True
        return "the package"

    def give(self, steps=4):
        """Allow some steps."""
        for _ in range(steps):
            self.steps.release()

    def reached(self, num_bytes):
        """Wait until so much has come."""
        with self.moved:
            return self.moved.wait_for(lambda: self.done >= num_bytes, WAIT_S)

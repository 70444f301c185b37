"""Fixtures of the models package: a registry that is put back, a tiny real package."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models import packages, providers, registry
from models.download_watch import Patience
from models.packages import ModelPackage
from tests.hub.server import FakeHub, running_hub
from tests.tiny_torch import TinyTorchModel, make_tiny_package


@pytest.fixture(autouse=True)
def restored_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test its own copy of the table, the cards, the listeners and the providers."""
    monkeypatch.setattr(registry, "_given_cards", dict(registry._given_cards))
    monkeypatch.setattr(registry, "_announced", set())
    monkeypatch.setattr(registry, "_listeners", {})
    monkeypatch.setattr(providers, "_providers", {})
    rows = dict(registry.REGISTERED_MODELS)
    yield
    registry.REGISTERED_MODELS.clear()
    registry.REGISTERED_MODELS.update(rows)


@pytest.fixture
def tiny_package(tmp_path: Path) -> ModelPackage:
    """A package of architecture "tiny"; the architecture is registered."""
    registry.register_model("tiny", "embedding", "torch", TinyTorchModel)
    return make_tiny_package(tmp_path / "tiny")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on 127.0.0.1 that is asked instead of the real one, and models of its own folder."""
    from huggingface_hub import constants

    quick = Patience(connect_s=2, answer_s=5, stall_s=0.5, attempts=3, backoff_s=0.01, longest_wait_s=2)
    monkeypatch.setattr(packages, "_patience", lambda: quick)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # as latched at its import
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", str(tmp_path / "models"))
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running

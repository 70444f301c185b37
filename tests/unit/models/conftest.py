"""Fixtures of the models package: a registry that is put back, a tiny real package."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models import registry
from models.loader import providers
from models.packages import ModelPackage
from tests.hub.fixtures import hub  # noqa: F401 - a fixture for the tests of this folder
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

"""Fixtures of the contract tests: a tiny real package, loaded through the public door."""

from collections.abc import Iterator

import pytest

from models.packages import ModelPackage
from models.registry import register_model, unregister_model
from tests.tiny_torch import TinyTorchModel, make_tiny_package


@pytest.fixture(scope="session")
def tiny_package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """A random video-text package of a few kB."""
    folder = tmp_path_factory.mktemp("packages") / "tiny"
    return make_tiny_package(folder)


@pytest.fixture
def registered_tiny() -> Iterator[None]:
    """The architecture of that package, registered for one test."""
    register_model("tiny", "embedding", "torch", TinyTorchModel)
    yield
    unregister_model("tiny", "embedding", "torch")

"""The small hub as a fixture; a conftest that wants it imports it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models import packages
from models.packaging.watch import Patience
from tests.hub.server import FakeHub, running_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on 127.0.0.1 that is asked instead of the real one, and models of its own folder."""
    from huggingface_hub import constants

    quick = Patience(
        connect_s=2, answer_s=5, stall_s=0.5, stall_bytes=1024, attempts=3, backoff_s=0.01, fruitless_s=5
    )
    monkeypatch.setattr(packages, "_patience", lambda: quick)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # as latched at its import
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", str(tmp_path / "models"))
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running

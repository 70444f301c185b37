"""Small pictures and a model that knows their colours, for sessions, controllers and panels."""

import threading
from pathlib import Path

import pytest
from PIL import Image

from models.registry import register_model, unregister_model
from tests.fakes import COLOR_WORDS, MeanColorModel
from tests.hub.fixtures import hub  # noqa: F401 - a fixture for the tests of this folder
from workbench.media.sources import load_clips
from workbench.session import Session

COLORS = ("red", "green", "blue", "yellow")


class GatedModel(MeanColorModel):
    """Embeds the first batch at once and waits at a gate before each later one."""

    model_id = "fakes/gated"
    gate = threading.Event()
    waiting = threading.Event()
    batches = 0

    def embed_images(self, images):
        cls = type(self)
        cls.batches += 1
        if cls.batches > 1:
            cls.waiting.set()
            cls.gate.wait(30)
        return super().embed_images(images)


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """A folder with one plain picture of each of four colours."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for color in COLORS:
        rgb = tuple(255 * part for part in COLOR_WORDS[color][:3])
        Image.new("RGB", (8, 6), rgb).save(folder / f"{color}.png")
    return folder


@pytest.fixture
def pictures(picture_folder: Path):
    """The pictures as clips."""
    return load_clips(picture_folder)


@pytest.fixture
def many_pictures(tmp_path: Path):
    """Enough clips for several batches."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"{number:03d}.png")
    return load_clips(folder)


@pytest.fixture
def color_model():
    """The id of a registered model that knows colours."""
    register_model("fake-color", "embedding", "custom", MeanColorModel)
    yield "fake-color"
    unregister_model("fake-color", "embedding", "custom")


@pytest.fixture
def gated_model():
    """The class of a registered model that waits at a gate; its id is "fake-gated"."""
    GatedModel.gate, GatedModel.waiting, GatedModel.batches = threading.Event(), threading.Event(), 0
    register_model("fake-gated", "embedding", "custom", GatedModel)
    yield GatedModel
    GatedModel.gate.set()
    unregister_model("fake-gated", "embedding", "custom")


@pytest.fixture
def session(color_model: str):
    """A session in which the colour model is chosen."""
    made = Session(model_id=color_model)
    yield made
    made.close()

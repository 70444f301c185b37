"""``dtype="auto"``: measured, bound to full precision, remembered, and never where it does not matter."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models import AutoModel, probes
from models.encoders import number_format
from models.encoders.number_format import load_in_best_format
from models.families.clip.tiny import make_tiny_package
from models.measurements import MEASUREMENTS_ENV
from models.pace import Pace

EXACT = np.eye(3)
TURNED = np.eye(3) + 0.01  # cosine 0.9999
FAR = np.eye(3) + 0.1


@pytest.fixture(autouse=True)
def measurements(monkeypatch, tmp_path):
    monkeypatch.setenv(MEASUREMENTS_ENV, str(tmp_path / "measured.json"))
    monkeypatch.setattr(probes, "processor_has_bfloat16", lambda: True)


@pytest.fixture
def large(monkeypatch, tmp_path):
    """A folder that counts as a large model, and a model whose two paces one can set."""
    monkeypatch.setattr(number_format, "LARGE_BYTES", 4)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    made = SimpleNamespace(device="cpu", loaded=[], folder=tmp_path / "model", paces={})
    made.load = made.loaded.append
    monkeypatch.setattr(number_format, "measure_pace", lambda model: model.paces[model.loaded[-1]])
    return made


def settle(model):
    return load_in_best_format(model, model.folder, model.load)


def test_load__bfloat16_where_it_is_faster_and_as_good(large):
    large.paces = {"float32": Pace(10.0, EXACT), "bfloat16": Pace(25.0, TURNED)}
    found = settle(large)
    assert found.dtype == "bfloat16"
    assert found.reason == "bfloat16 is 2.50 times as fast here, lowest cosine to float32 0.99990"
    assert large.loaded == ["float32", "bfloat16"]


@pytest.mark.parametrize(
    "fast",
    [Pace(10.5, EXACT), Pace(5.0, EXACT), Pace(50.0, FAR), Pace(50.0, EXACT * np.nan), Pace(50.0, EXACT[:2])],
    ids=["no faster", "slower", "too far", "no numbers", "other shape"],
)
def test_load__float32_otherwise_and_it_is_what_is_loaded(large, fast):
    large.paces = {"float32": Pace(10.0, EXACT), "bfloat16": fast}
    assert settle(large).dtype == "float32"
    assert large.loaded[-1] == "float32"


def test_load__a_network_that_cannot_compute_in_bfloat16(large):
    large.paces = {"float32": Pace(10.0, EXACT)}
    found = settle(large)
    assert (found.dtype, found.reason) == ("float32", "bfloat16 fails here (KeyError)")
    assert large.loaded[-1] == "float32"


def test_load__is_measured_once_and_remembered(large):
    large.paces = {"float32": Pace(10.0, EXACT), "bfloat16": Pace(25.0, TURNED)}
    first = settle(large)
    large.loaded.clear()
    large.paces = {}
    assert settle(large) == first
    assert large.loaded == ["bfloat16"]


def test_load__other_weights_are_measured_anew(large):
    large.paces = {"float32": Pace(10.0, EXACT), "bfloat16": Pace(25.0, TURNED)}
    settle(large)
    (large.folder / "model.safetensors").write_bytes(b"other weights")
    large.loaded.clear()
    settle(large)
    assert large.loaded == ["float32", "bfloat16"]


@pytest.mark.parametrize("nonsense", [3, "bfloat16", {"dtype": "int4", "reason": ""}, {"dtype": "bfloat16"}])
def test_load__nonsense_in_the_file_is_measured_again(large, monkeypatch, nonsense):
    monkeypatch.setattr(number_format, "recall", lambda *_: nonsense)
    large.paces = {"float32": Pace(10.0, EXACT), "bfloat16": Pace(25.0, TURNED)}
    assert settle(large).dtype == "bfloat16"
    assert large.loaded == ["float32", "bfloat16"]


def test_load__nothing_is_measured_without_the_instructions(large, monkeypatch):
    monkeypatch.setattr(probes, "processor_has_bfloat16", lambda: False)
    found = settle(large)
    assert (found.dtype, found.reason) == ("float32", "no instructions for bfloat16 on cpu")
    large.device = "mps"
    assert settle(large).reason == "bfloat16 is not tried on mps"
    assert large.loaded == ["float32", "float32"]


def test_load__a_small_model_stays_in_full_precision(tmp_path):
    model = AutoModel.from_pretrained(make_tiny_package(tmp_path / "clip").directory, device="cpu")
    assert (model.dtype, model.dtype_reason) == ("float32", "a small model computes in full precision")
    assert not Path(tmp_path / "measured.json").exists()


def test_auto__chooses_bfloat16_for_a_real_package_and_its_known_answers_hold(tmp_path, monkeypatch):
    package = make_tiny_package(tmp_path / "clip")
    monkeypatch.setattr(number_format, "LARGE_BYTES", 0)
    monkeypatch.setattr(number_format, "LOWEST_COSINE", 0.9)  # random weights of a tiny network round more
    monkeypatch.setattr(number_format, "_WORTH_IT", 0.0)
    model = AutoModel.from_pretrained(package.directory, device="cpu")
    assert model.dtype == "bfloat16"
    assert "16" in str(next(model._model.parameters()).dtype)
    assert model.known_answers_verified
    assert "times as fast here" in model.dtype_reason
    exact = AutoModel.from_pretrained(package.directory, device="cpu", dtype="float32")
    assert (exact.dtype, exact.dtype_reason) == ("float32", "as asked for")
    again = AutoModel.from_pretrained(package.directory, device="cpu")
    assert again.dtype_reason == model.dtype_reason

"""The fastest of several packages is taken: measured once, remembered, said; failures are passed over."""

import os

import pytest

from models.auto import AutoModel
from models.loader import contest, loading
from models.measurements import MEASUREMENTS_ENV
from models.pace import Pace
from models.registry import register_model
from tests.tiny_torch import TinyTorchModel, make_tiny_package


class Onnx(TinyTorchModel):
    pass


class OpenVINO(TinyTorchModel):
    pass


class Broken(TinyTorchModel):
    @classmethod
    def from_pretrained(cls, model_name_or_path, **kwargs):
        raise RuntimeError("no such kernel")


@pytest.fixture
def paces(monkeypatch):
    """Frames a second by class; the classes that were measured."""
    known = {"TinyTorchModel": 5.0, "Onnx": 30.0, "OpenVINO": 20.0}
    measured = []

    def measure(model):
        measured.append(type(model).__name__)
        return Pace(known[measured[-1]], None)

    monkeypatch.setattr(loading, "measure_pace", measure)
    monkeypatch.setattr(contest, "LARGE_BYTES", 1)
    return known, measured


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv(MEASUREMENTS_ENV, str(tmp_path / "measured.json"))
    monkeypatch.setattr("models.loader.filters.backend_installed", lambda backend: True)
    register_model("tiny", "embedding", "torch", TinyTorchModel)
    register_model("tiny", "embedding", "onnx", Onnx)
    register_model("tiny", "embedding", "openvino", OpenVINO)
    folder = tmp_path / "root"
    make_tiny_package(folder / "org" / "tiny", model_id="org/tiny")
    for backend in ("onnx", "openvino"):
        make_tiny_package(folder / "org" / f"tiny--{backend}", model_id="org/tiny", backend=backend)
    return folder


def load(root, **options):
    return AutoModel.from_pretrained("org/tiny", model_dir=root, device="cpu", **options)


def test_auto__takes_the_fastest_and_measures_once(root, paces):
    _, measured = paces
    model = load(root)
    assert (type(model), model.backend) == (Onnx, "onnx")
    assert sorted(measured) == ["Onnx", "OpenVINO", "TinyTorchModel"]
    assert type(load(root)) is Onnx
    assert len(measured) == 3


def test_describe__says_what_is_remembered_and_measures_nothing(root, paces):
    _, measured = paces
    before = AutoModel.describe("org/tiny", model_dir=root, device="cpu")
    assert before.chosen.backend == "openvino"
    assert "measured" not in str(before)
    assert measured == []
    load(root)
    after = AutoModel.describe("org/tiny", model_dir=root, device="cpu")
    assert [one.backend for one in after.candidates if one.accepted] == ["onnx", "openvino", "torch"]
    assert "measured here, 30 frames/s, on cpu" in str(after)


def test_auto__a_candidate_that_fails_is_passed_over(root, paces):
    register_model("tiny", "embedding", "onnx", Broken)
    model = load(root)
    assert type(model) is OpenVINO
    described = AutoModel.describe("org/tiny", model_dir=root, device="cpu")
    assert "failed when it was measured" in str(described)
    assert described.candidates[2].class_name == "Broken"


def test_auto__files_that_changed_are_measured_again(root, paces):
    known, measured = paces
    load(root)
    known["TinyTorchModel"] = 99.0
    os.utime(root / "org" / "tiny" / "model.safetensors", (1, 1))
    assert type(load(root)) is TinyTorchModel
    assert len(measured) == 6


def test_auto__a_backend_that_was_asked_for_is_not_measured(root, paces):
    _, measured = paces
    assert type(load(root, backend="torch")) is TinyTorchModel
    assert measured == []


def test_auto__small_packages_are_not_measured(root, paces, monkeypatch):
    _, measured = paces
    monkeypatch.setattr(contest, "LARGE_BYTES", 10**9)
    assert type(load(root)) is OpenVINO
    assert measured == []


def test_auto__each_number_format_has_its_own_order(root, paces):
    load(root)
    described = AutoModel.describe("org/tiny", model_dir=root, device="cpu", dtype="float32")
    assert all(one.pace is None for one in described.candidates)


def test_load__says_which_package_it_was(root, paces):
    model = load(root, backend="torch")
    assert len(model.package_hash) == 64
    assert model.package_hash == load(root, backend="torch").package_hash
    make_tiny_package(root / "org" / "tiny", model_id="org/tiny", seed=2)
    assert load(root, backend="torch").package_hash != model.package_hash

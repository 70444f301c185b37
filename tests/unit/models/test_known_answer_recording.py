"""Known answers that are recorded on the first load, and what later loads make of them."""

import json
import logging
import multiprocessing

import numpy as np
import pytest
import torch

from models.auto import AutoModel
from models.errors import CorruptedModelPackageError, InvalidParameterError
from models.known_answer_recording import record_in_package, usual_answers
from models.known_answers import known_answer_drift
from models.packages import ModelPackage
from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel, MotionModel
from tests.tiny_torch import TinyTorchModel, make_tiny_package

OWN_CODE = """
import torch


class Mine:
    @classmethod
    def from_pretrained(cls, directory, **kwargs):
        return cls()

    def embed_text(self, texts):
        return torch.ones(1, 1)
"""


@pytest.fixture(autouse=True)
def registered():
    register_model("tiny", "embedding", "torch", TinyTorchModel)
    yield
    unregister_model("tiny", "embedding", "torch")


@pytest.fixture
def bare(tmp_path):
    """A package that came without known answers."""
    package = make_tiny_package(tmp_path / "tiny")
    manifest = json.loads((package.directory / "manifest.json").read_text())
    manifest["known_answers"] = []
    (package.directory / "manifest.json").write_text(json.dumps(manifest))
    return ModelPackage.open(package.directory)


def test_first_load__records_and_the_second_is_held_to_it(bare):
    first = AutoModel.from_pretrained(bare.directory, device="cpu")
    assert not first.known_answers_verified
    recorded = ModelPackage.open(bare.directory).manifest
    assert [answer["kind"] for answer in recorded.known_answers] == ["text", "frames", "image"]
    assert recorded.files == bare.manifest.files
    assert recorded.revision == bare.manifest.revision
    assert first.known_answers == recorded.known_answers
    assert AutoModel.from_pretrained(bare.directory, device="cpu").known_answers_verified


def test_later_load__with_other_preprocessing_is_refused(bare):
    AutoModel.from_pretrained(bare.directory, device="cpu")

    class Other(TinyTorchModel):
        mean = (0.42, 0.45, 0.5)

    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", Other)
    with pytest.raises(CorruptedModelPackageError, match="does not give the vectors"):
        AutoModel.from_pretrained(bare.directory, device="cpu")


def test_first_load__of_a_folder_that_cannot_be_written_says_so(bare, monkeypatch, caplog):
    monkeypatch.setattr("os.access", lambda *_: False)
    with caplog.at_level(logging.INFO, "models"):
        model = AutoModel.from_pretrained(bare.directory, device="cpu")
    assert model.known_answers == ()
    assert "cannot be written to" in caplog.text
    assert not ModelPackage.open(bare.directory).manifest.known_answers


def test_first_load__leaves_no_other_file(bare):
    before = sorted(path.name for path in bare.directory.iterdir())
    AutoModel.from_pretrained(bare.directory, device="cpu")
    assert sorted(path.name for path in bare.directory.iterdir()) == before


@pytest.mark.parametrize("fault", ["nan", "long", "random", "raises"])
def test_record__refuses_what_fails_quick_sanity(bare, fault):
    class Faulty(TinyTorchModel):
        def _finish(self, rows):
            if fault == "raises":
                raise RuntimeError("no memory")
            if fault == "random":
                return super()._finish(rows + 0.2 * torch.randn_like(rows))
            return super()._finish(rows) * {"nan": float("nan"), "long": 3.0}[fault]

    recording = record_in_package(Faulty.from_pretrained(str(bare.directory)), bare)
    assert not recording.recorded
    assert recording.answers == ()
    words = {"nan": "not finite", "long": "length 3", "random": "off by", "raises": "RuntimeError: no memory"}
    assert words[fault] in recording.reason
    assert not ModelPackage.open(bare.directory).manifest.known_answers


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 0.0])
def test_first_load__of_weights_that_mean_nothing(bare, factor):
    class Meaningless(TinyTorchModel):
        def _finish(self, rows):
            return super()._finish(rows) * factor

    register_model("tiny", "embedding", "torch", Meaningless)
    with pytest.raises(CorruptedModelPackageError, match="no numbers or all zero"):
        AutoModel.from_pretrained(bare.directory, device="cpu")
    assert not ModelPackage.open(bare.directory).manifest.known_answers


def test_record__not_in_16_bits(bare):
    model = TinyTorchModel.from_pretrained(str(bare.directory))
    model.dtype = "bfloat16"
    assert "16 bits" in record_in_package(model, bare).reason


def test_record__a_second_time_only_when_asked(bare):
    model = TinyTorchModel.from_pretrained(str(bare.directory))
    assert record_in_package(model, bare).recorded
    package = ModelPackage.open(bare.directory)
    assert not record_in_package(model, package).recorded
    assert record_in_package(model, package, replace_old=True).recorded


def test_record__takes_what_another_process_wrote_meanwhile(bare):
    model = TinyTorchModel.from_pretrained(str(bare.directory))
    written = record_in_package(model, bare).answers
    late = record_in_package(model, bare)  # this one still has the old manifest in hand
    assert not late.recorded
    assert late.answers == written


def test_record__not_into_a_package_that_was_exchanged(bare):
    model = TinyTorchModel.from_pretrained(str(bare.directory))
    path = bare.directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "revision": "2" * 40}))
    assert "was changed" in record_in_package(model, bare).reason


def _record(directory: str) -> bool:
    model = TinyTorchModel.from_pretrained(directory)
    return record_in_package(model, ModelPackage.open(directory)).recorded


def test_record__several_processes_write_once_and_whole(bare):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        recorded = pool.map_async(_record, [str(bare.directory)] * 6).get(timeout=60)
    assert sum(recorded) == 1
    model = TinyTorchModel.from_pretrained(str(bare.directory))
    assert known_answer_drift(model, ModelPackage.open(bare.directory).manifest.known_answers) == []


@pytest.mark.parametrize(
    ("model", "kinds"), [(MotionModel(), ["text", "frames", "image"]), (MeanColorModel(), ["text", "image"])]
)
def test_usual_answers__fit_what_a_model_embeds(model, kinds):
    answers = usual_answers(model)
    assert [answer["kind"] for answer in answers] == kinds
    assert all(answer["dim"] == model.embedding_dim for answer in answers)


def test_usual_answers__spare_a_heavy_model_the_clip(monkeypatch):
    monkeypatch.setattr("models.known_answer_recording.HEAVY", -1)
    assert [answer["kind"] for answer in usual_answers(MotionModel())] == ["text", "image"]


def test_usual_answers__images_only_gets_two():
    class Images:
        def embed_images(self, images):
            return MeanColorModel().embed_images(images)

    assert [answer["input"]["pattern"] for answer in usual_answers(Images())] == ["ramp", "moving-square"]


def test_usual_answers__of_nothing():
    with pytest.raises(InvalidParameterError, match="embeds nothing"):
        usual_answers(object())


def test_tolerance__is_narrow_for_long_vectors_and_wider_elsewhere():
    class Long:
        device = "cpu"
        dtype = "float32"
        off = 0.0

        def embed_text(self, texts):
            rows = torch.ones(len(texts), 1024) / 32
            rows[:, 0] += self.off
            return rows

    model = Long()
    [answer] = usual_answers(model)
    assert answer["tolerance"] == pytest.approx(0.005 / 32, rel=0.05)
    model.off = 0.0005
    assert known_answer_drift(model, [answer])
    model.device = "cuda:0"
    assert known_answer_drift(model, [answer]) == []
    model.off = 0.01
    assert known_answer_drift(model, [answer])
    model.dtype = "bfloat16"
    assert known_answer_drift(model, [answer]) == []
    model.off = 0.03
    assert known_answer_drift(model, [answer])


def test_drift__another_length_of_the_vector_is_drift():
    class Ones:
        def __init__(self, dim):
            self.dim = dim

        def embed_text(self, texts):
            return torch.ones(len(texts), self.dim) / self.dim**0.5

    [answer] = usual_answers(Ones(16))
    assert "has 32 numbers, not 16" in known_answer_drift(Ones(32), [answer])[0]


def test_known_answers__of_a_package_with_its_own_code_are_not_recorded(tmp_path):
    (tmp_path / "model_config.json").write_text('{"model_module": "mine.py", "model_class": "Mine"}')
    (tmp_path / "mine.py").write_text(OWN_CODE)
    before = sorted(path.name for path in tmp_path.iterdir())
    model = AutoModel.from_pretrained(tmp_path, allow_local_code=True)
    assert np.allclose(model.embed_text("red"), 1.0)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == before

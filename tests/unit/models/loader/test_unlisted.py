"""Checkpoint files, and folders without a manifest whose architecture is stated."""

import shutil

import pytest
from safetensors.torch import load_file

from models.auto import AutoModel
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    MissingModelInitParameterError,
    ModelImplementationNotFoundError,
    ModelNotFoundError,
    PackageNotFoundError,
)
from models.loader.unlisted import Stated, settled
from models.packaging.manifest import file_sha256
from models.registry import register_model
from tests.fakes import MotionModel
from tests.tiny_torch import TinyTorchModel


class FromFile(MotionModel):
    """A model that is built from one checkpoint file."""

    model_id = revision = ""

    @classmethod
    def from_pretrained(cls, model_name_or_path, **kwargs):
        model = cls()
        model.weights, model.kwargs = load_file(model_name_or_path), kwargs
        return model


@pytest.fixture
def checkpoint(tiny_package, tmp_path):
    path = tmp_path / "alone" / "fine-tuned.safetensors"
    path.parent.mkdir()
    shutil.copy(tiny_package.directory / "model.safetensors", path)
    return path


def test_checkpoint__is_handed_to_its_architecture(checkpoint):
    register_model("from-file", "embedding", "torch", FromFile)
    model = AutoModel.from_pretrained(checkpoint, architecture="from-file", device="cpu", depth=2)
    assert "video.weight" in model.weights
    assert model.kwargs == {"device": "cpu", "dtype": "auto", "depth": 2}
    assert model.model_id == "fine-tuned"
    assert model.revision == file_sha256(checkpoint)[:40]
    described = AutoModel.describe(str(checkpoint), architecture="from-file", task_type="embedding")
    assert described.chosen.class_name == "FromFile"


def test_checkpoint__without_an_architecture_says_what_to_state(checkpoint):
    with pytest.raises(MissingModelInitParameterError) as caught:
        AutoModel.from_pretrained(checkpoint)
    assert "architecture=..., task_type=..." in str(caught.value)
    assert "'tiny'" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_checkpoint__of_an_unknown_architecture(checkpoint):
    with pytest.raises(ModelImplementationNotFoundError, match=r"architecture 'vit'; there are .*'tiny'"):
        AutoModel.from_pretrained(checkpoint, architecture="vit")
    with pytest.raises(ModelImplementationNotFoundError, match="no task 'depth'; it has 'embedding'"):
        AutoModel.from_pretrained(checkpoint, architecture="tiny", task_type="depth")


def test_checkpoint__a_class_that_reads_folders_gets_the_folder(tiny_package, checkpoint):
    shutil.copy(tiny_package.directory / "config.json", checkpoint.parent)
    checkpoint.rename(checkpoint.with_name("model.safetensors"))
    model = AutoModel.from_pretrained(checkpoint.with_name("model.safetensors"), architecture="tiny")
    assert isinstance(model, TinyTorchModel)
    assert model.embed_text("red").shape == (1, 16)


def test_checkpoint__never_the_wrong_one_of_two(tiny_package, checkpoint):
    shutil.copy(tiny_package.directory / "config.json", checkpoint.parent)
    shutil.copy(checkpoint, checkpoint.with_name("model.safetensors"))
    with pytest.raises(Exception, match=r"fine-tuned.safetensors"):
        AutoModel.from_pretrained(checkpoint, architecture="tiny")


def test_checkpoint__other_files_and_missing_ones(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CorruptedModelPackageError, match=r"is a file.*\.safetensors"):
        AutoModel.from_pretrained(tmp_path / "notes.txt", architecture="tiny")
    with pytest.raises(PackageNotFoundError):
        AutoModel.from_pretrained(tmp_path / "gone.pt", architecture="tiny")


def test_folder__without_a_manifest_when_its_architecture_is_stated(tiny_package):
    (tiny_package.directory / "manifest.json").unlink()
    with pytest.raises(CorruptedModelPackageError, match=r"manifest.json"):
        AutoModel.from_pretrained(tiny_package.directory)
    model = AutoModel.from_pretrained(tiny_package.directory, architecture="tiny")
    assert isinstance(model, TinyTorchModel)
    assert model.revision == ""


def test_folder__with_a_manifest_is_not_overruled(tiny_package):
    assert AutoModel.from_pretrained(tiny_package.directory, architecture="tiny").known_answers_verified
    with pytest.raises(InvalidParameterError, match="is of architecture 'tiny'; 'clip' was stated"):
        AutoModel.from_pretrained(tiny_package.directory, architecture="clip")


def test_id__of_the_hub_in_no_catalogue(tmp_path):
    with pytest.raises(ModelNotFoundError):
        AutoModel.describe("somebody/clip-of-mine", model_dir=tmp_path)
    described = AutoModel.describe("somebody/clip-of-mine", model_dir=tmp_path, architecture="clip")
    assert (described.card.source, described.card.backends) == ("hub", ("hugging-face",))
    assert "workbench models download somebody/clip-of-mine" in described.problem


def test_id__of_a_package_that_was_put_here(tiny_package, tmp_path):
    shutil.copytree(tiny_package.directory, tmp_path / "root" / "fakes" / "tiny")
    assert AutoModel.from_pretrained("fakes/tiny", model_dir=tmp_path / "root").known_answers_verified


def test_an_option_named_architecture_reaches_a_known_model(tmp_path):
    class Own(MotionModel):
        def __init__(self, architecture="small"):
            self.architecture = architecture

    register_model("own", "embedding", "torch", Own)
    assert AutoModel.from_pretrained("own", architecture="large").architecture == "large"


def test_settled__several_tasks():
    register_model("many", "depth-estimation", "onnx", MotionModel)
    register_model("many", "classification", "torch", MotionModel)
    with pytest.raises(MissingModelInitParameterError, match="'depth-estimation', 'classification'"):
        settled(Stated("many"))
    assert settled(Stated("many", "depth-estimation")).backend == "onnx"
    register_model("many", "embedding", "onnx", MotionModel)
    register_model("many", "embedding", "torch", MotionModel)
    assert settled(Stated("many")) == Stated("many", "embedding", "torch")

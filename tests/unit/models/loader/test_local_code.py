import json
import os
from pathlib import Path

import pytest

from models.auto import AutoModel
from models.errors import (
    CorruptedModelPackageError,
    ForbiddenLocalCodePackageAccessError,
    NoModelPackagesAvailableError,
)
from models.loader.local_code import read_code_package

CODE = """
from pathlib import Path
Path(__file__).with_name("RAN").touch()

class Own:
    @classmethod
    def from_pretrained(cls, model_name_or_path, **kwargs):
        model = cls()
        model.directory, model.kwargs = model_name_or_path, kwargs
        return model
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.py").write_text(CODE)
    (tmp_path / "model_config.json").write_text(
        json.dumps({"model_module": "model.py", "model_class": "Own"})
    )
    return tmp_path


def test_code_package__is_refused_and_not_run(folder):
    with pytest.raises(ForbiddenLocalCodePackageAccessError) as caught:
        AutoModel.from_pretrained(folder)
    assert str(folder / "model.py") in str(caught.value)
    assert "allow_local_code=True" in str(caught.value)
    assert not (folder / "RAN").exists()


def test_code_package__describing_does_not_run_it(folder):
    description = AutoModel.describe(folder)
    assert description.chosen is None
    assert "allow_local_code=True" in description.candidates[0].reasons[0]
    assert AutoModel.describe(folder, allow_local_code=True).chosen.class_name == "Own"
    assert not (folder / "RAN").exists()


def test_code_package__runs_when_allowed(folder):
    model = AutoModel.from_pretrained(str(folder), allow_local_code=True, device="cpu", depth=3)
    assert model.directory == str(folder)
    assert model.kwargs["depth"] == 3
    assert model.kwargs["device"] == "cpu"
    assert model.model_id == folder.name


def test_code_package__a_manifest_does_not_make_it_harmless(tiny_package):
    config = {"model_module": "evil.py", "model_class": "Own"}
    (tiny_package.directory / "evil.py").write_text(CODE)
    (tiny_package.directory / "model_config.json").write_text(json.dumps(config))
    with pytest.raises(ForbiddenLocalCodePackageAccessError):
        AutoModel.from_pretrained(tiny_package.directory)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "JSON"),
        ({"model_module": "model.py"}, "model_class"),
        ({"model_module": "gone.py", "model_class": "Own"}, "no file of the package"),
        ({"model_module": "../model.py", "model_class": "Own"}, "no file of the package"),
        ({"model_module": "/etc/passwd", "model_class": "Own"}, "no file of the package"),
        ({"model_module": 3, "model_class": "Own"}, "must name"),
        ({"model_module": "model.py", "model_class": "a b"}, "must name"),
    ],
)
def test_read_code_package__malformed(folder, config, words):
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "model_config.json").write_text(text)
    with pytest.raises(CorruptedModelPackageError, match=words):
        read_code_package(folder)


def test_read_code_package__a_link_cannot_leave_the_folder(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "model.py"
    outside.write_text(CODE)
    (folder / "model.py").unlink()
    (folder / "model.py").symlink_to(outside)
    with pytest.raises(CorruptedModelPackageError, match="no file of the package"):
        read_code_package(folder)


def test_read_code_package__other_configurations_are_none_of_ours(folder):
    (folder / "model_config.json").write_text("{}")
    assert read_code_package(folder) is None
    assert read_code_package(Path("nowhere")) is None


def test_code_package__class_missing_or_code_broken(folder):
    (folder / "model.py").write_text("x = 1")
    with pytest.raises(CorruptedModelPackageError, match="no class 'Own'"):
        AutoModel.from_pretrained(folder, allow_local_code=True)
    (folder / "model.py").write_text("1 / 0")
    with pytest.raises(CorruptedModelPackageError, match="ZeroDivisionError: division by zero"):
        AutoModel.from_pretrained(folder, allow_local_code=True)


def test_code_package__imports_its_neighbours_anew_each_time(folder):
    (folder / "layers.py").write_text("SIZE = 1")
    (folder / "model.py").write_text(
        "from .layers import SIZE\nclass Own:\n    size = SIZE\n    def setup(self): pass\n"
    )
    assert AutoModel.from_pretrained(folder, allow_local_code=True).size == 1
    (folder / "layers.py").write_text("SIZE = 23")
    os.utime(folder / "layers.py", ns=(1, 1))
    assert AutoModel.from_pretrained(folder, allow_local_code=True).size == 23


def test_library_package__a_registered_model_without_a_manifest(tiny_package):
    (tiny_package.directory / "manifest.json").unlink()
    config = {
        "model_architecture": "tiny",
        "task_type": "embedding",
        "backend_type": "TORCH",
        "license": "MIT",
    }
    path = tiny_package.directory / "model_config.json"
    path.write_text(json.dumps(config))
    described = AutoModel.describe(tiny_package.directory)
    assert (described.chosen.class_name, described.card.license) == ("TinyTorchModel", "MIT")
    model = AutoModel.from_pretrained(tiny_package.directory)
    assert model.embed_text("red").shape == (1, 16)
    assert (model.model_id, model.revision, model.known_answers_verified) == ("tiny", "", False)
    path.write_text(json.dumps({**config, "model_features": ["fused"]}))
    with pytest.raises(NoModelPackagesAvailableError, match="does not support the package's fused"):
        AutoModel.from_pretrained(tiny_package.directory)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"task_type": None}, "does not say its task_type"),
        ({"model_architecture": ""}, "does not say its model_architecture"),
        ({"backend_type": "caffe"}, "Unknown backend 'caffe'"),
        ({"model_features": "fused"}, "a list is expected"),
        ({"embedding_dim": "many"}, "no card can say"),
    ],
)
def test_library_package__malformed(folder, changed, words):
    config = {"model_architecture": "tiny", "task_type": "embedding", "backend_type": "torch"}
    (folder / "model_config.json").write_text(json.dumps(config | changed))
    with pytest.raises(CorruptedModelPackageError, match=words):
        AutoModel.from_pretrained(folder)


def test_library_package__a_manifest_is_believed_first(tiny_package):
    config = {"model_architecture": "other", "task_type": "embedding", "backend_type": "torch"}
    (tiny_package.directory / "model_config.json").write_text(json.dumps(config))
    assert AutoModel.describe(tiny_package.directory).card.architecture == "tiny"


def test_code_package__that_ends_the_process_is_an_error(folder):
    (folder / "model.py").write_text("raise SystemExit(3)")
    (folder / "model_config.json").write_text('{"model_module": "model.py", "model_class": "Mine"}')
    with pytest.raises(CorruptedModelPackageError, match="SystemExit: 3"):
        AutoModel.from_pretrained(folder, allow_local_code=True)


def test_path__may_be_spelt_as_an_address(tiny_package):
    model = AutoModel.from_pretrained(tiny_package.directory.as_uri())
    assert model.model_id == tiny_package.manifest.model_id

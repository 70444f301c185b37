"""AutoModel through its public door: what a name means, what is chosen, what is refused."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import models.registry
from models.auto import AutoModel
from models.catalog import ModelCard
from models.developer_tools import get_model_package_contents
from models.errors import (
    CorruptedModelPackageError,
    FileHashMismatchError,
    InvalidParameterError,
    MissingModelInitParameterError,
    ModelImplementationNotFoundError,
    ModelNotFoundError,
    ModelPackageAlternativesExhaustedError,
    NoModelPackagesAvailableError,
    PackageNotFoundError,
    UnknownBackendTypeError,
)
from models.registry import LazyClass, RegistryEntry, register_model, unregister_model
from tests.fakes import MotionModel
from tests.tiny_torch import TinyTorchModel, make_tiny_package


def test_from_pretrained__a_package_folder(tiny_package):
    model = AutoModel.from_pretrained(tiny_package.directory, device="cpu")
    assert isinstance(model, TinyTorchModel)
    assert (model.model_id, model.revision) == ("fakes/tiny", tiny_package.manifest.revision)
    assert model.known_answers_verified
    assert model.embed_text("red").shape == (1, 16)


@pytest.mark.parametrize("spelling", ["./tiny", "../{parent}/tiny", "{absolute}", "~/tiny"])
def test_from_pretrained__spellings_of_a_path(tiny_package, monkeypatch, spelling):
    parent = tiny_package.directory.parent
    monkeypatch.chdir(parent)
    monkeypatch.setenv("HOME", str(parent))
    path = spelling.format(parent=parent.name, absolute=tiny_package.directory)
    assert AutoModel.from_pretrained(path).model_id == "fakes/tiny"


def test_from_pretrained__the_folder_itself(tiny_package, monkeypatch):
    monkeypatch.chdir(tiny_package.directory)
    assert AutoModel.from_pretrained(".").model_id == "fakes/tiny"


def test_from_pretrained__a_folder_never_shadows_an_id(tiny_package, monkeypatch):
    monkeypatch.chdir(tiny_package.directory.parent)
    with pytest.raises(InvalidParameterError, match="model_dir"):  # the registered class, not the folder
        AutoModel.from_pretrained("tiny", no_such_option=1)
    unregister_model("tiny", "embedding", "torch")
    with pytest.raises(ModelNotFoundError, match=r"folder of that name here; .* '\./tiny'"):
        AutoModel.from_pretrained("tiny")


@pytest.mark.parametrize(
    "wrong", ["spriteclip", "spriteclip-tiny", "workbench/spritclip-tiny", "Workbench/SpriteCLIP-Tiny"]
)
def test_from_pretrained__close_ids_are_offered(wrong):
    with pytest.raises(ModelNotFoundError) as caught:
        AutoModel.from_pretrained(wrong)
    assert "Did you mean 'workbench/spriteclip-tiny'?" in str(caught.value)
    assert "list_available_models" in str(caught.value)


@pytest.mark.parametrize("wrong", ["", " ", None, 3, ["a"]])
def test_from_pretrained__no_name_at_all(wrong):
    with pytest.raises(InvalidParameterError, match="model id or a path"):
        AutoModel.from_pretrained(wrong)


def test_from_pretrained__paths_that_lead_nowhere(tmp_path):
    with pytest.raises(PackageNotFoundError, match="nowhere"):
        AutoModel.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(CorruptedModelPackageError, match=r"has no manifest.json"):
        AutoModel.from_pretrained(tmp_path)
    (tmp_path / "model.pt").write_text("x")
    with pytest.raises(MissingModelInitParameterError, match="does not say which architecture"):
        AutoModel.from_pretrained(tmp_path / "model.pt")
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(CorruptedModelPackageError, match="is a file"):
        AutoModel.from_pretrained(tmp_path / "notes.md")


@pytest.mark.parametrize(
    "option", [{"backend": "caffe"}, {"device": "gpu"}, {"dtype": "int8"}, {"local_files_only": "yes"}]
)
def test_from_pretrained__options_are_checked(tiny_package, option):
    with pytest.raises((InvalidParameterError, UnknownBackendTypeError)):
        AutoModel.from_pretrained(tiny_package.directory, **option)


def test_from_pretrained__forwards_device_dtype_and_the_models_own(tiny_package):
    seen = {}

    class Spy(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            seen.update(kwargs)
            return super().from_pretrained(model_name_or_path)

    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", Spy)
    AutoModel.from_pretrained(tiny_package.directory, device="cpu", dtype=torch.bfloat16, layers=2)
    assert seen == {"device": "cpu", "dtype": "bfloat16", "layers": 2}


def test_from_pretrained__a_class_without_our_options_is_not_given_them(tiny_package):
    class Small(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path):
            return TinyTorchModel.from_pretrained(model_name_or_path)

    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", Small)
    assert AutoModel.from_pretrained(tiny_package.directory).embedding_dim == 16


def test_from_pretrained__damage_is_found_before_use(tiny_package):
    weights = tiny_package.directory / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    os.utime(weights, ns=(1, 1))
    with pytest.raises(FileHashMismatchError):
        AutoModel.from_pretrained(tiny_package.directory)
    weights.write_bytes(data[:-10])
    with pytest.raises(CorruptedModelPackageError, match="half a copy"):
        AutoModel.from_pretrained(tiny_package.directory)


def test_from_pretrained__other_answers_are_refused(tiny_package):
    class Swapped(TinyTorchModel):
        def preprocess_clip(self, frames):
            return super().preprocess_clip(frames).flip(1)

    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", Swapped)
    with pytest.raises(CorruptedModelPackageError, match="does not give the vectors that were recorded"):
        AutoModel.from_pretrained(tiny_package.directory)


def test_from_pretrained__a_package_without_answers_is_not_verified(tmp_path):
    register_model("tiny", "embedding", "torch", TinyTorchModel)
    package = make_tiny_package(tmp_path / "p", known_answers=[])
    assert not AutoModel.from_pretrained(package.directory).known_answers_verified


def test_from_pretrained__an_unregistered_architecture(tiny_package):
    unregister_model("tiny", "embedding", "torch")
    with pytest.raises(ModelImplementationNotFoundError, match="architecture 'tiny'"):
        AutoModel.from_pretrained(tiny_package.directory)
    assert AutoModel.describe(tiny_package.directory).chosen is None


def test_from_pretrained__reasons_are_grouped_and_kept(tiny_package):
    register_model("tiny", "embedding", "custom", TinyTorchModel)
    with pytest.raises(NoModelPackagesAvailableError) as caught:
        AutoModel.from_pretrained(tiny_package.directory, revision="ffff")
    assert "Revision 'ffff' was asked for" in str(caught.value)
    assert "(2x)" in str(caught.value)
    assert set(caught.value.reasons) == {"TinyTorchModel (torch)", "TinyTorchModel (custom)"}


def test_from_pretrained__the_beginning_of_a_revision_is_enough(tiny_package):
    revision = tiny_package.manifest.revision
    assert AutoModel.from_pretrained(tiny_package.directory, revision=revision[:8]).revision == revision


@pytest.mark.parametrize("backend", ["onnx", "TRT", "openvino", "torch-script"])
def test_from_pretrained__a_backend_without_a_row_is_said_plainly(tiny_package, backend):
    with pytest.raises(NoModelPackagesAvailableError, match="was asked for; this one is 'torch'"):
        AutoModel.from_pretrained(tiny_package.directory, backend=backend)


def test_from_pretrained__package_features(tmp_path):
    register_model("tiny", "embedding", "torch", TinyTorchModel)
    package = make_tiny_package(tmp_path / "p", features=["fused"])
    with pytest.raises(NoModelPackagesAvailableError, match="does not support the package's fused"):
        AutoModel.from_pretrained(package.directory)
    register_model("tiny", "embedding", "torch", RegistryEntry(TinyTorchModel, {"fused"}))
    assert AutoModel.from_pretrained(package.directory).model_id == "fakes/tiny"


def test_from_pretrained__falls_back_and_keeps_every_failure(tiny_package, monkeypatch):
    class Broken(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            raise RuntimeError("no memory")

    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", Broken)
    with pytest.raises(ModelPackageAlternativesExhaustedError, match="RuntimeError: no memory") as caught:
        AutoModel.from_pretrained(tiny_package.directory)
    assert isinstance(caught.value.alternatives_errors["Broken (torch)"], RuntimeError)


def test_from_pretrained__falls_back_to_the_next_candidate(caplog):
    class Broken(MotionModel):
        def setup(self):
            raise RuntimeError("no memory")

    caplog.set_level("INFO", logger="models")
    register_model("two", "embedding", "torch", Broken)
    register_model("two", "embedding", "custom", MotionModel)
    model = AutoModel.from_pretrained("two")
    assert type(model) is MotionModel
    assert model.load_failures == {"Broken (torch)": "RuntimeError: no memory"}
    assert "two could not be loaded with Broken (torch): no memory" in caplog.text


def test_from_pretrained__a_module_that_cannot_be_found_is_a_reason(tiny_package):
    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", LazyClass("no_such_package.model", "Tiny"))
    with pytest.raises(NoModelPackagesAvailableError, match="module of Tiny is not installed"):
        AutoModel.from_pretrained(tiny_package.directory)


def test_from_pretrained__threads_wait_for_each_other(tiny_package):
    busy, overlaps = threading.Lock(), []

    class Slow(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            overlaps.append(not busy.acquire(blocking=False))
            try:
                return super().from_pretrained(model_name_or_path)
            finally:
                busy.release()

    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "torch", Slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: AutoModel.from_pretrained(tiny_package.directory), range(8)))
    assert overlaps == [False] * 8


class Registered(MotionModel):
    model_id = revision = ""

    def __init__(self, gain=1.0):
        self.gain = gain
        self.ready = False

    def setup(self):
        self.ready = True


def test_registered_class__is_built_and_set_up():
    register_model("mine", "embedding", "torch", Registered)
    model = AutoModel.from_pretrained("mine", gain=2.0)
    assert (model.gain, model.ready, model.model_id, model.revision) == (2.0, True, "mine", "")


def test_registered_class__with_a_card_of_its_own_id():
    card = ModelCard(model_id="me/mine", architecture="mine", task_type="embedding", source="registered")
    register_model("mine", "embedding", "torch", Registered, card=card)
    assert AutoModel.from_pretrained("me/mine").model_id == "me/mine"


def test_registered_class__gets_model_dir_when_it_wants_one(tmp_path, monkeypatch):
    class NeedsDir:
        def __init__(self, model_dir, device="?"):
            self.model_dir, self.device = model_dir, device

        def setup(self):
            """Nothing to load."""

    register_model("mine", "embedding", "torch", NeedsDir)
    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", str(tmp_path / "default"))
    assert AutoModel.from_pretrained("mine", device="cpu").model_dir == str(tmp_path / "default")
    model = AutoModel.from_pretrained("mine", device="cpu", model_dir=tmp_path)
    assert (model.model_dir, model.device) == (str(tmp_path), "cpu")


def test_registered_class__from_pretrained_when_a_folder_is_given(tmp_path):
    class Standalone:
        def __init__(self, model_path, **kwargs):
            self.model_path, self.kwargs = model_path, kwargs

        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            return cls(model_path=model_name_or_path, **kwargs)

    register_model("mine", "embedding", "custom", Standalone)
    model = AutoModel.from_pretrained("mine", model_dir=tmp_path, device="cpu", depth=1)
    assert model.model_path == str(tmp_path)
    assert model.kwargs == {"device": "cpu", "dtype": "auto", "depth": 1}


def test_registered_class__from_pretrained_without_a_folder(tmp_path, monkeypatch):
    class Standalone:
        def __init__(self, model_path):
            self.model_path = model_path

        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            return cls(model_name_or_path)

    class Reading(Standalone):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            return cls(get_model_package_contents(model_name_or_path, ["config.json"])["config.json"])

    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", str(tmp_path))
    register_model("mine", "embedding", "custom", Standalone)
    register_model("reads", "embedding", "custom", Reading)
    assert AutoModel.from_pretrained("mine").model_path == str(tmp_path / "mine")
    with pytest.raises(PackageNotFoundError, match=r"Reading is loaded from a folder.*Pass model_dir="):
        AutoModel.from_pretrained("reads")
    (tmp_path / "reads").mkdir()
    (tmp_path / "reads" / "config.json").touch()
    assert AutoModel.from_pretrained("reads").model_path == str(tmp_path / "reads" / "config.json")
    assert AutoModel.from_pretrained("reads", model_dir=tmp_path).model_path.endswith("reads/config.json")


def test_registered_class__with_the_setup_of_its_base_is_not_just_constructed(tmp_path, monkeypatch):
    class Loaded(MotionModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            model = cls()
            model.place = model_name_or_path
            return model

    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", str(tmp_path))
    register_model("mine", "embedding", "torch", Loaded)
    assert AutoModel.from_pretrained("mine").place == str(tmp_path / "mine")


def test_registered_class__fetches_its_weights_before_it_is_set_up(tmp_path, monkeypatch):
    calls = []

    class Fetching:
        def __init__(self, model_dir):
            self.model_dir = model_dir

        @classmethod
        def download_weights_on_node(cls, model_dir):
            calls.append(("download", model_dir))

        def setup(self):
            calls.append(("setup", self.model_dir))

    register_model("mine", "embedding", "torch", Fetching)
    AutoModel.from_pretrained("mine", model_dir=tmp_path, local_files_only=True)
    assert calls == [("setup", str(tmp_path))]
    monkeypatch.delenv("HF_HUB_OFFLINE")
    AutoModel.from_pretrained("mine", model_dir=tmp_path)
    assert calls[1:] == [("download", str(tmp_path)), ("setup", str(tmp_path))]


def test_registered_class__unknown_options_are_named():
    register_model("mine", "embedding", "torch", Registered)
    with pytest.raises(InvalidParameterError, match="unexpected keyword argument 'depth'"):
        AutoModel.from_pretrained("mine", depth=3)


def test_registered_class__with_slots_is_left_alone():
    class Slotted:
        __slots__ = ()

        def setup(self):
            """Nothing to load."""

    register_model("mine", "embedding", "torch", Slotted)
    assert isinstance(AutoModel.from_pretrained("mine"), Slotted)


def test_describe__is_data_and_prints_nothing(tiny_package, capsys):
    description = AutoModel.describe(tiny_package.directory)
    assert description.chosen is description.candidates[0]
    assert (description.chosen.backend, description.chosen.class_name) == ("torch", "TinyTorchModel")
    assert description.card.revision == tiny_package.manifest.revision
    assert capsys.readouterr() == ("", "")
    assert "taken" in str(description)
    assert "taken" in description._repr_html_()


def test_describe__torch_before_others(tiny_package):
    register_model("two", "embedding", "custom", MotionModel)
    register_model("two", "embedding", "torch", MotionModel)
    description = AutoModel.describe("two")
    assert [candidate.backend for candidate in description.candidates] == ["torch", "custom"]
    assert AutoModel.describe("two", backend="Custom").chosen.backend == "custom"


def test_describe__missing_package_is_a_reason(tmp_path, monkeypatch):
    card = ModelCard(model_id="org/far", architecture="tiny", task_type="embedding", source="hub")
    register_model("tiny", "embedding", "torch", TinyTorchModel, card=card)
    description = AutoModel.describe("org/far", model_dir=tmp_path)
    assert description.chosen is None
    assert str(tmp_path / "org" / "far") in description.problem
    with pytest.raises(PackageNotFoundError, match="not on this machine"):
        AutoModel.from_pretrained("org/far", model_dir=tmp_path)
    make_tiny_package(tmp_path / "org" / "far", model_id="org/far")
    assert AutoModel.from_pretrained("org/far", model_dir=tmp_path).known_answers_verified


def test_describe__html_escapes_names(tmp_path):
    folder = tmp_path / "p"
    register_model("tiny", "embedding", "torch", TinyTorchModel)
    make_tiny_package(folder, model_id="<img src=x onerror=alert(1)>")
    assert "<img" not in AutoModel.describe(folder)._repr_html_()


def test_list_available_models__catalogue_then_registered():
    register_model("mine", "embedding", "torch", Registered)
    ids = [card.model_id for card in AutoModel.list_available_models()]
    assert ids[0] == "workbench/spriteclip-tiny"
    assert ids[-1] == "mine"


def test_list_available_models__imports_cards_and_little_else():
    code = (
        "import sys; from models import AutoModel; AutoModel.list_available_models();"
        "print(*(name for name in sys.modules if name.partition('.')[0] in "
        "('torch', 'numpy', 'transformers', 'huggingface_hub', 'PIL', 'pandas', 'httpx', 'email')),"
        "*(name for name in sys.modules if name in "
        "('models.loader.negotiation', 'models.loader.loading', 'models.packaging.hub', 'models.runtime')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [], (
        f"Listing models imports {done.stdout.strip()}: import it when it is used."
    )


def test_list_available_models__a_broken_package_does_not_hide_the_others(tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text(json.dumps([]))
    monkeypatch.setattr("models.loader.targets.package_path", lambda *_: Path(tmp_path))
    assert AutoModel.list_available_models()[0].model_id == "workbench/spriteclip-tiny"


def test_list_available_models__a_card_tells_what_its_package_says(tmp_path):
    card = ModelCard(
        model_id="org/far", architecture="tiny", task_type="embedding", source="local", location=str(tmp_path)
    )
    make_tiny_package(tmp_path, model_id="org/far", card={"embedding_dim": 16, "license": "MIT"})
    register_model("tiny", "embedding", "torch", TinyTorchModel, card=card)
    described = AutoModel.describe("org/far").card
    assert (described.embedding_dim, described.license, described.revision) == (
        16,
        "MIT",
        models.packages.ModelPackage.open(tmp_path).manifest.revision,
    )


@pytest.mark.parametrize(
    "name", ["x" * 10_000, "./" + "x" * 300, Path("a\0b"), "./a\0b", "me/" + "\u00e9" * 200]
)
def test_from_pretrained__what_can_be_no_name(name):
    with pytest.raises(InvalidParameterError, match="neither a model id nor a path"):
        AutoModel.from_pretrained(name)

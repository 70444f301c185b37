"""Several packages, several backends: what is taken here, and why everything else is not."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

import models.loader.filters
import models.loader.loading
from models import probes
from models.auto import AutoModel
from models.backends import BackendType
from models.cards import ModelCard
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelImplementationNotFoundError,
    NoModelPackagesAvailableError,
    PackageNotFoundError,
)
from models.loader.filters import Demands
from models.loader.negotiation import BACKEND_ORDER, group_reasons, negotiate, require_accepted
from models.loader.targets import Target, find_target
from models.probes import Device
from models.registry import RegistryEntry, register_model
from models.runtime import Runtime, describe_runtime
from tests.tiny_torch import TinyTorchModel, make_tiny_package


class Exported(TinyTorchModel):
    """The same network as another backend would run it."""


class Broken(TinyTorchModel):
    @classmethod
    def from_pretrained(cls, model_name_or_path, **kwargs):
        raise RuntimeError("no such kernel")


@pytest.fixture
def every_library(monkeypatch):
    monkeypatch.setattr(models.loader.filters, "backend_installed", lambda backend: True)


@pytest.fixture
def machine(monkeypatch):
    """A machine one can describe: free memory, accelerators."""

    def make(*devices, ram=8 * 2**30):
        monkeypatch.setattr(probes, "_cuda_devices", lambda: devices)
        monkeypatch.setattr(probes, "_mps_devices", tuple)
        monkeypatch.setattr(probes, "ram", lambda: (2 * ram, ram))
        describe_runtime(refresh=True)

    yield make
    monkeypatch.undo()
    describe_runtime(refresh=True)


@pytest.fixture
def packages(tmp_path, every_library):
    """A hub model with its home package and the exported ones of two backends."""
    card = ModelCard(model_id="org/tiny", architecture="tiny", task_type="embedding", source="hub")
    register_model("tiny", "embedding", "torch", TinyTorchModel, card=card)
    register_model("tiny", "embedding", "onnx", Exported)
    register_model("tiny", "embedding", "openvino", Exported)
    register_model("tiny", "embedding", "trt", Exported)
    root = tmp_path / "root"
    make_tiny_package(root / "org" / "tiny", model_id="org/tiny")
    for backend in ("onnx", "openvino"):
        make_tiny_package(root / "org" / f"tiny--{backend}", model_id="org/tiny", backend=backend)
    return root


def verdicts(description):
    return {one.backend: (one.accepted, one.kinds) for one in description.candidates}


def test_order__exported_packages_come_first_on_a_processor(packages, machine):
    machine()
    described = AutoModel.describe("org/tiny", model_dir=packages)
    assert [one.backend for one in described.candidates] == ["openvino", "onnx", "torch", "trt"]
    assert (described.chosen.backend, described.chosen.device) == ("openvino", "cpu")
    assert described.chosen.location == str(packages / "org" / "tiny--openvino")
    assert "exported, fastest on a processor" in str(described)
    assert type(AutoModel.from_pretrained("org/tiny", model_dir=packages)) is Exported


def test_order__the_accelerator_comes_before_what_only_uses_the_processor(packages, machine):
    machine(Device("cuda:0", "Big", 2**34, 2**34))
    described = AutoModel.describe("org/tiny", model_dir=packages)
    assert [(one.backend, one.device) for one in described.candidates if one.accepted] == [
        ("torch", "cuda"),
        ("openvino", "cpu"),
        ("onnx", "cpu"),
    ]
    asked = AutoModel.describe("org/tiny", model_dir=packages, device="cuda:0")
    assert verdicts(asked)["onnx"] == (False, ("device",))
    assert "Backend 'onnx' computes on cpu only; 'cuda:0' was asked for." in str(asked)


def test_device__that_is_not_here(packages, machine):
    machine(Device("cuda:0", "Big", 2**34, 2**34))
    for device in ("cuda:7", "mps", "gpu"):
        described = AutoModel.describe("org/tiny", model_dir=packages, device=device)
        assert described.chosen is None
        assert f"Device '{device}' is not on this machine; it has cuda:0, cpu." in described.problem
        with pytest.raises(InvalidParameterError):
            AutoModel.from_pretrained("org/tiny", model_dir=packages, device=device)


def test_backend__the_one_that_was_asked_for(packages):
    described = AutoModel.describe("org/tiny", model_dir=packages, backend="ONNX", device="cpu")
    assert described.chosen.backend == "onnx"
    assert verdicts(described)["torch"] == (False, ("backend",))
    model = AutoModel.from_pretrained("org/tiny", model_dir=packages, backend="torch", device="cpu")
    assert type(model) is TinyTorchModel


def test_backend__without_a_package_or_without_a_row(packages):
    with pytest.raises(
        NoModelPackagesAvailableError, match="There is no package of the model for this backend"
    ):
        AutoModel.from_pretrained("org/tiny", model_dir=packages, backend="trt", device="cpu")
    with pytest.raises(NoModelPackagesAvailableError) as caught:
        AutoModel.from_pretrained("org/tiny", model_dir=packages, backend="torch-script", device="cpu")
    assert "'tiny' has no implementation for backend 'torch-script', only for 'torch'" in str(caught.value)


@pytest.mark.parametrize("backend", ["torch-script", "trt"])
def test_backend__known_names_without_rows_are_said_plainly(backend):
    with pytest.raises(NoModelPackagesAvailableError, match=f"no implementation for backend '{backend}'"):
        AutoModel.from_pretrained("workbench/spriteclip-tiny", backend=backend)
    described = AutoModel.describe("workbench/spriteclip-tiny", backend=backend)
    assert described.chosen is None
    assert f"no implementation for backend '{backend}', only for 'torch'" in described.problem


def test_library__missing(packages, monkeypatch):
    monkeypatch.setattr(models.loader.filters, "backend_installed", lambda backend: backend == "torch")
    described = AutoModel.describe("org/tiny", model_dir=packages, device="cpu")
    assert described.chosen.backend == "torch"
    assert verdicts(described)["onnx"] == (False, ("library",))
    assert "Extra 'onnx' brings it." in str(described)


def test_features__both_subset_rules(packages):
    register_model("tiny", "embedding", "openvino", RegistryEntry(Exported, required_model_features={"int8"}))
    make_tiny_package(packages / "org" / "tiny--onnx", model_id="org/tiny", backend="onnx", features=["int8"])
    described = AutoModel.describe("org/tiny", model_dir=packages, device="cpu")
    assert verdicts(described)["openvino"] == verdicts(described)["onnx"] == (False, ("features",))
    assert described.chosen.backend == "torch"


def test_dtype__is_checked_against_the_device(packages, machine):
    machine(Device("cuda:0", "Old", 2**34, 2**34, "7.5", bfloat16=False))
    on_cpu = AutoModel.describe("org/tiny", model_dir=packages, device="cpu", dtype="float16")
    assert (on_cpu.chosen, on_cpu.candidates[0].kinds) == (None, ("dtype",))
    assert "processor computes float16 slowly" in on_cpu.problem
    on_old = AutoModel.describe(
        "org/tiny", model_dir=packages, device="cuda", dtype="bfloat16", backend="torch"
    )
    assert "cuda does not compute in bfloat16; take float16" in on_old.problem
    assert AutoModel.describe("org/tiny", model_dir=packages, device="cuda", dtype="float16").chosen
    with pytest.raises(NoModelPackagesAvailableError, match="float16"):
        AutoModel.from_pretrained("org/tiny", model_dir=packages, device="cpu", dtype="float16")


def test_dtype__is_never_dropped_without_a_word(tmp_path):
    class Deaf(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path):
            return TinyTorchModel.from_pretrained(model_name_or_path)

    register_model("tiny", "embedding", "torch", Deaf)
    package = make_tiny_package(tmp_path / "p")
    assert AutoModel.from_pretrained(package.directory, dtype="float32", device="cpu")
    with pytest.raises(InvalidParameterError, match="Deaf cannot be told a number format; 'bfloat16'"):
        AutoModel.from_pretrained(package.directory, dtype="bfloat16", device="cpu")


def test_memory__both_numbers_are_told(packages, machine):
    machine(ram=10_000)
    described = AutoModel.describe("org/tiny", model_dir=packages)
    assert {kinds for _, kinds in verdicts(described).values() if "memory" in kinds} == {("memory",)}
    assert "It needs at least 65.8 kB (size of the weights); 10.0 kB are free on cpu." in described.problem
    with pytest.raises(NoModelPackagesAvailableError, match=r"10\.0 kB are free on cpu"):
        AutoModel.from_pretrained("org/tiny", model_dir=packages)


def test_memory__of_the_device_that_will_be_used(packages, machine):
    machine(Device("cuda:0", "Full", 2**34, 100))
    described = AutoModel.describe("org/tiny", model_dir=packages)
    assert "100 bytes are free on cuda" in str(described)
    assert described.chosen.device == "cpu"


def test_revision__of_each_package(packages):
    make_tiny_package(packages / "org" / "tiny--onnx", model_id="org/tiny", backend="onnx", revision="b" * 40)
    described = AutoModel.describe("org/tiny", model_dir=packages, revision="bbbb", device="cpu")
    assert described.chosen.backend == "onnx"
    assert {one.kind for one in described.turned_down} == {"revision", "package", "device"}


def test_group_reasons__counted_and_the_same_in_the_error(packages):
    asked = {"model_dir": packages, "revision": "ffff", "device": "cpu", "backend": "trt"}
    described = AutoModel.describe("org/tiny", **asked)
    assert described.chosen is None
    groups = described.turned_down
    assert [group.count for group in groups] == sorted((group.count for group in groups), reverse=True)
    for group in groups:
        assert f"{group.reason} ({group.count}x)" in described.problem
    with pytest.raises(NoModelPackagesAvailableError) as caught:
        AutoModel.from_pretrained("org/tiny", **asked)
    assert str(caught.value) == described.problem
    assert sum(map(len, caught.value.reasons.values())) == sum(group.count for group in groups)
    assert group_reasons([]) == ()


def test_group_reasons__what_differs_in_the_backends_name_only_is_one(packages):
    described = AutoModel.describe("org/tiny", model_dir=packages, backend="torch-script", device="cpu")
    first = described.turned_down[0]
    assert (first.kind, first.count) == ("backend", 4)
    assert first.reason == (
        "Backend 'torch-script' was asked for; this one is 'openvino' or 'onnx' or 'torch' or 'trt'."
    )


def test_unusable__a_broken_exported_package_harms_nobody(packages):
    (packages / "org" / "tiny--openvino" / "manifest.json").write_text("[]")
    make_tiny_package(packages / "org" / "tiny--onnx", model_id="org/tiny", backend="torch")
    described = AutoModel.describe("org/tiny", model_dir=packages, device="cpu")
    assert described.chosen.backend == "torch"
    assert verdicts(described)["openvino"] == verdicts(described)["onnx"] == (False, ("package",))
    assert "it is no JSON object" in str(described)
    assert "holds 'tiny' for 'torch'" in str(described)


def test_a_path__is_one_package_and_says_what_lies_beside_it(packages):
    described = AutoModel.describe(packages / "org" / "tiny", device="cpu")
    assert described.chosen.backend == "torch"
    assert verdicts(described)["onnx"] == (False, ("package",))
    assert f"{packages / 'org' / 'tiny--onnx'}" in str(described)
    assert "export_package" not in str(described)


def test_fall_back__to_the_next_package(packages, caplog):
    caplog.set_level("INFO", logger="models")
    with pytest.warns(UserWarning, match="in place of"):
        register_model("tiny", "embedding", "openvino", Broken)
    (packages / "org" / "tiny--onnx" / "config.json").write_text("{}")
    model = AutoModel.from_pretrained("org/tiny", model_dir=packages, device="cpu")
    assert type(model) is TinyTorchModel
    assert "could not be loaded with Broken (openvino): no such kernel" in caplog.text
    assert "could not be loaded with Exported (onnx)" in caplog.text


def test_fall_back__holds_nothing_of_what_failed(packages):
    held = []

    class Halfway(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            network = torch.nn.Linear(4, 4)
            held.append(weakref.ref(network))
            raise RuntimeError(f"no more memory for {network}") from None

    class Last(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            gc.collect()
            held.append([one() for one in held])
            return super().from_pretrained(model_name_or_path, **kwargs)

    with pytest.warns(UserWarning, match="Halfway now runs"):
        register_model("tiny", "embedding", "openvino", Halfway)
    with pytest.warns(UserWarning, match="Last now runs"):
        register_model("tiny", "embedding", "onnx", Last)
    model = AutoModel.from_pretrained("org/tiny", model_dir=packages, device="cpu")
    assert held[-1] == [None]
    assert list(model.load_failures) == ["Halfway (openvino)"]


def test_remote__a_package_that_was_cut_short_is_completed(packages, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    folder = packages / "org" / "tiny"
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-9])
    asked = []

    def download(card, *, model_dir, revision, progress):
        asked.append((card.model_id, revision))
        (folder / "model.safetensors").write_bytes(whole)

    monkeypatch.setattr("models.packages.download_package", download)
    options = {"model_dir": packages, "backend": "torch", "device": "cpu"}
    with pytest.raises(CorruptedModelPackageError, match="half a copy"):
        AutoModel.from_pretrained("org/tiny", local_files_only=True, **options)
    assert AutoModel.from_pretrained("org/tiny", **options).known_answers_verified
    assert [name for name, _ in asked] == ["org/tiny"]


def test_remote__is_described_and_not_fetched(tmp_path, every_library, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    card = ModelCard(
        model_id="org/far", architecture="tiny", task_type="embedding", source="hub", size_bytes=605_000_000
    )
    register_model("tiny", "embedding", "torch", TinyTorchModel, card=card)
    described = AutoModel.describe("org/far", model_dir=tmp_path, device="cpu")
    assert described.needs_download
    (tmp_path / "empty" / "org" / "far").mkdir(parents=True)
    assert AutoModel.describe("org/far", model_dir=tmp_path / "empty", device="cpu").needs_download
    (tmp_path / "empty").rename(tmp_path.with_name("elsewhere"))
    assert described.chosen.download_bytes == 605_000_000
    assert "605.0 MB are downloaded first" in str(described)
    assert list(tmp_path.iterdir()) == []
    held = AutoModel.describe("org/far", model_dir=tmp_path, device="cpu", local_files_only=True)
    assert held.chosen is None
    assert "`workbench models download org/far`" in held.problem


def test_remote__offline_opens_nothing_and_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr("models.packages.download_package", lambda *_, **__: pytest.fail("asked"))
    card = ModelCard(model_id="org/far", architecture="tiny", task_type="embedding", source="hub")
    register_model("tiny", "embedding", "torch", TinyTorchModel, card=card)
    with pytest.raises(PackageNotFoundError, match="`workbench models download org/far`"):
        AutoModel.from_pretrained("org/far", model_dir=tmp_path, revision="main")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(PackageNotFoundError, match="`workbench models download org/far`"):
        AutoModel.from_pretrained("org/far", model_dir=tmp_path, local_files_only=True)


def test_remote__is_fetched_then_judged(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    asked = []

    def download(card, *, model_dir, revision, progress):
        asked.append((card.model_id, model_dir, revision))
        return make_tiny_package(tmp_path / "org" / "far", model_id="org/far", revision="c" * 40)

    monkeypatch.setattr("models.packages.download_package", download)
    card = ModelCard(model_id="org/far", architecture="tiny", task_type="embedding", source="hub")
    register_model("tiny", "embedding", "torch", TinyTorchModel, card=card)
    model = AutoModel.from_pretrained("org/far", model_dir=tmp_path, device="cpu", revision="cccccc")
    assert asked == [("org/far", tmp_path, "cccccc")]
    assert (model.model_id, model.revision) == ("org/far", "c" * 40)
    assert model.known_answers_verified
    AutoModel.from_pretrained("org/far", model_dir=tmp_path, device="cpu")
    assert len(asked) == 1


def test_remote__what_a_model_needs_of_others_is_fetched_when_it_is_missed(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    needed = "google-bert/bert-large-uncased"
    companion = tmp_path / "root" / needed

    class Needy(TinyTorchModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            if not companion.is_dir():
                raise PackageNotFoundError(f"There is no vocabulary at {companion}.")
            return super().from_pretrained(model_name_or_path, **kwargs)

    asked = []

    def download(card, *, model_dir, revision, progress):
        asked.append(card.model_id)
        companion.mkdir(parents=True)

    monkeypatch.setattr("models.packages.download_package", download)
    card = ModelCard("org/needy", "tiny", "embedding", source="hub", needs=(needed,))
    register_model("tiny", "embedding", "torch", Needy, card=card)
    make_tiny_package(tmp_path / "root" / "org" / "needy", model_id="org/needy")
    with pytest.raises(PackageNotFoundError, match="no vocabulary"):
        AutoModel.from_pretrained("org/needy", model_dir=tmp_path / "root", local_files_only=True)
    assert AutoModel.from_pretrained("org/needy", model_dir=tmp_path / "root").model_id == "org/needy"
    assert asked == ["org/needy"]


def test_remote__needs_something_to_run_it_before_it_is_fetched(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    card = ModelCard(model_id="org/far", architecture="nobody", task_type="embedding", source="hub")
    target = Target(card, missing=PackageNotFoundError("gone"))
    with pytest.raises(ModelImplementationNotFoundError, match="'nobody' and task 'embedding'"):
        require_accepted(target, negotiate(target, Demands(), describe_runtime()))


def test_other_tasks__are_named(tiny_package):
    target = find_target(tiny_package.directory)
    other = replace(target, card=replace(target.card, task_type="depth-estimation"))
    with pytest.raises(ModelImplementationNotFoundError, match="That architecture has 'embedding'"):
        require_accepted(other, negotiate(other, Demands(), describe_runtime()))


def test_backend_order__ranks_every_backend():
    assert set(BACKEND_ORDER) == set(BackendType)


def test_negotiate__a_machine_that_was_not_looked_at():
    runtime = Runtime("3", "x", 1, None, None, {}, ("torch",), devices_probed=False)
    target = find_target("workbench/spriteclip-tiny")
    [candidate] = negotiate(target, Demands(device="cuda"), runtime)
    assert candidate.accepted

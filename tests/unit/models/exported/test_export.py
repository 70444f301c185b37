"""``export_package``: what it writes and where, what it refuses, and that a refusal leaves nothing."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
import torch

from models.auto import AutoModel
from models.backends import BackendType
from models.cards import ModelCard
from models.errors import (
    InvalidParameterError,
    MissingDependencyError,
    ModelExportError,
    ModelImplementationNotFoundError,
    ModelNotReadyError,
    NoModelPackagesAvailableError,
    UnknownBackendTypeError,
)
from models.export import export_package
from models.exported import agreement, openvino
from models.exported.record import RECORD_NAME, read_record
from models.loader.filters import Demands, Offer, reasons_against
from models.registry import RegistryEntry, resolve_model_class
from models.runtime import Device, describe_runtime
from tests.unit.models.exported.conftest import BACKENDS, FAMILIES


@pytest.fixture
def model_in(tiny, tmp_path):
    """A tiny CLIP loaded from a copy of its package, whose neighbourhood a test may fill."""
    home = shutil.copytree(tiny.home("clip").directory, tmp_path / "models" / "workbench" / "tiny-clip")
    return resolve_model_class("clip", "embedding", "hugging-face").from_pretrained(home)


def neighbours(model):
    return sorted(path.name for path in model.model_dir.parent.iterdir())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_package__is_whole_and_beside_its_model(tiny, family, backend):
    home, package = tiny.home(family), tiny.export(family, backend)
    assert package.directory == home.directory.with_name(f"{home.directory.name}--{backend}")
    package.verify(full=True)
    listed = {file.path for file in package.manifest.files}
    there = {path.relative_to(package.directory).as_posix() for path in package.directory.rglob("*")}
    assert there == listed | {"manifest.json"}
    assert {"config.json", "tokenizer.json", "preprocessor_config.json", RECORD_NAME} <= listed
    assert not any(name.endswith(".safetensors") for name in listed)
    record = read_record(package.directory, backend)
    assert 0.999999 < record.cosines["float32"] <= 1.0
    assert record.made_with["torch"] == torch.__version__
    assert not [name for name in neighbours(tiny.model(family)) if name.startswith(".")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_package__takes_the_place_of_an_older_one(model_in, backend):
    first = export_package(model_in, backend=backend)
    (first.directory / "notes.txt").write_text("left over")
    again = export_package(model_in, backend=backend)
    assert again.directory == first.directory
    assert not (again.directory / "notes.txt").exists()
    assert neighbours(model_in) == ["tiny-clip", f"tiny-clip--{backend}"]


def test_package__never_takes_the_place_of_anything_else(model_in, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for place in (tmp_path / "mine", model_in.model_dir, tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(ModelExportError, match="something else"):
            export_package(model_in, place, backend="onnx")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert (model_in.model_dir / "model.safetensors").is_file()


def test_package__goes_into_an_empty_folder_and_a_new_one(model_in, tmp_path):
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "a" / "b" / "new"):
        assert export_package(model_in, place, backend="onnx").directory == place


def test_package__in_bfloat16(model_in):
    pytest.importorskip("openvino")
    if not openvino.computes_bfloat16():
        pytest.skip("this processor has no bfloat16")
    package = export_package(model_in, backend="openvino", dtype="bfloat16")
    assert 0.9995 <= read_record(package.directory, "openvino").cosines["bfloat16"] < 0.9999999
    exported = AutoModel.from_pretrained(package.directory, device="cpu")
    assert exported.dtype == "bfloat16"
    assert exported.known_answers_verified
    strict = AutoModel.from_pretrained(package.directory, device="cpu", dtype="float32")
    assert strict.dtype == "float32"
    exact = model_in.embed_text("a red ball") @ strict.embed_text("a red ball").T
    assert (
        float(exact)
        > 0.999999
        > float(model_in.embed_text("a red ball") @ exported.embed_text("a red ball").T)
    )


def test_bfloat16_package__computes_in_float32_where_it_must(model_in, monkeypatch):
    pytest.importorskip("openvino")
    if not openvino.computes_bfloat16():
        pytest.skip("this processor has no bfloat16")
    package = export_package(model_in, backend="openvino", dtype="bfloat16")
    monkeypatch.setattr(openvino, "computes_bfloat16", lambda: False)
    exported = openvino.OpenVINODualEncoder.from_pretrained(package.directory)
    assert exported.dtype == "float32"


class FrozenBatch:
    """Towers whose traced graph knows one batch only."""

    device = "cpu"

    def __init__(self, towers):
        self.network, self._towers = towers.network, towers

    def encode_images(self, pixels):
        return torch.stack([self._towers.encode_images(pixels[i : i + 1])[0] for i in range(len(pixels))])

    def encode_text(self, input_ids, attention_mask):
        return self._towers.encode_text(input_ids, attention_mask)

    def unload(self):
        self.network = None


class BranchOnValues(FrozenBatch):
    """Towers that do one thing or another, depending on the pixels: a trace has only one of them."""

    def encode_images(self, pixels):
        rows = self._towers.encode_images(pixels)
        return rows if float(pixels.std()) < 0.1 else rows.flip(1)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("faulty", [FrozenBatch, BranchOnValues])
def test_disagreement__is_an_error_and_nothing_is_written(model_in, backend, faulty):
    parts = model_in.parts
    object.__setattr__(parts, "towers", faulty(parts.towers))
    with pytest.raises(ModelExportError, match=r"cannot compute|lowest cosine|It gives"):
        export_package(model_in, backend=backend)
    assert neighbours(model_in) == ["tiny-clip"]


def test_disagreement__leaves_an_older_export_alone(model_in, monkeypatch):
    package = export_package(model_in, backend="onnx")
    before = (package.directory / "manifest.json").read_text()
    monkeypatch.setitem(agreement.LOWEST_COSINE, "float32", 1.1)
    with pytest.raises(ModelExportError, match=r"at least 1\.1"):
        export_package(model_in, backend="onnx")
    assert (package.directory / "manifest.json").read_text() == before
    assert neighbours(model_in) == ["tiny-clip", "tiny-clip--onnx"]


def test_disagreement__in_what_the_model_says(tiny):
    model = tiny.model("clip")
    other = type(tiny.exported("clip", "onnx")).from_pretrained(tiny.export("clip", "onnx").directory)
    other.logit_scale = 1.0
    with pytest.raises(ModelExportError, match="logit_scale"):
        agreement.require_agreement(model, other, "float32")


def test_bounds__are_those_that_were_asked_for():
    assert agreement.LOWEST_COSINE == {"float32": 0.9999, "bfloat16": 0.9995}


@pytest.mark.parametrize("backend", ["trt", "torch-script", "TRT", "torch", "custom"])
def test_backend__without_an_exporter_says_so(model_in, backend):
    with pytest.raises(InvalidParameterError, match=f"no exporter for backend '{backend.lower()}'"):
        export_package(model_in, backend=backend)


def test_backend__that_does_not_exist(model_in):
    with pytest.raises(UnknownBackendTypeError):
        export_package(model_in, backend="tflite")


@pytest.mark.parametrize(
    ("backend", "dtype"), [("onnx", "bfloat16"), ("openvino", "float16"), ("onnx", "auto")]
)
def test_dtype__that_packages_do_not_have(model_in, backend, dtype):
    with pytest.raises(InvalidParameterError, match=dtype):
        export_package(model_in, backend=backend, dtype=dtype)


def test_model__of_a_family_without_a_row():
    model = AutoModel.from_pretrained("workbench/spriteclip-tiny", device="cpu")
    with pytest.raises(ModelImplementationNotFoundError, match=r"'spriteclip'.*'onnx'"):
        export_package(model, backend="onnx")


def test_model__that_has_no_package(model_in):
    with pytest.raises(ModelExportError, match="not loaded from a package"):
        export_package(type(model_in).from_parts(model_in.parts))
    with pytest.raises(ModelExportError, match="str"):
        export_package("openai/clip-vit-base-patch32")


def test_model__that_is_not_loaded(model_in):
    model_in.unload()
    with pytest.raises(ModelNotReadyError):
        export_package(model_in)


def test_model__in_low_precision(model_in):
    low = type(model_in).from_pretrained(model_in.model_dir, dtype="bfloat16")
    with pytest.raises(ModelExportError, match="cpu bfloat16"):
        export_package(low)


def test_model__that_was_exported(tiny):
    with pytest.raises(ModelExportError, match="exported package already"):
        export_package(tiny.exported("clip", "onnx"), backend="openvino")


@pytest.mark.parametrize(
    ("library", "backend", "extra"),
    [("onnx", "onnx", "onnx"), ("onnx", "openvino", "onnx"), ("openvino", "openvino", "openvino")],
)
def test_library__missing(model_in, monkeypatch, library, backend, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError) as caught:
        export_package(model_in, backend=backend)
    assert caught.value.extra == extra
    assert neighbours(model_in) == ["tiny-clip"]


def test_disk__that_refuses(model_in, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.exported.package.shutil.copyfile", full)
    with pytest.raises(ModelExportError, match="No space left"):
        export_package(model_in, backend="onnx")
    assert neighbours(model_in) == ["tiny-clip"]


def test_interrupt__leaves_nothing(model_in, monkeypatch):
    def stop(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("models.exported.agreement.lowest_cosine", stop)
    with pytest.raises(KeyboardInterrupt):
        export_package(model_in, backend="onnx")
    assert neighbours(model_in) == ["tiny-clip"]


@pytest.fixture
def installed(tiny, tmp_path):
    """A models folder with a tiny CLIP under its id, and both of its exports."""
    for package in (tiny.home("clip"), *(tiny.export("clip", backend) for backend in BACKENDS)):
        shutil.copytree(package.directory, tmp_path / "models" / "workbench" / package.directory.name)
    return tmp_path / "models"


def test_auto_model__chooses_the_export_and_says_why(installed):
    described = AutoModel.describe("workbench/tiny-clip", model_dir=installed, device="cpu")
    assert [one.backend for one in described.candidates] == ["openvino", "onnx", "hugging-face"]
    assert described.chosen.backend == "openvino"
    assert "exported, fastest on a processor" in str(described)
    model = AutoModel.from_pretrained("workbench/tiny-clip", model_dir=installed, device="cpu")
    assert type(model).__name__ == "OpenVINODualEncoder"
    assert model.model_id == "workbench/tiny-clip"
    for backend, name in (("onnx", "OnnxDualEncoder"), ("hugging-face", "CLIPEmbedder")):
        asked = AutoModel.from_pretrained(
            "workbench/tiny-clip", model_dir=installed, device="cpu", backend=backend
        )
        assert type(asked).__name__ == name
        assert (asked.revision, asked.preprocessing) == (model.revision, model.preprocessing)


def reasons(described, backend):
    [found] = [one.reasons for one in described.candidates if one.backend == backend]
    return " ".join(found)


def device_reason(backend, device):
    """What stands against a backend where an accelerator of that name is there."""
    runtime = replace(describe_runtime(), devices_probed=True, devices=(Device(device, "a part"),))
    offer = Offer(ModelCard("me/m", "clip", "embedding"), BackendType(backend), RegistryEntry(object))
    return str(reasons_against(offer, Demands(device=device), runtime))


def test_auto_model__says_why_an_export_will_not_do(installed, monkeypatch):
    def describe(**demands):
        return AutoModel.describe("workbench/tiny-clip", model_dir=installed, **demands)

    low = describe(device="cpu", dtype="bfloat16")
    assert "computes in float32 only, not in bfloat16" in reasons(low, "onnx")
    assert "computes on cpu only" in reasons(
        describe(device="mps"), "onnx"
    ) or "not on this machine" in reasons(describe(device="mps"), "onnx")
    shutil.rmtree(installed / "workbench" / "tiny-clip--onnx")
    gone = describe(device="cpu")
    assert "export_package(model, backend='onnx') makes one" in reasons(gone, "onnx")
    assert gone.chosen.backend == "openvino"


def test_auto_model__falls_back_when_an_export_is_broken(installed):
    path = installed / "workbench" / "tiny-clip--openvino" / "image_tower.bin"
    path.write_bytes(path.read_bytes()[:1000])
    model = AutoModel.from_pretrained("workbench/tiny-clip", model_dir=installed, device="cpu")
    assert type(model).__name__ == "OnnxDualEncoder"


def test_auto_model__of_another_revision_is_not_taken(installed):
    path = installed / "workbench" / "tiny-clip--openvino" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "revision": "0" * 40}))
    described = AutoModel.describe("workbench/tiny-clip", model_dir=installed, device="cpu")
    assert described.chosen.backend == "onnx"
    assert "export it again" in reasons(described, "openvino")
    asked = AutoModel.describe("workbench/tiny-clip", model_dir=installed, device="cpu", revision="0" * 8)
    assert asked.chosen.backend == "openvino"


def test_auto_model__trt_has_no_row_and_says_so(installed):
    with pytest.raises(NoModelPackagesAvailableError, match="no implementation for backend 'trt'"):
        AutoModel.from_pretrained("workbench/tiny-clip", model_dir=installed, backend="trt")

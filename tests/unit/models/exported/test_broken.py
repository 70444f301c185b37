"""Packages with something wrong: each ends in an error of ours that names the file."""

import json
import shutil
import sys

import pytest

from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    MissingDependencyError,
    ModelLoadingError,
    PackageNotFoundError,
)
from models.exported import onnx as on_onnx
from models.exported import openvino as on_openvino
from models.exported.onnx import OnnxDualEncoder, execution_providers
from models.exported.openvino import OpenVINODualEncoder
from models.exported.record import RECORD_NAME, read_record
from models.exported.towers import thread_count
from tests.unit.models.exported.conftest import BACKENDS

CLASSES = {"onnx": OnnxDualEncoder, "openvino": OpenVINODualEncoder}
SUFFIX = {"onnx": ".onnx", "openvino": ".bin"}  # what holds the weights


@pytest.fixture
def copy_of(tiny, tmp_path):
    """A copy of an exported CLIP that a test may break."""
    return lambda backend: shutil.copytree(tiny.export("clip", backend).directory, tmp_path / "copy")


def edit_record(folder, **changes):
    record = json.loads((folder / RECORD_NAME).read_text())
    (folder / RECORD_NAME).write_text(json.dumps({**record, **changes}))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tower", ["image_tower", "text_tower"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_truncated__is_corrupted(copy_of, backend, tower, kept):
    folder = copy_of(backend)
    path = folder / f"{tower}{SUFFIX[backend]}"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(CorruptedModelPackageError, match=tower):
        CLASSES[backend].from_pretrained(folder)


@pytest.mark.parametrize("backend", BACKENDS)
def test_garbage__is_corrupted(copy_of, backend):
    folder = copy_of(backend)
    (folder / read_record(folder, backend).image_tower).write_bytes(b"<xml>not a graph</xml>" * 10)
    with pytest.raises(CorruptedModelPackageError, match="image_tower"):
        CLASSES[backend].from_pretrained(folder)


@pytest.mark.parametrize("backend", BACKENDS)
def test_missing_tower__is_corrupted(copy_of, backend):
    folder = copy_of(backend)
    (folder / f"text_tower{SUFFIX[backend]}").unlink()
    with pytest.raises(CorruptedModelPackageError, match=r"text_tower.*missing"):
        CLASSES[backend].from_pretrained(folder)


@pytest.mark.parametrize("backend", BACKENDS)
def test_towers_swapped__are_told_by_their_inputs(copy_of, backend):
    folder = copy_of(backend)
    record = read_record(folder, backend)
    edit_record(folder, image_tower=record.text_tower, text_tower=record.image_tower)
    with pytest.raises(CorruptedModelPackageError, match=r"asks for.*input_ids"):
        CLASSES[backend].from_pretrained(folder)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text_length": 76}, "asks for"),
        ({"embedding_dim": 25}, "rows of 25"),
        ({"preprocessing": {"size": [48, 48]}}, "asks for"),
        ({"preprocessing": {"sise": 48}}, "sise"),
        ({"preprocessing": {"size": "large"}}, "preprocessing"),
        ({"vocab_size": 100}, "tokens up to number"),
        ({"embedding_dim": "24"}, "'embedding_dim' is '24'"),
        ({"logit_scale": None}, "'logit_scale' is None"),
        ({"image_tower": "../image_tower.onnx"}, "does not stay inside"),
        ({"schema": 2}, "schema 1"),
        ({"backend": "trt"}, "for backend 'trt'"),
    ],
)
def test_record__that_does_not_fit_is_corrupted(copy_of, backend, changes, said):
    folder = copy_of(backend)
    edit_record(folder, **changes)
    with pytest.raises(CorruptedModelPackageError, match=said):
        CLASSES[backend].from_pretrained(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 1}'])
def test_record__malformed(copy_of, content):
    folder = copy_of("onnx")
    (folder / RECORD_NAME).write_text(content)
    with pytest.raises(CorruptedModelPackageError, match=RECORD_NAME):
        OnnxDualEncoder.from_pretrained(folder)


def test_record__missing(tiny, tmp_path):
    with pytest.raises(PackageNotFoundError, match="no exported package"):
        OnnxDualEncoder.from_pretrained(tiny.home("clip").directory)
    with pytest.raises(PackageNotFoundError, match="There is no"):
        OnnxDualEncoder.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("backend", BACKENDS)
def test_tokenizer__missing(copy_of, backend):
    folder = copy_of(backend)
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (folder / name).unlink()
    with pytest.raises(PackageNotFoundError, match="tokenizer"):
        CLASSES[backend].from_pretrained(folder)


def test_opset__of_a_later_onnxruntime(copy_of):
    import onnx

    folder = copy_of("onnx")
    path = folder / "image_tower.onnx"
    graph = onnx.load(path)
    graph.opset_import[0].version = 99
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(ModelLoadingError, match=r"newer onnxruntime.*till opset"):
        OnnxDualEncoder.from_pretrained(folder)


def test_external_data__outside_the_package_is_not_read(copy_of, tmp_path):
    import onnx
    from onnx.external_data_helper import set_external_data

    folder = copy_of("onnx")
    (tmp_path / "secret").write_bytes(bytes(10**6))
    graph = onnx.load(folder / "image_tower.onnx")
    weight = max(graph.graph.initializer, key=lambda one: len(one.raw_data))
    set_external_data(weight, location="../secret", offset=0, length=len(weight.raw_data))
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    (folder / "image_tower.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(CorruptedModelPackageError, match="image_tower"):
        OnnxDualEncoder.from_pretrained(folder)


def test_tower__that_is_a_link_out_of_the_package(copy_of, tmp_path):
    folder = copy_of("onnx")
    (folder / "image_tower.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "image_tower.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(CorruptedModelPackageError, match="leaves the package"):
        OnnxDualEncoder.from_pretrained(folder)


@pytest.mark.parametrize(
    ("backend", "library", "extra"), [("onnx", "onnxruntime", "onnx"), ("openvino", "openvino", "openvino")]
)
def test_library__missing_names_the_extra(tiny, monkeypatch, backend, library, extra):
    package = tiny.export("clip", backend)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError) as caught:
        CLASSES[backend].from_pretrained(package.directory)
    assert caught.value.extra == extra
    assert f"embedding-workbench[{extra}]" in caught.value.next_step


@pytest.mark.parametrize("backend", BACKENDS)
def test_device__that_the_engine_cannot_use(tiny, backend):
    with pytest.raises(InvalidParameterError, match="'mps'"):
        CLASSES[backend].from_pretrained(tiny.export("clip", backend).directory, device="mps")


def test_cuda__without_its_provider(monkeypatch):
    library = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(library, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(InvalidParameterError, match="onnxruntime-gpu"):
        execution_providers("cuda:1")


def test_cuda__with_its_provider(monkeypatch):
    library = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(library, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert execution_providers("cuda:1")[0] == ("CUDAExecutionProvider", {"device_id": 1})


def test_cuda__whose_provider_does_not_start(tiny, monkeypatch):
    package = tiny.export("clip", "onnx")
    monkeypatch.setattr(
        on_onnx, "execution_providers", lambda device: ["AzureExecutionProvider", "CPUExecutionProvider"]
    )
    load = OnnxDualEncoder.from_pretrained
    monkeypatch.setattr(on_onnx, "_check_provider", lambda session, providers, device: None)
    assert load(package.directory) is not None  # the other provider is taken without a word
    monkeypatch.undo()

    class Session:
        def get_providers(self):
            return ["CPUExecutionProvider"]

    with pytest.raises(InvalidParameterError, match="could not start CUDA"):
        on_onnx._check_provider(Session(), [("CUDAExecutionProvider", {})], "cuda")


@pytest.mark.parametrize(("backend", "dtype"), [("onnx", "bfloat16"), ("openvino", "float16")])
def test_dtype__that_the_engine_would_replace(tiny, backend, dtype):
    with pytest.raises(InvalidParameterError, match=dtype):
        CLASSES[backend].from_pretrained(tiny.export("clip", backend).directory, dtype=dtype)


def test_bfloat16__on_a_processor_without_it(tiny, monkeypatch):
    monkeypatch.setattr(on_openvino, "computes_bfloat16", lambda: False)
    with pytest.raises(InvalidParameterError, match="bfloat16"):
        OpenVINODualEncoder.from_pretrained(tiny.export("clip", "openvino").directory, dtype="bfloat16")


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads__that_are_no_number(threads):
    with pytest.raises(InvalidParameterError, match="threads"):
        thread_count(threads)


def test_threads__default_stays_within_the_process(monkeypatch):
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1000)
    import os

    assert thread_count(None) <= len(os.sched_getaffinity(0))
    assert thread_count(3) == 3

"""`workbench models export`: a package that AutoModel then chooses."""

import json

import pytest

from models.auto import AutoModel
from tests.tiny_packages import maker_of
from workbench import cli


@pytest.fixture
def run(capsys):
    """Run a command line; gives exit code, stdout, stderr."""

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            cli.main(["models", "export", *(str(word) for word in words)])
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture
def home(tmp_path):
    return maker_of("clip")(tmp_path / "models" / "workbench" / "tiny-clip").directory


@pytest.mark.parametrize(("backend", "library"), [("onnx", "onnxruntime"), ("OpenVINO", "openvino")])
def test_export__writes_a_package_beside_the_model(run, home, tmp_path, backend, library):
    pytest.importorskip("onnx")
    pytest.importorskip(library)
    root = tmp_path / "models"
    code, out, err = run("workbench/tiny-clip", "--backend", backend, "--model-dir", root)
    assert code == 0, err
    assert f"exported for {backend.lower()} in float32" in out
    found = AutoModel.describe("workbench/tiny-clip", model_dir=root, device="cpu")
    assert found.chosen.backend == backend.lower()
    code, out, _ = run("workbench/tiny-clip", "--backend", backend, "--model-dir", root, "--json")
    document = json.loads(out)
    assert (code, document["backend"], document["dtype"]) == (0, backend.lower(), "float32")
    assert document["lowest_cosine"] > 0.9999


def test_export__of_a_folder_into_a_folder(run, home, tmp_path):
    pytest.importorskip("onnxruntime")
    assert run(home, "--backend", "onnx", "--out", tmp_path / "mine")[0] == 0
    assert AutoModel.describe(tmp_path / "mine", device="cpu").chosen.backend == "onnx"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--backend", "trt"), "no exporter for backend 'trt'"),
        (("--backend", "tensorflow"), "Unknown backend"),
        (("--backend", "onnx", "--dtype", "bfloat16"), "compute in float32"),
    ],
)
def test_export__that_cannot_be_is_told_before_anything_is_loaded(run, words, said):
    code, _, err = run("workbench/spriteclip-tiny", *words)
    assert code == 1
    assert said in " ".join(err.split())


def test_export__of_a_model_that_cannot_be_exported(run):
    code, _, err = run("workbench/spriteclip-tiny", "--backend", "onnx")
    assert code == 1
    assert "'spriteclip'" in err

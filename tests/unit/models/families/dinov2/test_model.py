"""The DINOv2 family against transformers' own model and PIL processor."""

import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import (
    BitImageProcessorPil,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from models.auto import AutoModel
from models.conformance import check_model
from models.encoders.tiny_packages import save_network
from models.errors import CorruptedModelPackageError
from models.families.dinov2.model import DINOv2Embedder
from models.families.dinov2.tiny import make_tiny_package
from models.known_answers import known_answer_frames

SHAPES = ((60, 80), (80, 60), (48, 48), (9, 90), (333, 500))
TOLERANCE = 5e-4  # of unit rows: a few of the pixels differ by one grey level


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("dinov2") / "tiny")


def pictures():
    return [known_answer_frames("ramp", (1, *shape, 3))[0] for shape in SHAPES]


def reference_rows(folder, network_class=Dinov2Model):
    """Unit rows of the CLS token as transformers computes it from the same folder."""
    network = network_class.from_pretrained(folder, local_files_only=True).eval()
    processor = BitImageProcessorPil.from_pretrained(folder)
    pixels = processor([Image.fromarray(picture) for picture in pictures()], return_tensors="pt")
    with torch.inference_mode():
        output = network(**pixels)
    torch.testing.assert_close(output.pooler_output, output.last_hidden_state[:, 0])
    return torch.nn.functional.normalize(output.pooler_output, dim=-1)


@pytest.mark.parametrize("swiglu", [False, True])
def test_rows__are_the_pooler_output_of_transformers(tmp_path, swiglu):
    folder = make_tiny_package(tmp_path, seed=2, swiglu=swiglu).directory
    rows = DINOv2Embedder.from_pretrained(folder).embed_images(pictures())
    torch.testing.assert_close(rows, reference_rows(folder), atol=TOLERANCE, rtol=0)


def test_rows__of_a_checkpoint_with_registers(package, tmp_path):
    folder = shutil.copytree(package.directory, tmp_path / "registers")
    given = json.loads((folder / "config.json").read_text())
    names = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "mlp_ratio",
        "image_size",
        "patch_size",
    )
    config = Dinov2WithRegistersConfig(**{name: given[name] for name in names}, num_register_tokens=4)
    save_network(lambda: Dinov2WithRegistersModel(config), folder)
    rows = DINOv2Embedder.from_pretrained(folder).embed_images(pictures())
    expected = reference_rows(folder, Dinov2WithRegistersModel)
    torch.testing.assert_close(rows, expected, atol=TOLERANCE, rtol=0)


def test_auto_model__loads_it_by_path_and_it_conforms(package):
    model = AutoModel.from_pretrained(package.directory, device="cpu")
    assert isinstance(model, DINOv2Embedder)
    assert model.known_answers_verified
    assert not hasattr(model, "embed_text")
    report = check_model(model)
    assert report.passed, str(report)


def test_videos__are_the_pooled_rows_of_their_frames(package):
    model = DINOv2Embedder.from_pretrained(package.directory)
    clip = known_answer_frames("moving-square", (5, 48, 64, 3))
    pooled = torch.nn.functional.normalize(model.embed_images(list(clip)).mean(dim=0, keepdim=True))
    torch.testing.assert_close(model.embed_videos([clip]), pooled)
    assert model.preprocessing.endswith("|frame-mean")


def test_load__refuses_another_model(package, tmp_path):
    folder = shutil.copytree(package.directory, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "clip"}))
    with pytest.raises(CorruptedModelPackageError, match=r"'clip'.*'dinov2'"):
        DINOv2Embedder.from_pretrained(folder)


def test_tiny_package__names_its_weights_as_the_hub_does(package):
    names = load_file(package.directory / "model.safetensors").keys()
    assert {
        "embeddings.cls_token",
        "encoder.layer.0.attention.attention.query.weight",
        "layernorm.bias",
    } <= names

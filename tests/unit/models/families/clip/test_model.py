"""The CLIP family against transformers' own model and PIL processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from models.auto import AutoModel
from models.conformance import check_model
from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.families.clip.model import CLIPEmbedder
from models.families.clip.tiny import make_tiny_package
from models.known_answers import known_answer_frames

TEXTS = ["a red ball", "two dogs run over the green grass, and a cat sleeps", "日本 é!", "x " * 200]
SHAPES = ((48, 64), (64, 48), (32, 32), (7, 90), (90, 7), (1, 1), (333, 500))
TOLERANCE = 5e-4  # of unit rows: a few of the pixels differ by one grey level


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def model(package):
    return CLIPEmbedder.from_pretrained(package.directory)


@pytest.fixture
def folder(package, tmp_path):
    return shutil.copytree(package.directory, tmp_path / "copy")


def pictures():
    return [known_answer_frames("checker", (1, *shape, 3))[0] for shape in SHAPES]


def reference_rows(folder):
    """Unit rows of pictures and texts as transformers computes them from the same folder."""
    network = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    pixels = processor([Image.fromarray(picture) for picture in pictures()], return_tensors="pt")
    tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=77, return_tensors="pt")
    with torch.inference_mode():
        images = network.get_image_features(**pixels).pooler_output
        texts = network.get_text_features(**tokens).pooler_output
        scale = network.logit_scale.exp().item()
    return *(torch.nn.functional.normalize(rows, dim=-1) for rows in (images, texts)), scale


@pytest.mark.parametrize("hidden_act", ["quick_gelu", "gelu"])
def test_rows__are_those_of_transformers_with_the_pil_processor(tmp_path, hidden_act):
    folder = make_tiny_package(tmp_path, seed=3, hidden_act=hidden_act).directory
    model = CLIPEmbedder.from_pretrained(folder)
    images, texts, scale = reference_rows(folder)
    torch.testing.assert_close(model.embed_images(pictures()), images, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(model.embed_text(TEXTS), texts, atol=1e-5, rtol=0)
    assert model.logit_scale == pytest.approx(scale)


def test_rows__depend_on_the_activation(tmp_path):
    makes = {
        act: make_tiny_package(tmp_path / act, hidden_act=act).directory for act in ("quick_gelu", "gelu")
    }
    rows = [CLIPEmbedder.from_pretrained(folder).embed_text("a red ball") for folder in makes.values()]
    assert (rows[0] - rows[1]).abs().max() > 1e-4


def test_embed_text__does_not_depend_on_the_padding_that_transformers_chose(model, package):
    tokenizer = CLIPTokenizer.from_pretrained(package.directory)
    network = CLIPModel.from_pretrained(package.directory, local_files_only=True).eval()
    tokens = tokenizer(["a red ball"], return_tensors="pt")  # no padding at all
    with torch.inference_mode():
        alone = network.get_text_features(**tokens).pooler_output
    torch.testing.assert_close(
        model.embed_text("a red ball"), torch.nn.functional.normalize(alone), atol=1e-5, rtol=0
    )


def test_old_configurations__find_the_end_of_a_text_by_its_number(folder):
    # OpenAI's own config.json says eos_token_id 2 by mistake
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= {"eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(config))
    _, texts, _ = reference_rows(folder)
    rows = CLIPEmbedder.from_pretrained(folder).embed_text(TEXTS)
    torch.testing.assert_close(rows, texts, atol=1e-5, rtol=0)


@pytest.mark.parametrize("mark", [7, None, [638, 639]])
def test_load__refuses_an_end_mark_that_no_text_has(folder, mark):
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = mark
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CorruptedModelPackageError, match="end a text with the token"):
        CLIPEmbedder.from_pretrained(folder)


def test_load__refuses_pictures_of_another_size(folder):
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "crop_size": 30}))
    with pytest.raises(CorruptedModelPackageError, match=r"30 x 30 pixels; the network takes 32 x 32"):
        CLIPEmbedder.from_pretrained(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_load__names_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(PackageNotFoundError, match=name):
        CLIPEmbedder.from_pretrained(folder)


def test_heads_and_sizes__come_from_the_configuration(tmp_path):
    from transformers import CLIPConfig

    tiny = make_tiny_package(tmp_path / "tiny").directory
    config = CLIPConfig.from_pretrained(tiny)
    config.projection_dim = 40
    config.vision_config.hidden_size, config.vision_config.num_attention_heads = 48, 6
    config.text_config.num_hidden_layers = 3
    CLIPModel(config).save_pretrained(tiny)
    model = CLIPEmbedder.from_pretrained(tiny)
    images, texts, _ = reference_rows(tiny)
    assert model.embedding_dim == 40
    torch.testing.assert_close(model.embed_images(pictures()), images, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(model.embed_text(TEXTS), texts, atol=1e-5, rtol=0)


def test_scale__is_read_in_full_precision_whatever_the_dtype(folder):
    weights = load_file(folder / "model.safetensors")
    weights["logit_scale"] = torch.tensor(4.6052)  # as trained: 100; 98.9 in bfloat16
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert CLIPEmbedder.from_pretrained(folder, dtype="bfloat16").logit_scale == pytest.approx(
        100.0, abs=0.01
    )


@pytest.mark.parametrize(("dtype", "cosine"), [("bfloat16", 0.995), ("float16", 0.9999)])
def test_dtype__changes_the_compute_and_not_the_rows(model, package, dtype, cosine):
    low = CLIPEmbedder.from_pretrained(package.directory, dtype=dtype)
    assert str(next(low._model.parameters()).dtype) == f"torch.{dtype}"
    for full, rows in (
        (model.embed_images(pictures()), low.embed_images(pictures())),
        (model.embed_text(TEXTS), low.embed_text(TEXTS)),
    ):
        assert rows.dtype == torch.float32
        assert (full * rows).sum(dim=1).min() > cosine
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(rows)))


def test_videos__are_the_pooled_rows_of_their_frames(model):
    clip = known_answer_frames("moving-square", (5, 48, 64, 3))
    frames = model.embed_images(list(clip))
    pooled = torch.nn.functional.normalize(frames.mean(dim=0, keepdim=True))
    torch.testing.assert_close(model.embed_videos([clip]), pooled)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_auto_model__loads_it_by_path_and_it_conforms(package, dtype):
    model = AutoModel.from_pretrained(package.directory, device="cpu", dtype=dtype, num_frames=3)
    assert isinstance(model, CLIPEmbedder)
    assert model.known_answers_verified
    assert (model.model_id, model.num_frames) == ("workbench/tiny-clip", 3)
    report = check_model(model)
    assert report.passed, str(report)


def test_known_answers__betray_other_weights(package, folder):
    other = make_tiny_package(folder.parent / "other", seed=1).directory
    shutil.copy(other / "model.safetensors", folder)
    model = CLIPEmbedder.from_pretrained(folder)
    model.known_answers = package.manifest.known_answers
    assert [check.name for check in check_model(model, unload=False).faults] == ["known answers"]


def test_tiny_package__is_the_same_for_a_seed(package, tmp_path):
    again = make_tiny_package(tmp_path / "again")
    assert again.manifest.revision == package.manifest.revision
    assert make_tiny_package(tmp_path / "other", seed=1).manifest.revision != package.manifest.revision


def test_tiny_package__names_its_weights_as_the_hub_does(package):
    names = load_file(package.directory / "model.safetensors").keys()
    assert {
        "logit_scale",
        "text_model.encoder.layers.0.self_attn.q_proj.weight",
        "vision_model.embeddings.patch_embedding.weight",
        "visual_projection.weight",
    } <= names


# What transformers imports of a torchvision that is there; whoever calls it is found out.
FAKE_TRANSFORMS = """
import enum
names = 'NEAREST NEAREST_EXACT BOX BILINEAR HAMMING BICUBIC LANCZOS'
InterpolationMode = enum.Enum('InterpolationMode', names)
"""
FAKE_FUNCTIONAL = """
def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)
    def used(*args, **kwargs):
        raise RuntimeError(f'torchvision {name} was used')
    return used
"""
RUN_WITH_TORCHVISION = """
import sys
sys.path.insert(0, sys.argv[2])
import torchvision
from models.families.clip.model import CLIPEmbedder
from models.known_answers import known_answer_frames
import transformers
assert transformers.utils.is_torchvision_available()
model = CLIPEmbedder.from_pretrained(sys.argv[1])
images = [known_answer_frames("checker", (1, *shape, 3))[0] for shape in ((48, 64), (90, 7), (333, 500))]
print(*model.embed_images(images).flatten().tolist())
"""


def test_rows__are_the_same_with_torchvision_installed(model, package, tmp_path):
    fake = tmp_path / "site" / "torchvision"
    (fake / "transforms").mkdir(parents=True)
    (fake / "__init__.py").write_text("__version__ = '0.28.0'")
    (fake / "transforms" / "__init__.py").write_text(FAKE_TRANSFORMS)
    (fake / "transforms" / "functional.py").write_text(FAKE_FUNCTIONAL)
    (fake / "io.py").write_text(FAKE_FUNCTIONAL)
    done = subprocess.run(
        [sys.executable, "-c", RUN_WITH_TORCHVISION, str(package.directory), str(fake.parent)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[5],
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    found = np.array(done.stdout.split(), dtype=np.float32).reshape(3, -1)
    shapes = ((48, 64), (90, 7), (333, 500))
    images = [known_answer_frames("checker", (1, *shape, 3))[0] for shape in shapes]
    np.testing.assert_allclose(found, model.embed_images(images).numpy(), atol=1e-6)

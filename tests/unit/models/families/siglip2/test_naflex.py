"""NaFlex of SigLIP 2 against transformers' own model and PIL processor, on a tiny random package."""

import json
import random
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import Siglip2ImageProcessorPil, Siglip2Model
from transformers.models.siglip2.image_processing_pil_siglip2 import get_image_size_for_max_num_patches

from models.auto import AutoModel
from models.conformance import check_model
from models.errors import CorruptedModelPackageError, WorkbenchError
from models.export import export_package
from models.families.siglip2.model import Siglip2Embedder
from models.families.siglip2.naflex import PatchPreprocessing, patch_grid
from models.families.siglip2.tiny import make_tiny_package
from models.known_answers import known_answer_frames

SIZES = ((48, 64), (90, 40), (33, 32), (20, 200), (5, 5))
PICTURES = [known_answer_frames("ramp", (1, *size, 3))[0] for size in SIZES]
TEXTS = ["a red ball", "two dogs"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("naflex") / "package", naflex=True).directory


@pytest.fixture(scope="module")
def model(folder):
    return AutoModel.from_pretrained(folder, device="cpu")


@pytest.fixture(scope="module")
def reference(folder):
    return Siglip2Model.from_pretrained(folder, local_files_only=True).eval()


@pytest.fixture(scope="module")
def inputs(folder):
    processor = Siglip2ImageProcessorPil.from_pretrained(folder, local_files_only=True)
    return processor(images=[Image.fromarray(picture) for picture in PICTURES], return_tensors="pt")


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_patch_grid__as_the_reference():
    draw = random.Random(3)
    sizes = [(draw.randint(1, 3000), draw.randint(1, 3000)) for _ in range(400)] + list(SIZES)
    for patch, patches in ((16, 256), (8, 20), (16, 1024), (14, 1)):
        for height, width in sizes:
            rows, columns = patch_grid(height, width, patch=patch, patches=patches)
            expected = get_image_size_for_max_num_patches(height, width, patch, patches)
            assert (rows * patch, columns * patch) == expected, (height, width, patch, patches)


def test_preprocessing__as_the_references_processor(model, inputs):
    for picture, patches, shape in zip(PICTURES, inputs.pixel_values, inputs.spatial_shapes, strict=True):
        pixels = model.image_preprocessing.normalise(model.preprocess_clip(picture))
        assert (pixels.shape[2] // 8, pixels.shape[3] // 8) == tuple(shape.tolist())
        rows, columns = shape.tolist()
        whole = patches[: rows * columns].reshape(rows, columns, 8, 8, 3).permute(4, 0, 2, 1, 3)
        assert (whole.reshape(pixels.shape[1:]) - pixels[0]).abs().max() <= 1.01 / 127.5


@torch.no_grad()
def test_embed_images__as_the_reference(model, reference, inputs):
    expected = normalize(reference.get_image_features(**inputs).pooler_output)
    rows = model.embed_images(PICTURES)
    assert (rows * expected).sum(dim=1).min() > 0.9999
    assert (rows @ expected.T).argmax(dim=1).tolist() == list(range(len(PICTURES)))


@torch.no_grad()
def test_scores__as_the_reference(model, reference, inputs):
    ids, _ = model.tokenizer(TEXTS)
    logits = reference(input_ids=ids, **inputs).logits_per_image
    ours = model.compare_embeddings(model.embed_images(PICTURES), model.embed_text(TEXTS))
    assert (ours * model.logit_scale + model.logit_bias - logits).abs().max() < 0.01 * model.logit_scale
    assert model.score_kind == "sigmoid"


def test_embed_videos__clips_of_many_shapes_keep_their_order(model):
    clips = [np.repeat(picture[None], 2, axis=0) for picture in PICTURES]
    alone = torch.cat([model.embed_videos([clip]) for clip in clips])
    torch.testing.assert_close(model.embed_videos(clips), alone, atol=1e-5, rtol=0)


def test_model__conforms(model):
    report = check_model(model)
    assert report.passed, str(report)


def test_preprocessing__is_part_of_the_space(model):
    assert model.preprocessing.startswith("naflex20x8px-bilinear")


def test_from_pretrained__by_class_and_back_after_unload(folder):
    model = Siglip2Embedder.from_pretrained(folder)
    before = model.embed_images(PICTURES)
    model.unload()
    model.setup()
    assert torch.equal(model.embed_images(PICTURES), before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"patch_size": 16},
        {"image_processor_type": "SiglipImageProcessor"},
        {"max_num_patches": 0},
        {"max_num_patches": "many"},
        {"resample": 1},
        {"image_std": [0, 1, 1]},
        {"do_resize": False},
    ],
)
def test_from_pretrained__refuses_what_cannot_be_done(copy, wrong):
    path = copy / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    with pytest.raises(CorruptedModelPackageError):
        Siglip2Embedder.from_pretrained(copy)


def test_patch_preprocessing__refuses_settings_that_make_no_sense():
    with pytest.raises(CorruptedModelPackageError, match="patches"):
        PatchPreprocessing(patches=0)


def test_export_package__refuses_pictures_of_many_shapes(folder, tmp_path):
    with pytest.raises(WorkbenchError, match="many shapes"):
        export_package(Siglip2Embedder.from_pretrained(folder), tmp_path / "exported", backend="onnx")

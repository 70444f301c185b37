"""SigLIP against transformers' own model and PIL processor, on a tiny random package."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import SiglipImageProcessorPil, SiglipModel

from models.auto import AutoModel
from models.errors import CorruptedModelPackageError, ModelNotReadyError
from models.families.siglip.model import SiglipEmbedder
from models.families.siglip.tiny import make_tiny_package
from models.known_answers import known_answer_frames

TEXTS = ["A red ball!", "two dogs run over green grass", "a woman, a beach"]
PICTURES = [
    known_answer_frames(pattern, (1, *size, 3))[0]
    for pattern, size in (("ramp", (48, 64)), ("moving-square", (90, 40)), ("checker", (32, 32)))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("siglip") / "package").directory


@pytest.fixture(scope="module")
def model(folder):
    return SiglipEmbedder.from_pretrained(folder)


@pytest.fixture(scope="module")
def reference(folder):
    return SiglipModel.from_pretrained(folder, local_files_only=True).eval()


@pytest.fixture(scope="module")
def pixels(folder):
    processor = SiglipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    pictures = [Image.fromarray(picture) for picture in PICTURES]
    return processor(images=pictures, return_tensors="pt")["pixel_values"]


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


@torch.no_grad()
def test_embed_images__as_the_reference(model, reference, pixels):
    expected = normalize(reference.get_image_features(pixel_values=pixels).pooler_output)
    assert (model.embed_images(PICTURES) * expected).sum(dim=1).min() > 0.9999
    ours = torch.cat([model.image_preprocessing(picture[None]) for picture in PICTURES])
    assert (model.image_preprocessing.normalise(ours) - pixels).abs().max() <= 1.01 / 127.5
    same_pixels = normalize(model.parts.towers.encode_images(pixels))
    torch.testing.assert_close(same_pixels, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_embed_text__as_the_reference_without_a_mask(model, reference):
    ids, mask = model.tokenizer(TEXTS)
    expected = normalize(reference.get_text_features(input_ids=ids).pooler_output)
    torch.testing.assert_close(model.embed_text(TEXTS), expected, atol=1e-5, rtol=0)
    masked = normalize(reference.get_text_features(input_ids=ids, attention_mask=mask).pooler_output)
    assert (expected - masked).abs().max() > 1e-2  # so the mask would have shown


@torch.no_grad()
def test_evaluate__gives_the_references_sigmoid_scores(model, reference, pixels):
    ids = model.tokenizer(TEXTS)[0]
    logits = reference(input_ids=ids, pixel_values=pixels).logits_per_image
    ours = model.compare_embeddings(model.parts.towers.encode_images(pixels), model.embed_text(TEXTS))
    torch.testing.assert_close(ours * model.logit_scale + model.logit_bias, logits, atol=2e-3, rtol=0)
    probabilities, order = model.evaluate(
        model.parts.towers.encode_images(pixels[:1]), [model.get_text_embedding(text) for text in TEXTS]
    )
    expected = torch.sigmoid(logits[0])
    assert order == expected.argsort(descending=True).tolist()
    np.testing.assert_allclose(probabilities, expected[order], rtol=5e-3)
    assert abs(sum(probabilities) - 1.0) > 1e-3  # each text has a score of its own


def test_scores__scale_and_bias_are_the_checkpoints(model, reference):
    assert model.score_kind == "sigmoid"
    assert model.logit_scale == pytest.approx(reference.logit_scale.exp().item())
    assert model.logit_scale == pytest.approx(117.3, rel=1e-4)
    assert model.logit_bias == pytest.approx(-12.9, rel=1e-4)


def test_embed_text__case_and_punctuation_do_not_matter(model):
    rows = model.embed_text(["A Red, RED ball!", "a red red ball"])
    assert torch.equal(rows[0], rows[1])


def test_embed_text__says_what_it_does_not_read(model, caplog):
    model.embed_text(["a red ball " * 40])
    assert "does not read" in caplog.text


def test_embed_videos__is_the_mean_of_the_frames(model):
    clip = known_answer_frames("moving-square", (5, 40, 60, 3))
    expected = normalize(model.embed_images(list(clip)).mean(dim=0, keepdim=True))
    torch.testing.assert_close(model.embed_videos([clip]), expected, atol=1e-5, rtol=0)


def test_from_pretrained__bfloat16_stays_near(folder, model):
    low = SiglipEmbedder.from_pretrained(folder, dtype="bfloat16")
    rows = low.embed_images(PICTURES)
    assert rows.dtype == torch.float32
    assert (rows * model.embed_images(PICTURES)).sum(dim=1).min() > 0.99


def test_unload__and_back(folder):
    model = SiglipEmbedder.from_pretrained(folder)
    before = model.embed_text(TEXTS)
    model.unload()
    with pytest.raises(ModelNotReadyError):
        model.embed_text(TEXTS)
    model.setup()
    assert torch.equal(model.embed_text(TEXTS), before)


def test_auto_model__loads_the_folder(folder):
    model = AutoModel.from_pretrained(folder, device="cpu")
    assert isinstance(model, SiglipEmbedder)
    assert model.known_answers_verified


def test_from_pretrained__refuses_a_package_of_siglip2(tmp_path):
    from models.families.siglip2.tiny import make_tiny_package as make_other

    with pytest.raises(CorruptedModelPackageError, match="not one of SigLIP"):
        SiglipEmbedder.from_pretrained(make_other(tmp_path / "other").directory)


def test_from_pretrained__refuses_pictures_of_another_size(copy):
    path = copy / "preprocessor_config.json"
    config = {**json.loads(path.read_text()), "size": {"height": 48, "width": 48}}
    path.write_text(json.dumps(config))
    with pytest.raises(CorruptedModelPackageError, match="48"):
        SiglipEmbedder.from_pretrained(copy)


def test_make_tiny_package__the_seed_draws_the_weights(tmp_path, model):
    same = SiglipEmbedder.from_pretrained(make_tiny_package(tmp_path / "same").directory)
    other = SiglipEmbedder.from_pretrained(make_tiny_package(tmp_path / "other", seed=1).directory)
    assert torch.equal(same.embed_text(TEXTS), model.embed_text(TEXTS))
    assert (other.embed_text(TEXTS) - model.embed_text(TEXTS)).abs().max() > 0.01

"""SigLIP 2 of fixed resolution against transformers' own model and tokenizer, on a tiny random package."""

import pytest
import torch
from torch.nn.functional import normalize
from transformers import Siglip2Tokenizer, SiglipModel

from models.auto import AutoModel
from models.errors import CorruptedModelPackageError
from models.families.siglip2.model import Siglip2Embedder, small_letters
from models.families.siglip2.tiny import make_tiny_package
from models.known_answers import known_answer_frames

TEXTS = [
    "A RED ball, it's round!",
    "zwei Hunde rennen   über grünes Gras",
    "un petit chien",
    "球",
    "ΣΑΣ İ ß ﬁ",
    "a small yellow ring that spins over a grey background " * 9,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("siglip2") / "package").directory


@pytest.fixture(scope="module")
def model(folder):
    return Siglip2Embedder.from_pretrained(folder)


@pytest.fixture(scope="module")
def reference(folder):
    return SiglipModel.from_pretrained(folder, local_files_only=True).eval()


def test_tokenizer__as_the_reference(folder, model):
    tokenizer = Siglip2Tokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.padding_side = "right"
    expected = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=64, return_tensors="pt")
    ids, _ = model.tokenizer(TEXTS)
    assert ids.tolist() == expected["input_ids"].tolist()
    assert (ids == 1).any(dim=1).all()  # each has its end, also the one that is cut
    assert ids[-1, -1] == 1


def test_small_letters__keeps_everything_else():
    assert small_letters("A Red,  BALL!") == "a red,  ball!"


@torch.no_grad()
def test_embed_text__as_the_reference_without_a_mask(model, reference):
    ids, _ = model.tokenizer(TEXTS)
    expected = normalize(reference.get_text_features(input_ids=ids).pooler_output)
    torch.testing.assert_close(model.embed_text(TEXTS), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_scores__as_the_reference(model, reference):
    pictures = [known_answer_frames("ramp", (1, 50, 40, 3))[0]]
    pixels = model.image_preprocessing.normalise(model.preprocess_clip(pictures[0]))
    ids, _ = model.tokenizer(TEXTS)
    logits = reference(input_ids=ids, pixel_values=pixels).logits_per_image
    cosines = model.compare_embeddings(model.embed_images(pictures), model.embed_text(TEXTS))
    torch.testing.assert_close(cosines * model.logit_scale + model.logit_bias, logits, atol=2e-3, rtol=0)
    assert model.score_kind == "sigmoid"


def test_embed_text__case_does_not_matter_and_punctuation_does(model):
    rows = model.embed_text(["A Red ball", "a red ball", "a red ball!"])
    assert torch.equal(rows[0], rows[1])
    assert (rows[1] - rows[2]).abs().max() > 1e-3


def test_cut_off__names_what_is_not_read(model):
    assert model.cut_off(TEXTS[-1]).endswith("over a grey background")
    assert model.cut_off("a red ball") == ""


def test_auto_model__loads_the_folder(folder):
    model = AutoModel.from_pretrained(folder, device="cpu")
    assert isinstance(model, Siglip2Embedder)
    assert model.known_answers_verified


def test_from_pretrained__refuses_a_package_of_the_first_siglip(tmp_path):
    from models.families.siglip.tiny import make_tiny_package as make_other

    with pytest.raises(CorruptedModelPackageError, match="not one of SigLIP 2"):
        Siglip2Embedder.from_pretrained(make_other(tmp_path / "other").directory)

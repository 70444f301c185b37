"""X-CLIP against transformers' own model and PIL processor, on a tiny random package."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize
from transformers import CLIPTokenizer, VideoMAEImageProcessorPil, XCLIPModel

from models.auto import AutoModel
from models.errors import CorruptedModelPackageError, InvalidParameterError, ModelInputError, WorkbenchError
from models.export import export_package
from models.families.xclip.model import XCLIPEmbedder
from models.families.xclip.tiny import make_tiny_package
from models.known_answers import known_answer_frames

TEXTS = ["A red ball!", "two dogs run over green grass", "a"]
CLIPS = [
    known_answer_frames(pattern, (8, 45, 60, 3)) for pattern in ("ramp", "moving-square", "checker", "noise")
] + [known_answer_frames("moving-square", (8, 70, 40, 3))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("xclip") / "package").directory


@pytest.fixture(scope="module")
def model(folder):
    return XCLIPEmbedder.from_pretrained(folder)


@pytest.fixture(scope="module")
def reference(folder):
    return XCLIPModel.from_pretrained(folder, local_files_only=True).eval()


@pytest.fixture(scope="module")
def pixels(folder):
    processor = VideoMAEImageProcessorPil.from_pretrained(folder, local_files_only=True)
    found = [processor(list(clip), return_tensors="pt")["pixel_values"] for clip in CLIPS]
    return torch.cat([one if one.ndim == 5 else one[None] for one in found])


@pytest.fixture(scope="module")
def tokens(folder):
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer(TEXTS, padding=True, return_tensors="pt")


@torch.no_grad()
def test_embed_videos__as_the_reference(model, reference, pixels):
    expected = normalize(reference.get_video_features(pixel_values=pixels).pooler_output)
    assert (model.embed_videos(CLIPS) * expected).sum(dim=1).min() > 0.9999
    same_pixels = normalize(model.parts.towers.encode_images(pixels))
    torch.testing.assert_close(same_pixels, expected, atol=1e-5, rtol=0)


def test_preprocess_clip__as_the_references_processor(model, pixels):
    ours = torch.stack([model.image_preprocessing.normalise(model.preprocess_clip(clip)) for clip in CLIPS])
    assert (ours - pixels).abs().max() <= 1.01 / (255 * 0.224)


@torch.no_grad()
def test_embed_text__as_the_reference_padded_to_the_longest(model, reference, tokens):
    expected = normalize(reference.get_text_features(**tokens).pooler_output)
    torch.testing.assert_close(model.embed_text(TEXTS), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_conditioned_logits__are_those_of_the_whole_network(model, reference, pixels, tokens):
    logits = model.conditioned_logits(CLIPS, TEXTS)
    expected = reference(pixel_values=pixels, **tokens).logits_per_video
    assert logits.shape == (len(CLIPS), len(TEXTS))
    assert (logits - expected).abs().max() < 0.02 * model.logit_scale
    plain = model.compare_embeddings(model.embed_videos(CLIPS), model.embed_text(TEXTS)) * model.logit_scale
    assert (logits - plain).abs().max() > 1e-3  # the texts were adapted


def test_conditioned_logits__do_not_depend_on_the_clips_beside(model):
    alone = torch.cat([model.conditioned_logits([clip], TEXTS) for clip in CLIPS])
    torch.testing.assert_close(model.conditioned_logits(CLIPS, TEXTS), alone, atol=1e-4, rtol=0)


def test_embed_videos__chooses_the_middles_of_equal_parts(model):
    long = known_answer_frames("moving-square", (24, 45, 60, 3))
    assert torch.equal(model.preprocess_clip(long), model.preprocess_clip(long[1::3]))
    torch.testing.assert_close(
        model.embed_videos([long]),
        model.encode_video_frames(model.formulate_input_frames(long)),
        atol=1e-5,
        rtol=0,
    )


def test_embed_videos__repeats_the_frames_of_a_short_clip(model):
    short = CLIPS[1][:3]
    assert torch.equal(model.preprocess_clip(short), model.preprocess_clip(short[[0, 0, 0, 1, 1, 2, 2, 2]]))


def test_embed_videos__frame_order_matters(model):
    rows = model.embed_videos([CLIPS[1], CLIPS[1][::-1].copy()])
    assert (rows[0] - rows[1]).abs().max() > 1e-3


def test_embed_images__is_a_clip_in_which_nothing_moves(model):
    picture = CLIPS[0][0]
    still = model.embed_videos([np.repeat(picture[None], 8, axis=0)])
    torch.testing.assert_close(model.embed_images([picture]), still, atol=1e-5, rtol=0)


def test_embed_preprocessed__refuses_an_empty_batch(model):
    with pytest.raises(ModelInputError):
        model.embed_preprocessed([])


def test_from_pretrained__takes_the_frame_count_of_the_checkpoint(tmp_path, folder):
    sixteen = make_tiny_package(tmp_path / "sixteen", num_frames=16)
    model = AutoModel.from_pretrained(sixteen.directory, device="cpu")
    assert model.num_frames == model.get_target_num_frames() == 16
    assert model.preprocess_clip(CLIPS[0]).shape == (16, 3, 32, 32)
    assert XCLIPEmbedder.from_pretrained(folder, num_frames=8).num_frames == 8
    with pytest.raises(InvalidParameterError, match="reads 8 frames of a clip; 4 were asked for"):
        XCLIPEmbedder.from_pretrained(folder, num_frames=4)


def test_from_pretrained__scores_are_a_softmax_with_the_checkpoints_scale(model, reference):
    assert model.score_kind == "softmax"
    assert model.logit_scale == pytest.approx(reference.logit_scale.exp().item())
    assert model.logit_bias == 0.0


def test_auto_model__loads_the_folder(folder):
    model = AutoModel.from_pretrained(folder, device="cpu")
    assert isinstance(model, XCLIPEmbedder)
    assert model.known_answers_verified


def test_from_pretrained__refuses_a_tokenizer_that_does_not_end_texts(folder, monkeypatch):
    plain = XCLIPEmbedder._read_tokens

    def without_end(folder, **sizes):
        tokens = plain(folder, **sizes)
        ids, mask = tokens(["a"])
        return lambda _: (ids.clamp(max=1), mask)

    monkeypatch.setattr(XCLIPEmbedder, "_read_tokens", staticmethod(without_end))
    with pytest.raises(CorruptedModelPackageError, match="does not end a text"):
        XCLIPEmbedder.from_pretrained(folder)


def test_from_pretrained__refuses_another_kind_of_network(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    config = {**json.loads((copy / "config.json").read_text()), "model_type": "clip"}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(CorruptedModelPackageError, match="'clip'"):
        XCLIPEmbedder.from_pretrained(copy)


def test_export_package__refuses_a_tower_of_clips(model, tmp_path):
    with pytest.raises(WorkbenchError, match=r"onnx|exported"):
        export_package(model, tmp_path / "exported", backend="onnx")

"""Every number that the reference implementation recorded, within the tolerance that goes with it."""

import numpy as np
import pytest
import torch

from models.families.internvideo2.checkpoint import resample_frames
from models.families.internvideo2.model import InternVideo2MultiModality
from models.families.internvideo2.preprocessing import resize_bilinear, strided_frames
from models.families.internvideo2.text import tokenize

pytestmark = pytest.mark.shared

TAPS = {
    "patch_embed": "vision_encoder.patch_embed",
    "block0_attn_out": "vision_encoder.blocks.0.attn",
    "block0_out": "vision_encoder.blocks.0",
    "pooled": "vision_encoder.clip_projector",
    "vision_proj_out": "vision_proj",
    "embeddings_out": "text_encoder.bert.embeddings",
    "layer0_out": "text_encoder.bert.encoder.layer.0",
    "text_proj_out": "text_proj",
}
HIDDEN, FEATURES, PROBABILITIES = 1e-5, 5e-6, 2e-5


@pytest.fixture
def taps(golden_model):
    """What passes through the layers that the reference recorded."""
    seen, network = {}, golden_model._model

    def keep(name):
        def hook(_module, _inputs, output):
            seen[name] = output[0] if isinstance(output, tuple) else output

        return hook

    def keep_input(_module, inputs):
        seen["block0_in"] = inputs[0]

    hooks = [network.get_submodule(path).register_forward_hook(keep(name)) for name, path in TAPS.items()]
    hooks.append(network.vision_encoder.blocks[0].register_forward_pre_hook(keep_input))
    yield seen
    for hook in hooks:
        hook.remove()


def assert_near(found, expected, tolerance):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert (found - expected).abs().max() <= tolerance


@pytest.mark.parametrize(("prefix", "pixels"), [("video", "pixel_values"), ("image", "image.pixel_values")])
def test_vision__every_tap(golden, golden_model, taps, prefix, pixels):
    network = golden_model._model
    feature = network.get_vid_feat(golden.inputs[pixels])
    tokens, pooled = network.encode_vision(golden.inputs[pixels])
    assert_near(tokens, golden.outputs[f"{prefix}.vision_tokens"], HIDDEN)
    assert_near(pooled, golden.outputs[f"{prefix}.pooled"], HIDDEN)
    for name in ("patch_embed", "block0_in", "block0_attn_out", "block0_out", "pooled", "vision_proj_out"):
        assert_near(taps[name], golden.outputs[f"{prefix}.{name}"], HIDDEN)
    assert_near(feature, golden.outputs[f"{prefix}.feat"], FEATURES)


def test_text__every_tap(golden, golden_model, taps):
    network = golden_model._model
    numbers, mask = golden.inputs["text.input_ids"], golden.inputs["text.attention_mask"]
    tokens, pooled = network.encode_text(numbers, mask)
    assert_near(tokens, golden.outputs["text.last_hidden"], HIDDEN)
    assert_near(pooled, golden.outputs["text.pooled"], HIDDEN)
    assert_near(network.text_proj(pooled), golden.outputs["text.text_proj_out"], HIDDEN)
    for name in ("embeddings_out", "layer0_out"):
        assert_near(taps[name], golden.outputs[f"text.{name}"], HIDDEN)


@pytest.mark.parametrize(("name", "end_with_sep"), [("text", True), ("text_nosep", False)])
def test_tokenize__same_numbers_with_and_without_sep(golden, golden_model, name, end_with_sep):
    tokenizer = golden_model._model.tokenizer
    numbers, mask = tokenize(tokenizer, golden.config["texts"], 16, end_with_sep=end_with_sep)
    assert torch.equal(numbers, golden.inputs[f"{name}.input_ids"])
    assert torch.equal(mask, golden.inputs[f"{name}.attention_mask"])


def test_text_embedding__from_words(golden, golden_model):
    texts, expected = golden.config["texts"], golden.outputs["text.feat"]
    assert_near(golden_model.get_text_embedding(texts), expected, FEATURES)
    assert_near(golden_model.embed_text(texts), expected, FEATURES)
    for i, text in enumerate(texts):
        assert_near(golden_model.get_text_embedding(text), expected[i : i + 1], FEATURES)


def test_text_embedding__without_sep(golden):
    model = InternVideo2MultiModality.from_pretrained(golden.folder, device="cpu", end_with_sep=False)
    assert_near(model.embed_text(golden.config["texts"]), golden.outputs["text_nosep.feat"], FEATURES)
    network = model._model
    _, pooled = network.encode_text(
        golden.inputs["text_nosep.input_ids"], golden.inputs["text_nosep.attention_mask"]
    )
    assert_near(pooled, golden.outputs["text_nosep.pooled"], HIDDEN)


@pytest.mark.parametrize("number", [0, 1])
def test_frames__to_features(golden, golden_model, number):
    frames = golden.inputs[f"video{number}.frames_u8"].numpy()
    chosen = strided_frames(len(frames), 4)
    assert chosen.tolist() == golden.inputs[f"video{number}.sampled_indices"].tolist()
    resized = golden.inputs[f"video{number}.resized_u8"].numpy()
    assert np.array_equal(resize_bilinear(frames[chosen], 56, 56), resized)
    pixels = golden_model.formulate_input_frames(list(frames))
    assert pixels.dtype == np.float32
    expected = golden.inputs["pixel_values"][number : number + 1]
    assert_near(torch.from_numpy(pixels), expected, 1e-6)
    assert_near(
        golden_model.encode_video_frames(pixels), golden.outputs["video.feat"][number : number + 1], FEATURES
    )


def test_frames__both_videos_as_one_batch(golden, golden_model):
    pixels = golden.inputs["pixel_values"].numpy()
    assert_near(golden_model.encode_video_frames(pixels), golden.outputs["video.feat"], FEATURES)


def test_image__its_own_positions(golden, golden_model):
    image = golden.inputs["image.frame_u8"].numpy()
    assert_near(golden_model.embed_images([image]), golden.outputs["image.feat"], FEATURES)
    assert_near(golden_model.embed_videos([image[None]]), golden.outputs["image.feat"], FEATURES)


def test_resize__strong_shrink_without_antialiasing(golden):
    frame = golden.inputs["resize_extra.frame_u8"].numpy()
    assert np.array_equal(
        resize_bilinear(frame[None], 56, 56)[0], golden.inputs["resize_extra.resized_u8"].numpy()
    )


def test_predict_label__probabilities(golden, golden_model):
    videos, texts = golden.outputs["video.feat"], golden.outputs["text.feat"]
    for name, top in (("all", 5), ("top2", 2)):
        values, places = golden_model._model.predict_label(videos, texts, top=top)
        assert_near(values, golden.outputs[f"predict.probs_{name}"], PROBABILITIES)
        assert torch.equal(places, golden.outputs[f"predict.indices_{name}"])


def test_evaluate__probabilities(golden, golden_model):
    texts = [golden_model.get_text_embedding(text) for text in golden.config["texts"]]
    values, places = golden_model.evaluate(golden.outputs["video.feat"][:1], texts)
    assert_near(torch.tensor(values), golden.outputs["evaluate.probs"], PROBABILITIES)
    assert places == golden.outputs["evaluate.indices"].tolist()


def test_positions__loaded_and_resampled(golden, golden_model):
    stored = golden.state["vision_encoder.pos_embed"]
    assert torch.equal(golden_model._model.vision_encoder.pos_embed, golden.outputs["loaded.pos_embed"])
    assert torch.equal(resample_frames(stored, 4, 7), golden.outputs["interp.pos_embed_4to7"])


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("bfloat16", 2e-2)])
def test_accelerator__same_vectors(golden, dtype, tolerance):
    if not torch.cuda.is_available():
        pytest.skip("there is no accelerator here")
    model = InternVideo2MultiModality.from_pretrained(golden.folder, device="cuda", dtype=dtype)
    found = model.encode_video_frames(golden.inputs["pixel_values"].numpy())
    assert found.device.type == "cuda"
    assert (found.cpu() - golden.outputs["video.feat"]).abs().max() <= tolerance
    assert (model.embed_text(golden.config["texts"]) - golden.outputs["text.feat"]).abs().max() <= tolerance
    values, _ = model.evaluate(found, [model.get_text_embedding(text) for text in golden.config["texts"]])
    assert sum(values) == pytest.approx(1.0, abs=1e-4)

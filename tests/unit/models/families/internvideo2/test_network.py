"""The network against a plain second implementation, at sizes that no other data has."""

import json

import pytest
import torch
from safetensors.torch import save_file

from models.families.internvideo2.checkpoint import resample_frames
from models.families.internvideo2.errors import FrameShapeError
from models.families.internvideo2.model import InternVideo2MultiModality
from models.families.internvideo2.text import VOCABULARY_FILE, tokenize
from models.families.internvideo2.tiny import tiny_vocabulary
from tests.unit.models.families.internvideo2 import plain

TEXTS = ["a red ball", "dog!", "two words and a long rest that is cut off somewhere"]


@pytest.fixture(params=["float32", "bfloat16"])
def stored(odd, request):
    """The odd network as it is stored: its position embedding is for 3 frames."""
    config, state = odd
    dtype = getattr(torch, request.param)
    state = {name: value.to(dtype) for name, value in state.items()}
    positions = state["vision_encoder.pos_embed"]
    state["vision_encoder.pos_embed"] = positions[:, : 1 + 3 * 9].clone()
    return config, state


@pytest.fixture
def loaded(stored, tmp_path):
    config, state = stored
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / VOCABULARY_FILE).write_text("\n".join(tiny_vocabulary()))
    save_file(state, tmp_path / "model.safetensors")
    return InternVideo2MultiModality.from_pretrained(tmp_path, device="cpu")


def stretched(state):
    """The weights as the network must have them: float32, position embedding for 5 frames."""
    positions = resample_frames(state["vision_encoder.pos_embed"], 3, 5)
    return {name: value.float() for name, value in state.items()} | {
        "vision_encoder.pos_embed": positions.float()
    }


@pytest.mark.parametrize("count", [5, 1])
def test_vision__same_as_a_plain_implementation(stored, loaded, count):
    config, state = stored
    clips = torch.randn(3, count, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    tokens, pooled, feature = plain.encode_video(stretched(state), config, clips)
    network = loaded._model
    found_tokens, found_pooled = network.encode_vision(clips)
    torch.testing.assert_close(found_tokens.double(), tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found_pooled.double(), pooled, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network.get_vid_feat(clips).double(), feature, atol=2e-6, rtol=0)
    torch.testing.assert_close(loaded.encode_video_frames(clips.numpy()).double(), feature, atol=2e-6, rtol=0)


def test_text__same_as_a_plain_implementation(stored, loaded):
    config, state = stored
    numbers, mask = tokenize(loaded._model.tokenizer, TEXTS, 12)
    assert mask.sum(dim=1).tolist() == [5, 4, 12]
    tokens, feature = plain.encode_text(stretched(state), config, numbers, mask)
    found = loaded._model.encode_text(numbers, mask)[0]
    torch.testing.assert_close(found[mask > 0].double(), tokens[mask > 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(loaded.embed_text(TEXTS).double(), feature, atol=2e-6, rtol=0)


def test_weights__are_float32_whatever_is_stored(loaded):
    assert {weight.dtype for weight in loaded._model.parameters()} == {torch.float32}
    assert not any(weight.requires_grad for weight in loaded._model.parameters())


def test_resample__happens_in_the_stored_format():
    positions = torch.randn(1, 1 + 3 * 9, 40).bfloat16()
    assert resample_frames(positions, 3, 5).dtype == torch.bfloat16
    wide = resample_frames(positions.float(), 3, 5)
    off = (resample_frames(positions, 3, 5).float() - wide).abs().max()
    assert 1e-4 < off < 0.03


@pytest.mark.parametrize(("old", "new"), [(4, 7), (4, 1), (2, 8), (1, 4), (6, 6)])
def test_resample__each_patch_along_time(old, new):
    positions = torch.randn(1, 1 + old * 3, 2, dtype=torch.float64)
    found = resample_frames(positions, old, new)
    assert torch.equal(found[:, 0], positions[:, 0])
    frames = positions[0, 1:].reshape(old, 3, 2)
    for t, frame in enumerate(found[0, 1:].reshape(new, 3, 2)):
        place = min(max((t + 0.5) * old / new - 0.5, 0.0), old - 1)
        before = int(place)
        after = min(before + 1, old - 1)
        torch.testing.assert_close(
            frame, frames[before] * (1 - place + before) + frames[after] * (place - before)
        )


def test_bfloat16_compute__stays_close_and_unit(package, model):
    low = InternVideo2MultiModality.from_pretrained(package.directory, device="cpu", dtype="bfloat16")
    assert {weight.dtype for weight in low._model.parameters()} == {torch.bfloat16}
    clips = torch.rand(2, 4, 3, 56, 56).numpy()
    for found, exact in (
        (low.encode_video_frames(clips), model.encode_video_frames(clips)),
        (low.embed_text(TEXTS), model.embed_text(TEXTS)),
    ):
        assert found.dtype == torch.float32
        assert torch.allclose(found.norm(dim=1), torch.ones(len(found)), atol=1e-6)
        assert (found * exact).sum(dim=1).min() > 0.999


@pytest.mark.parametrize(
    "shape", [(1, 2, 3, 56, 56), (1, 4, 3, 70, 70), (1, 4, 1, 56, 56), (4, 3, 56, 56), (1, 8, 3, 56, 56)]
)
def test_vision__refuses_other_shapes(model, shape):
    with pytest.raises(FrameShapeError, match=r"\[B, 4, 3, 56, 56\]"):
        model._model.encode_vision(torch.zeros(shape))

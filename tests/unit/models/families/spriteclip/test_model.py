import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelInputError,
    ModelNotReadyError,
    PackageNotFoundError,
)
from models.families.spriteclip import model as module
from models.families.spriteclip.grammar import Scene, SpriteObject
from models.families.spriteclip.model import SpriteCLIP
from models.families.spriteclip.renderer import render

WEIGHTS = Path(module.__file__).parent / "weights"


@pytest.fixture(scope="module")
def model():
    return SpriteCLIP.from_pretrained()


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    shapes = [(8, 48, 64, 3), (1, 64, 64, 3), (20, 90, 160, 3), (5, 120, 60, 3), (9, 40, 160, 3)]
    return [rng.integers(0, 256, shape, np.uint8) for shape in shapes]


def test_embed_videos__rows_are_unit_ordered_and_independent_of_the_batch(model, clips):
    rows = model.embed_videos(clips)
    assert rows.dtype == torch.float32
    assert rows.shape == (len(clips), 256)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(clips)), atol=1e-5, rtol=0)
    alone = torch.cat([model.embed_videos([clip]) for clip in clips])
    torch.testing.assert_close(rows, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.embed_videos(clips[::-1]), rows.flip(0), atol=1e-5, rtol=0)


def test_embed_text__rows_do_not_depend_on_their_neighbours(model):
    texts = ["a red circle", "two large blue stars that spin on a striped background", "x"]
    rows = model.embed_text(texts)
    alone = torch.cat([model.embed_text(text) for text in texts])
    torch.testing.assert_close(rows, alone, atol=1e-5, rtol=0)


def test_embed_text__synonyms_and_case_are_one(model):
    first, second = model.embed_text(["a crimson ball slides left", "THE RED CIRCLE: moves-left."])
    torch.testing.assert_close(first, second, atol=1e-5, rtol=0)


def test_preprocessed__equals_embed_videos(model, clips):
    rows = model.embed_preprocessed([model.preprocess_clip(clip) for clip in clips])
    torch.testing.assert_close(rows, model.embed_videos(clips), atol=1e-6, rtol=0)


def test_five_methods__follow_the_reference_interface(model, clips):
    assert model.get_target_num_frames() == 8
    frames = model.formulate_input_frames(list(clips[2]))
    assert frames.shape == (1, 8, 3, 72, 128)
    assert frames.dtype == np.float32
    video = model.encode_video_frames(frames)
    torch.testing.assert_close(video, model.embed_videos([clips[2]]), atol=1e-5, rtol=0)
    texts = [model.get_text_embedding(text) for text in ("noise", "a white circle", "black")]
    assert texts[0].shape == (1, 256)
    probabilities, order = model.evaluate(video, texts)
    assert sorted(order) == [0, 1, 2]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-5)


def test_embed_images__a_still_is_a_clip_that_does_not_move(model):
    scene = Scene((SpriteObject("green", "star", "large"),), "white")
    image = render(scene, num_frames=1)[0]
    rows = model.embed_images([image])
    torch.testing.assert_close(
        rows, model.embed_videos([np.repeat(image[None], 5, axis=0)]), atol=1e-5, rtol=0
    )
    texts = ["a large green star on white", "a large green ring on white", "a large blue star on white"]
    assert int((model.embed_text(texts) @ rows[0]).argmax()) == 0


def test_inputs__wrong_ones_are_refused(model):
    for wrong in ([], "clip.mp4", [np.zeros((4, 8, 8), np.uint8)], [np.full((2, 8, 8, 3), 3.5)]):
        with pytest.raises(ModelInputError):
            model.embed_videos(wrong)
    with pytest.raises(ModelInputError):
        model.embed_text([])
    with pytest.raises(ModelInputError, match="expected"):
        model.encode_video_frames(np.zeros((1, 4, 3, 8, 8), np.float32))


def test_setup__missing_or_damaged_files_are_said(tmp_path):
    with pytest.raises(PackageNotFoundError, match=r"model\.safetensors"):
        SpriteCLIP.from_pretrained(tmp_path)
    shutil.copytree(WEIGHTS, tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(CorruptedModelPackageError, match="fit together"):
        SpriteCLIP.from_pretrained(tmp_path / "copy")


def test_constructor__is_cheap_and_checks_its_options(tmp_path):
    with pytest.raises(InvalidParameterError, match="int8"):
        SpriteCLIP(dtype="int8")
    with pytest.raises(ModelNotReadyError):
        SpriteCLIP(tmp_path).embed_text("a ring")


def test_unload__and_setup_again(clips):
    model = SpriteCLIP.from_pretrained(dtype="torch.float32")
    before = model.embed_videos(clips[:1])
    model.unload()
    with pytest.raises(ModelNotReadyError):
        model.embed_videos(clips[:1])
    model.setup()
    assert torch.equal(model.embed_videos(clips[:1]), before)


def test_bfloat16__is_close(model, clips):
    low = SpriteCLIP.from_pretrained(dtype="bfloat16")
    assert (low.embed_videos(clips) * model.embed_videos(clips)).sum(1).min() > 0.98


def test_bfloat16__texts_too(model):
    texts = ["a small red circle moving left", "two stars"]
    rows = SpriteCLIP.from_pretrained(dtype="bfloat16").embed_text(texts)
    assert rows.dtype == torch.float32
    assert (rows * model.embed_text(texts)).sum(1).min() > 0.999


def test_weights__are_small_and_described():
    manifest = json.loads((WEIGHTS / "manifest.json").read_text("utf-8"))
    assert manifest["model_id"] == SpriteCLIP.model_id
    assert len([answer for answer in manifest["known_answers"] if answer["kind"] == "frames"]) == 2
    assert (WEIGHTS / "model.safetensors").stat().st_size <= 6_000_000

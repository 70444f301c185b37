"""Floors of the shipped weights on scenes that training never saw; the full numbers are in the README."""

import numpy as np
import pytest

from models.families.spriteclip.evaluate import (
    attribute_accuracy,
    distinct_scenes,
    recall_at_1,
    reversal_rate,
)
from models.families.spriteclip.grammar import describe
from models.families.spriteclip.model import SpriteCLIP
from models.families.spriteclip.synthesis import synthetic_clip


@pytest.fixture(scope="module")
def measured():
    model = SpriteCLIP.from_pretrained()
    rng = np.random.default_rng(5)
    scenes = distinct_scenes(rng, 64)
    clips = [synthetic_clip(scene, 4 / 3, rng) for scene in scenes]
    return model, scenes, clips, model.embed_videos(clips).numpy()


def test_retrieval__held_out_compositions(measured):
    model, scenes, _, video = measured
    text = model.embed_text([describe(scene) for scene in scenes]).numpy()
    assert recall_at_1(text, video) >= 0.8


@pytest.mark.parametrize(
    ("name", "floor"),
    [("colour", 0.85), ("shape", 0.5), ("size", 0.85), ("motion", 0.85), ("background", 0.8)],
)
def test_attributes__are_told_apart(measured, name, floor):
    model, scenes, _, video = measured
    share, counted = attribute_accuracy(model, scenes, video, name)
    assert counted > 15
    assert share >= floor


def test_reversal__turns_the_motion_round(measured):
    model, scenes, clips, _ = measured
    share, counted = reversal_rate(model, scenes, clips, lambda pair: model.embed_videos(pair).numpy())
    assert counted > 8
    assert share >= 0.9

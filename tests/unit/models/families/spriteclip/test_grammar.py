from dataclasses import replace

import numpy as np
import pytest

from models.families.spriteclip.grammar import (
    COLOURS,
    MOTIONS,
    SHAPES,
    Scene,
    SpriteObject,
    describe,
    held_out,
    random_scene,
    valid_scene,
    variant,
)


def test_held_out__is_stable_and_a_small_share():
    share = np.mean(
        [
            held_out(Scene((SpriteObject(colour, shape, None, motion),)))
            for colour in COLOURS
            for shape in SHAPES
            for motion in MOTIONS
        ]
    )
    assert 0.1 < share < 0.25
    assert held_out(Scene((SpriteObject("red", "circle", "small", "left"),))) is held_out(
        Scene((SpriteObject("red", "circle", "large", "left"),), "noise")
    )


@pytest.mark.parametrize("side", [True, False])
def test_random_scene__keeps_to_its_side_of_the_hold_out_rule(side):
    rng = np.random.default_rng(0)
    scenes = [random_scene(rng, held_out_only=side) for _ in range(100)]
    assert all(held_out(scene) is side and valid_scene(scene) for scene in scenes)
    assert {len(scene.objects) for scene in scenes} == {1, 2}


def test_valid_scene__refuses_what_cannot_be_seen():
    assert not valid_scene(Scene((SpriteObject("white", "star"),), "white"))
    assert not valid_scene(Scene((SpriteObject("red", "ring", None, "spin"),)))
    assert not valid_scene(Scene((SpriteObject("red", "star"), SpriteObject("red", "star", None, "up"))))
    assert valid_scene(Scene((SpriteObject("red", "star"), SpriteObject("red", "star"))))


def test_variant__changes_one_thing_and_stays_valid():
    rng = np.random.default_rng(1)
    for _ in range(200):
        scene = random_scene(rng, held_out_only=False)
        other = variant(scene, rng)
        assert other != scene
        assert valid_scene(other)
        assert not held_out(other)


def test_describe__plain_captions_tell_scenes_apart():
    scene = Scene((SpriteObject("orange", "cross", "large", "still"),), "grey")
    assert describe(scene) == "a large orange cross standing still on a grey background"
    changed = [
        replace(scene, background="noise"),
        replace(scene, objects=(replace(scene.objects[0], motion="blink"),)),
        replace(scene, objects=(replace(scene.objects[0], size="small"),)),
        replace(scene, objects=scene.objects * 2),
    ]
    assert len({describe(item) for item in [scene, *changed]}) == 5

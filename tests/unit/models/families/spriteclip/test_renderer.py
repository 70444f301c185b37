import numpy as np
import pytest

from models.families.spriteclip.grammar import SHAPES, Scene, SpriteObject
from models.families.spriteclip.renderer import render


def _mask(frames):
    """Where red is much stronger than green."""
    wide = frames.astype(int)
    return wide[..., 0] - wide[..., 1] > 90


def _film(motion, shape="square", rng=None, **options):
    scene = Scene((SpriteObject("red", shape, "small", motion),), "black")
    return render(scene, width=120, height=90, fps=8, rng=rng, **options)


@pytest.mark.parametrize(
    ("motion", "axis", "sign"), [("left", 1, -1), ("right", 1, 1), ("up", 0, -1), ("down", 0, 1)]
)
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_render__centroid_moves(motion, axis, sign, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    places = [np.mean(np.nonzero(mask)[axis]) for mask in _mask(_film(motion, rng=rng)) if mask.any()]
    assert sign * (places[-1] - places[0]) > 8


@pytest.mark.parametrize("motion", ["grow", "shrink"])
def test_render__area_changes(motion):
    areas = _mask(_film(motion)).sum((1, 2))
    assert (areas[-1] > 2 * areas[0]) if motion == "grow" else (areas[0] > 2 * areas[-1])


def test_render__spin_turns_in_place():
    frames = _film("spin", "star")
    areas = _mask(frames).sum((1, 2))
    assert np.ptp(areas) < 0.2 * areas.mean()
    assert np.abs(frames[0].astype(int) - frames[3]).sum() > 0


def test_render__blink_comes_and_goes():
    shown = _mask(_film("blink")).any((1, 2))
    assert shown.any()
    assert not shown.all()


def test_render__still_stays():
    frames = _film("still")
    assert (frames == frames[0]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_render__large_is_larger_than_small(shape):
    areas = []
    for size in ("small", "large"):
        frames = render(Scene((SpriteObject("red", shape, size),)), width=160, height=120, num_frames=1)
        areas.append(_mask(frames).sum())
    assert areas[1] > 3 * areas[0] > 0


def test_render__shapes_differ():
    frames = [render(Scene((SpriteObject("red", shape, "large"),)), num_frames=1) for shape in SHAPES]
    fills = [_mask(frame).sum() for frame in frames]
    assert len(set(fills)) == len(SHAPES)


def test_render__same_scene_same_bytes():
    assert (_film("right") == _film("right")).all()
    other = _film("right", rng=np.random.default_rng(0))
    assert (other != _film("right")).any()


@pytest.mark.parametrize("background", ["gradient", "stripes", "noise"])
def test_render__patterned_backgrounds_vary(background):
    frames = render(Scene((SpriteObject("red", "circle", "small"),), background), num_frames=2)
    assert frames.dtype == np.uint8
    assert frames[0].reshape(-1, 3).std(0).max() > 5

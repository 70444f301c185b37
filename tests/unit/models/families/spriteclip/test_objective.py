import numpy as np
import torch
from torch import nn

from models.families.spriteclip.grammar import Scene, SpriteObject
from models.families.spriteclip.objective import (
    NUM_TARGETS,
    attribute_loss,
    attribute_targets,
    caption_codes,
    contrastive_loss,
    fits,
)
from models.families.spriteclip.phrases import ATTRIBUTES, Mention
from models.families.spriteclip.synthesis import codes_to_scene, scene_to_codes

LEFT = Scene((SpriteObject("red", "circle", "small", "left"),), "black")
RIGHT = Scene((SpriteObject("red", "circle", "small", "right"),), "black")
PAIR = Scene(
    (SpriteObject("blue", "star", "large", "up"), SpriteObject("red", "circle", "small", "left")), "noise"
)
SWAPPED = Scene((PAIR.objects[1], PAIR.objects[0]), "noise")
EVERYTHING = frozenset(ATTRIBUTES)


def _codes(*scenes):
    return np.array([scene_to_codes(scene) for scene in scenes])


def test_codes__round_trip():
    for scene in (LEFT, PAIR, Scene((SpriteObject("red", "ring"),))):
        assert codes_to_scene(np.array(scene_to_codes(scene))) == scene


def test_fits__full_caption_fits_its_scene_only():
    told = np.stack([caption_codes(LEFT, Mention((EVERYTHING,)))])
    assert fits(told, _codes(LEFT, RIGHT, PAIR)).tolist() == [[True, False, False]]


def test_fits__partial_caption_fits_all_it_is_true_of():
    told = np.stack([caption_codes(LEFT, Mention((frozenset({"colour", "shape"}),), background=False))])
    assert fits(told, _codes(LEFT, RIGHT, PAIR)).tolist() == [[True, True, True]]


def test_fits__two_objects_in_any_order():
    told = np.stack([caption_codes(PAIR, Mention((EVERYTHING, EVERYTHING)))])
    assert fits(told, _codes(PAIR, SWAPPED, LEFT)).tolist() == [[True, True, False]]


def test_attribute_targets__order_of_objects_does_not_matter():
    targets, weights = attribute_targets(_codes(PAIR, SWAPPED))
    assert targets.shape == (2, NUM_TARGETS)
    assert (targets[0] == targets[1]).all()
    assert weights.all()


def test_attribute_loss__untold_does_not_count():
    rows = torch.nn.functional.normalize(torch.randn(1, 16), dim=1)
    told = np.stack([caption_codes(LEFT, Mention((frozenset(),), background=False))])
    head = nn.Linear(16, NUM_TARGETS)
    some = attribute_loss(head, rows, told)
    assert some < attribute_loss(head, rows, _codes(LEFT))


def test_contrastive_loss__ignored_pairs_do_not_count():
    rows = torch.eye(3)
    own = torch.arange(3)
    clash = torch.eye(3)[[0, 0, 2]]
    nothing = torch.zeros(3, 3, dtype=torch.bool)
    ignored = nothing.clone()
    ignored[0, 1] = ignored[1, 0] = True
    scale = torch.tensor(10.0)
    assert contrastive_loss(rows, rows, own, nothing, scale) < 0.01
    assert contrastive_loss(clash, rows, own, ignored, scale) < contrastive_loss(
        clash, rows, own, nothing, scale
    )

import numpy as np
import pytest

from models.families.spriteclip.grammar import Scene, SpriteObject, random_scene
from models.families.spriteclip.phrases import Mention, describe, draw_mention, inflect
from models.families.spriteclip.tokenizer import Tokenizer


def test_describe__all_its_words_are_known():
    rng = np.random.default_rng(0)
    tokenizer = Tokenizer()
    for _ in range(500):
        scene = random_scene(rng)
        caption = describe(scene, rng, draw_mention(scene, rng))
        assert tokenizer.unknown_words(caption) == []
        assert len(tokenizer.encode(caption)) <= tokenizer.max_tokens


def test_describe__free_wording_keeps_colour_and_shape():
    rng = np.random.default_rng(0)
    scene = Scene((SpriteObject("cyan", "ring", "small", "up"),), "noise")
    for _ in range(100):
        tokens = Tokenizer().tokens_of(describe(scene, rng))
        assert {"cyan", "ring", "small"} <= set(tokens)
        assert {"noise", "static"} & set(tokens)
        assert {"up", "rise", "top"} & set(tokens)


def test_describe__leaves_out_what_is_not_mentioned():
    scene = Scene((SpriteObject("cyan", "ring", "small", "up"),), "noise")
    mention = Mention((frozenset({"colour", "shape"}),), background=False)
    assert describe(scene, None, mention) == "a cyan ring"


@pytest.mark.parametrize(
    ("verb", "form", "expected"),
    [
        ("slide", "s", "slides"),
        ("go", "s", "goes"),
        ("drop", "ing", "dropping"),
        ("not move", "s", "does not move"),
        ("not move", "ing", "not moving"),
        ("turn on and off", "ing", "turning on and off"),
    ],
)
def test_inflect__english_endings(verb, form, expected):
    assert inflect(verb, form) == expected

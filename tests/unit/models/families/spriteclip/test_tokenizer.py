import pytest

from models.families.spriteclip.grammar import BACKGROUNDS, COLOURS, SHAPES, SIZES
from models.families.spriteclip.lexicon import TOKENS, WORD_TO_TOKEN, base_forms
from models.families.spriteclip.tokenizer import Tokenizer, pad


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a crimson ball slides to the right", "red circle move to right"),
        ("big blue star that spins", "large blue star spin"),
        (
            "RIGHTWARD-moving red disc on a plain black backdrop",
            "right moving red circle on black background",
        ),
        ("it rotates, flashes; ascends & falls", "spin blink rise fall"),
        ("two crosses, gray/grey stripes", "two cross grey grey stripe"),
        ("the star's spinning", "star spin"),
    ],
)
def test_tokens_of__forms_case_and_punctuation(text, tokens):
    assert Tokenizer().tokens_of(text) == tokens.split()


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a red giraffe on white", ["giraffe"]),
        ("Giraffe, giraffe!", ["giraffe"]),
        ("the quick brown fox", ["brown", "fox"]),
        ("a video of the small rings that are shrinking", []),
        ("", []),
    ],
)
def test_unknown_words__in_order_each_once(text, unknown):
    assert Tokenizer().unknown_words(text) == unknown


def test_lexicon__knows_the_whole_vocabulary():
    words = [*COLOURS, *SHAPES, *SIZES, "stripes", *BACKGROUNDS]
    assert Tokenizer().unknown_words(" ".join(words)) == []
    assert len(set(TOKENS)) == len(TOKENS)
    assert set(WORD_TO_TOKEN.values()) <= set(TOKENS)


def test_base_forms__endings():
    assert "big" in base_forms("bigger")
    assert "drop" in base_forms("dropped")
    assert base_forms("fell")[1] == "fall"


def test_encode__cuts_long_texts():
    assert len(Tokenizer(max_tokens=5).encode("red star " * 20)) == 5


def test_save__loads_equal(tmp_path):
    Tokenizer(max_tokens=7).save(tmp_path / "vocab.json")
    loaded = Tokenizer.load(tmp_path / "vocab.json")
    assert (loaded.tokens, loaded.max_tokens) == (TOKENS, 7)


def test_pad__multiple():
    assert pad([[1, 2, 3], [1]], 4).tolist() == [[1, 2, 3, 0], [1, 0, 0, 0]]

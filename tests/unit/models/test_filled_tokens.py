import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.families.siglip.model import SiglipEmbedder, clean_text
from models.filled_tokens import FilledTokens, load_tokens

WORDS = ["<unk>", "</s>", "▁a", "▁red", "▁ball", "▁its", "▁round"]


def word_tokenizer():
    tokenizer = Tokenizer(models.Unigram([(word, -1.0) for word in WORDS], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


@pytest.fixture
def tokens():
    return FilledTokens(word_tokenizer(), max_length=6, end=1, filling=1, clean=clean_text)


@pytest.fixture
def folder(tmp_path):
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def load(folder, **given):
    return load_tokens(folder, SiglipEmbedder.words, **{"max_length": 6, "vocab_size": len(WORDS), **given})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A Red  Ball!", "a red ball"),
        ("it's round, is it?", "its round is it"),
        ("hello-world", "helloworld"),
        ("\ta\nred ball ", "a red ball"),
        ("...", ""),
        ("Ünïcode — kept", "ünïcode — kept"),
    ],
)
def test_clean_text__as_in_training(text, read):
    assert clean_text(text) == read
    assert clean_text(read) == read


def test_call__ends_every_text_and_fills_the_length(tokens):
    ids, mask = tokens(["A red ball!", "a"])
    assert ids.tolist() == [[2, 3, 4, 1, 1, 1], [2, 1, 1, 1, 1, 1]]
    assert mask.tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]]
    assert ids.dtype == mask.dtype == torch.int64


def test_call__a_cut_text_keeps_its_end(tokens):
    ids, mask = tokens(["a red ball a red ball a"])
    assert ids.tolist() == [[2, 3, 4, 2, 3, 1]]
    assert mask.all()


def test_call__marks_that_are_typed_are_words(tokens):
    assert tokens(["a </s> red"])[0][0].tolist()[:3] != [2, 1, 3]


def test_cut_off__names_what_is_not_read(tokens):
    assert tokens.cut_off("A red ball, a RED ball, a") == "ball a"
    assert tokens.cut_off("a red ball a red") == ""


def test_load_tokens__reads_the_file(folder):
    assert load(folder)(["a red ball"])[0].tolist() == [[2, 3, 4, 1, 1, 1]]


@pytest.mark.parametrize("spelt", ["▁ball", {"content": "▁ball"}])
def test_load_tokens__fills_with_what_the_package_names(folder, spelt):
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": spelt}))
    assert load(folder)(["a"])[0].tolist() == [[2, 1, 4, 4, 4, 4]]


def test_load_tokens__sets_the_files_own_filling_and_cutting_aside(folder):
    tokenizer = word_tokenizer()
    tokenizer.enable_padding(length=3)
    tokenizer.enable_truncation(2)
    tokenizer.save(str(folder / "tokenizer.json"))
    assert load(folder)(["a red ball"])[0].tolist() == [[2, 3, 4, 1, 1, 1]]


def test_load_tokens__says_that_spiece_model_is_not_enough(tmp_path):
    (tmp_path / "spiece.model").write_bytes(b"x")
    with pytest.raises(PackageNotFoundError, match=r"tokenizer\.json"):
        load(tmp_path)


def test_load_tokens__refuses_a_damaged_file(folder):
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text[: len(text) // 2])
    with pytest.raises(CorruptedModelPackageError, match="cannot be read"):
        load(folder)


def test_load_tokens__refuses_words_that_the_network_does_not_know(folder):
    with pytest.raises(CorruptedModelPackageError, match="up to number 6; the network knows 6"):
        load(folder, vocab_size=6)


def test_load_tokens__refuses_a_vocabulary_without_the_end(tmp_path):
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(CorruptedModelPackageError, match="not one of SigLIP") as caught:
        load(tmp_path)
    assert "siglip2" in str(caught.value.next_step)

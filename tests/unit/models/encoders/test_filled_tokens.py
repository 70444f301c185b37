import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from models.encoders.filled_tokens import load_tokens
from models.errors import CorruptedModelPackageError, ModelInputError, PackageNotFoundError
from models.families.siglip.model import SiglipEmbedder, clean_text
from models.families.siglip2.model import Siglip2Embedder

WORDS = ["<unk>", "</s>", "▁a", "▁red", "▁ball", "▁its", "▁round"]


def word_tokenizer():
    tokenizer = Tokenizer(models.Unigram([(word, -1.0) for word in WORDS], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


@pytest.fixture
def folder(tmp_path):
    word_tokenizer().save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.fixture
def tokens(folder):
    return load(folder)


def load(folder, words=SiglipEmbedder.words, **given):
    return load_tokens(folder, words, **{"max_length": 6, "vocab_size": len(WORDS), **given})


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


def test_load_tokens__says_which_files_it_looks_for(tmp_path):
    with pytest.raises(PackageNotFoundError, match=r"tokenizer\.json, or spiece\.model"):
        load(tmp_path)


def test_load_tokens__refuses_a_damaged_file(folder):
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text[: len(text) // 2])
    with pytest.raises(CorruptedModelPackageError, match="cannot be read"):
        load(folder)


def test_load_tokens__refuses_words_that_the_network_does_not_know(folder):
    with pytest.raises(CorruptedModelPackageError, match="up to number 6; the network knows 6"):
        load(folder, vocab_size=6)


def test_load_tokens__ends_texts_when_the_settings_say_so(folder):
    ends = {"tokenizer_class": "PreTrainedTokenizerFast", "add_eos_token": True, "eos_token": "▁round"}
    (folder / "tokenizer_config.json").write_text(json.dumps(ends))
    assert load(folder)(["a red"])[0].tolist() == [[2, 3, 6, 1, 1, 1]]


def test_load_tokens__follows_a_general_tokenizer_that_does_not_end_texts(folder):
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "▁its"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    ids, mask = load(folder)(["a red", "a red ball a red ball a"])
    assert ids.tolist() == [[2, 3, 5, 5, 5, 5], [2, 3, 4, 2, 3, 4]]
    assert mask.sum(dim=1).tolist() == [2, 6]


def test_load_tokens__follows_the_marks_that_the_file_adds(folder):
    tokenizer = word_tokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="▁its $A ▁round", special_tokens=[("▁its", 5), ("▁round", 6)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    assert load(folder)(["a red", "a red ball a red"])[0].tolist() == [[5, 2, 3, 6, 1, 1], [5, 2, 3, 4, 2, 6]]


@pytest.mark.parametrize(
    ("model_class", "words"), [(SiglipEmbedder, ["<bos>", "<eos>", "</s>"]), (Siglip2Embedder, ["</s>", "a"])]
)
def test_load_tokens__refuses_the_vocabulary_of_the_other_generation(tmp_path, model_class, words):
    tokenizer = Tokenizer(models.Unigram([(word, -1.0) for word in ["<unk>", *words]], unk_id=0))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(CorruptedModelPackageError, match="is not one of SigLIP") as caught:
        load(tmp_path, model_class.words)
    assert "siglip2" in str(caught.value.next_step)


def test_load_tokens__refuses_a_vocabulary_without_a_filling(tmp_path):
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], unk_id=0))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(CorruptedModelPackageError, match="no token to fill"):
        load(tmp_path)


def test_call__refuses_a_mark_that_the_network_does_not_know(folder):
    tokenizer = word_tokenizer()
    tokenizer.add_special_tokens(["xyz"])
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = load(folder)
    assert tokens(["a red ball"])[0].tolist() == [[2, 3, 4, 1, 1, 1]]
    with pytest.raises(ModelInputError, match="does not know"):
        tokens(["a", "a xyz ball"])

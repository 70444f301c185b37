"""Files of a package that are missing, damaged or of another model: each its own clear error."""

import json
import os
import shutil
import socket
import struct
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, CLIPTokenizer

from models.encoders.transformers_loading import load_network, load_tokenizer, read_object, read_preprocessing
from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.families.clip.model import CLIPEmbedder
from models.families.clip.tiny import make_tiny_package


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("clip") / "tiny").directory


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def load(folder):
    return load_network(CLIPModel, folder, model_types=("clip",))


def change_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_load_network__takes_every_weight_from_the_file(folder):
    network = load(folder)
    stored = load_file(folder / "model.safetensors")
    loaded = network.state_dict()
    assert stored.keys() <= loaded.keys()
    assert all(torch.equal(loaded[name], weight) for name, weight in stored.items())
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_load_network__is_always_read_in_float32(folder):
    change_weights(folder, lambda weights: weights.update({n: w.half() for n, w in weights.items()}))
    assert {weight.dtype for weight in load(folder).parameters()} == {torch.float32}


def test_load_network__ignores_position_numbers_that_old_files_store(folder):
    numbers = torch.arange(77)[None]
    change_weights(folder, lambda weights: weights.update({"text_model.embeddings.position_ids": numbers}))
    load(folder)


def test_load_network__from_a_bin_file(folder):
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    loaded = load(folder).state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in weights.items())


def test_load_network__from_several_files(folder):
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    places = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(part, file)
    (folder / "model.safetensors").unlink()
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    loaded = load(folder).state_dict()
    assert all(torch.equal(loaded[name], weight) for name, weight in weights.items())
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CorruptedModelPackageError, match="model-00002-of-00002"):
        load(folder)


@pytest.mark.parametrize("places", [{"logit_scale": "../tiny/x.safetensors"}, {"logit_scale": 3}, [], None])
def test_load_network__refuses_an_index_that_leaves_the_folder(folder, places):
    (folder.parent / "tiny").mkdir()
    (folder / "model.safetensors").rename(folder.parent / "tiny" / "x.safetensors")
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CorruptedModelPackageError, match="not in the folder"):
        load(folder)


def drop(name):
    return lambda folder: change_weights(folder, lambda weights: weights.pop(name))


def grow(name):
    return lambda folder: change_weights(
        folder, lambda weights: weights.update({name: torch.cat([weights[name], weights[name]])})
    )


def quantise(name):
    return lambda folder: change_weights(
        folder, lambda weights: weights.update({name: (weights[name] * 100).to(torch.int8)})
    )


def add(name):
    return lambda folder: change_weights(folder, lambda weights: weights.update({name: torch.zeros(3)}))


def cut(name, keep):
    def change(folder):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * keep)])

    return change


class Payload:
    """What a pickle runs when it is opened without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def poison(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"logit_scale": Payload(str(folder / "ran"))}, folder / "pytorch_model.bin")


FAULTS = {
    "a weight is missing": (drop("visual_projection.weight"), "missing: visual_projection.weight"),
    "the scale is missing": (drop("logit_scale"), "missing: logit_scale"),
    "a weight has another shape": (grow("text_projection.weight"), r"text_projection.weight \[48, 32\]"),
    "a weight is quantised": (quantise("text_projection.weight"), "no floats: text_projection.weight"),
    "a weight is left over": (add("classifier.weight"), "left over: classifier.weight"),
    "the weights are cut short": (cut("model.safetensors", 0.5), "cannot be read"),
    "the weights are empty": (cut("model.safetensors", 0), "cannot be read"),
    "the weights are a web page": (
        lambda folder: (folder / "model.safetensors").write_text("<html>" + "not found " * 100),
        "cannot be read",
    ),
    "the header of the weights is huge": (
        lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}"),
        "cannot be read",
    ),
    "the weights would run code": (poison, "something else than tensors"),
    "the configuration has a million layers": (
        lambda folder: (folder / "config.json").write_text(
            '{"model_type": "clip", "vision_config": {"num_hidden_layers": 1000000}}'
        ),
        "1,000,000 layers",
    ),
    "the configuration is cut short": (cut("config.json", 0.5), "JSON"),
    "the configuration is no object": (
        lambda folder: (folder / "config.json").write_text("[]"),
        "no JSON object",
    ),
    "the configuration is of another model": (
        lambda folder: change_json(folder / "config.json", model_type="siglip"),
        "'siglip'.*'clip' is expected",
    ),
    "the configuration does not say which": (
        lambda folder: change_json(folder / "config.json", model_type=None),
        "None",
    ),
    "the configuration is another size": (
        lambda folder: change_json(folder / "config.json", projection_dim=99),
        "another shape",
    ),
    "the configuration makes no sense": (
        lambda folder: change_json(folder / "config.json", vision_config={"hidden_size": "many"}),
        "cannot be read",
    ),
    "the configuration asks for a quantisation": (
        lambda folder: change_json(folder / "config.json", quantization_config={"quant_method": "gptq"}),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_load_network__refuses(folder, name):
    change, said = FAULTS[name]
    change(folder)
    with pytest.raises(CorruptedModelPackageError, match=said):
        load(folder)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_load_network__names_the_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(PackageNotFoundError, match=name):
        load(folder)


def test_load_network__names_the_missing_folder(tmp_path):
    with pytest.raises(PackageNotFoundError, match="no folder"):
        load(tmp_path / "nowhere")


def test_load_network__prints_nothing_and_leaves_the_log_as_it_was(folder, capfd):
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    drop("logit_scale")(folder)
    with pytest.raises(CorruptedModelPackageError):
        load(folder)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bars)


def test_loading__opens_no_socket(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert CLIPEmbedder.from_pretrained(folder).embed_text("a red ball").shape == (1, 24)
    names = [thread.name for thread in threading.enumerate()]
    assert not any("conversion" in name for name in names)


def tokenizer(folder, vocab_size=640):
    return load_tokenizer(CLIPTokenizer, folder, max_length=77, vocab_size=vocab_size)


def test_load_tokenizer__from_either_form_of_its_files(folder):
    expected = tokenizer(folder)(["a red ball"])
    for names in (["vocab.json", "merges.txt"], ["tokenizer.json"]):
        kept = folder.parent / names[0]
        kept.mkdir()
        for name in [*names, "tokenizer_config.json"]:
            shutil.copy(folder / name, kept)
        found = tokenizer(kept)(["a red ball"])
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])


def test_load_tokenizer__refuses_half_of_its_files(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "merges.txt").unlink()
    with pytest.raises(PackageNotFoundError, match=r"merges\.txt"):
        tokenizer(folder)


def test_load_tokenizer__refuses_a_damaged_file(folder):
    cut("tokenizer.json", 0.5)(folder)
    with pytest.raises(CorruptedModelPackageError, match="tokenizer"):
        tokenizer(folder)


def test_load_tokenizer__refuses_tokens_that_the_network_does_not_know(folder):
    with pytest.raises(CorruptedModelPackageError, match="the network knows 600"):
        tokenizer(folder, vocab_size=600)


def test_tokens__every_text_has_the_length_of_the_model(folder):
    tokens = tokenizer(folder)
    ids, mask = tokens(["a", "a red ball " * 60])
    assert ids.shape == mask.shape == (2, 77)
    assert ids.dtype == mask.dtype == torch.int64
    assert mask.sum(dim=1).tolist() == [3, 77]
    assert ids[1, -1] == ids[0, 2]  # a text that is cut still ends with the end mark


@pytest.mark.parametrize(
    "setting",
    [
        {"padding_side": "left"},
        {"model_max_length": 5},
        {"auto_map": {"AutoTokenizer": ["evil.X", "evil.X"]}},
    ],
    ids=str,
)
def test_tokens__settings_of_the_file_do_not_change_the_numbers(folder, setting):
    expected = tokenizer(folder)(["a red ball"])
    change_json(folder / "tokenizer_config.json", **setting)
    found = tokenizer(folder)(["a red ball"])
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize(
    "setting",
    [
        {"auto_map": {"AutoModel": "evil.X", "AutoConfig": "evil.X"}},
        {"attn_implementation": "kernels-community/evil"},
        {"_attn_implementation": "flash_attention_2"},
        {"torch_dtype": "bfloat16"},
    ],
    ids=str,
)
def test_load_network__settings_of_the_file_choose_no_code_and_no_format(folder, setting):
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\nclass X: pass\n")
    change_json(folder / "config.json", **setting)
    network = load(folder)
    assert not (folder / "ran").exists()
    assert network.config._attn_implementation == "sdpa"
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


def test_tokens__cut_off_is_the_rest_of_the_text(folder):
    tokens = tokenizer(folder)
    words = " ".join(["ball"] * 80)
    rest = tokens.cut_off(words)
    assert set(rest.split()) == {"ball"}
    assert len(rest.split()) == 80 - 75  # two of the 77 tokens are marks
    assert tokens.cut_off("a ball") == ""


def test_tokens__may_be_shared_by_threads(folder):
    tokens = tokenizer(folder)
    texts = [f"a red ball number {i} " * (1 + 10 * (i % 2)) for i in range(40)]
    expected = [tokens([text])[0] for text in texts]
    found = [None] * len(texts)

    def work(start):
        for i in range(start, len(texts), 4):
            found[i] = tokens([texts[i]])[0]
            tokens.cut_off(texts[i])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_read_preprocessing__prefers_the_newer_file(folder):
    newer = {"image_processor": {"image_processor_type": "SiglipImageProcessor"}, "processor_class": "X"}
    assert read_preprocessing(folder, "CLIPImageProcessor").size == 32
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "X"}))
    assert read_preprocessing(folder, "CLIPImageProcessor").size == 32
    (folder / "processor_config.json").write_text(json.dumps(newer))
    assert read_preprocessing(folder, "CLIPImageProcessor").size == (224, 224)


def test_read_json__refuses_bytes_that_are_no_text(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorruptedModelPackageError, match=r"x\.json"):
        read_object(tmp_path, "x.json")

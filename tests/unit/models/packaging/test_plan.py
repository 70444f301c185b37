"""Which files of a repository become a package."""

from pathlib import Path

import pytest

from models.packaging.hub_errors import HubAnswerError, ModelRetrievalError
from models.packaging.plan import DownloadPlan, RemoteFile, choose_files, is_weights, smallest_first

LAION = [
    ".gitattributes",
    "README.md",
    "config.json",
    "merges.txt",
    "model.safetensors",
    "open_clip_config.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "preprocessor_config.json",
    "pytorch_model.bin",
    "tokenizer.json",
    "vocab.json",
]


def files(*paths, size=5):
    return [RemoteFile(path, size, git_oid="a" * 40) for path in paths]


def names(chosen):
    return sorted(file.path for file in chosen)


def test_choose__configuration_tokenizer_and_one_weight_format():
    assert names(choose_files("o/n", files(*LAION))) == [
        "config.json",
        "merges.txt",
        "model.safetensors",
        "open_clip_config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "vocab.json",
    ]


@pytest.mark.parametrize(
    ("there", "weights"),
    [
        (["model.safetensors", "pytorch_model.bin", "model.fp16.safetensors"], ["model.safetensors"]),
        (["pytorch_model.bin", "flax_model.msgpack", "tf_model.h5"], ["pytorch_model.bin"]),
        (["pytorch_model.bin", "onnx/model.onnx", "openvino/openvino_model.bin"], ["pytorch_model.bin"]),
        (
            ["pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin", "optimizer.bin"],
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
        ),
        (["pytorch_model.bin.index.json", "model.safetensors"], ["model.safetensors"]),
    ],
)
def test_choose__weights(there, weights):
    assert names(choose_files("o/n", files("config.json", *there))) == ["config.json", *weights]


def test_choose__patterns_name_the_files_and_stay_at_the_top():
    there = files("vocab.txt", "sub/vocab.txt", "model.pt", "model.safetensors", "model.bin", "x.py")
    assert names(choose_files("o/n", there, ["vocab.txt"])) == ["vocab.txt"]
    assert names(choose_files("o/n", there, ["sub/*"])) == ["sub/vocab.txt"]
    assert names(choose_files("o/n", there, ["*"])) == ["model.safetensors", "vocab.txt"]
    assert names(choose_files("o/n", there, ["model.pt", "vocab.txt"])) == ["model.pt", "vocab.txt"]


def test_choose__what_is_asked_for_is_not_there():
    with pytest.raises(ModelRetrievalError, match=r"no weights named model\.pt"):
        choose_files("o/n", files("config.json"), ["config.json", "model.pt"])
    with pytest.raises(ModelRetrievalError, match=r"none of the files vocab\.txt"):
        choose_files("o/n", files("config.json"), ["vocab.txt"])
    with pytest.raises(ModelRetrievalError, match=r"it has open_clip_model\.safetensors"):
        choose_files("o/n", files("config.json", "open_clip_model.safetensors"))


def test_choose__two_numbers_of_shards():
    shards = ["model-00001-of-00002.safetensors", "model-00001-of-00001.safetensors"]
    with pytest.raises(HubAnswerError, match="not all of them"):
        choose_files("o/n", files("model.safetensors.index.json", *shards))


def test_choose__a_hostile_name_ends_it_even_when_nobody_wants_the_file():
    with pytest.raises(HubAnswerError, match="leaves the folder"):
        choose_files("o/n", files("config.json", "model.safetensors", "../../evil.sh"))


def test_smallest_first__order_and_limits():
    small, large = RemoteFile("b.json", 1, git_oid="a" * 40), RemoteFile("a.bin", 9, sha256="b" * 64)
    assert smallest_first("o/n", [large, small]) == (small, large)
    with pytest.raises(HubAnswerError, match=r"no checksum for c\.bin"):
        smallest_first("o/n", [RemoteFile("c.bin", 1)])
    with pytest.raises(HubAnswerError, match="at most"):
        smallest_first("o/n", [RemoteFile("c.bin", 2**50, sha256="b" * 64)])


def test_is_weights__by_ending():
    assert is_weights("sub/Model.SafeTensors")
    assert not is_weights("model.safetensors.index.json")


def test_plan__is_shown_as_a_table():
    part = DownloadPlan("o/part", "b" * 40, tuple(files("vocab.txt")), Path("part"))
    plan = DownloadPlan("o/n", "a" * 40, tuple(files("<b>.json")), Path("n"), companions=(part,))
    assert plan.total_bytes == 10
    assert "o/part" in str(plan)
    assert "a" * 40 in plan._repr_html_()

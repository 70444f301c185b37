"""The published id from a small hub on this machine: both repositories, by every way that fetches them."""

import io

import pytest
import torch

from models.auto import AutoModel
from models.families.internvideo2.model import (
    BERT_MODEL_ID,
    BERT_MODEL_REVISION_FULL,
    INTERNVIDEO2_MODEL_FILE,
    INTERNVIDEO2_MODEL_ID,
    INTERNVIDEO2_MODEL_REVISION_FULL,
    InternVideo2MultiModality,
)
from models.packaging.hub_errors import ModelRetrievalError


@pytest.fixture
def published(hub, folder, state):
    """A tiny model in place of the published one, with what else such repositories hold."""
    checkpoint = io.BytesIO()
    torch.save({"module": {name: value.bfloat16() for name, value in state.items()}}, checkpoint)
    repositories = {
        (INTERNVIDEO2_MODEL_ID, INTERNVIDEO2_MODEL_REVISION_FULL): {
            INTERNVIDEO2_MODEL_FILE: checkpoint.getvalue(),
            "config.json": (folder / "config.json").read_bytes(),
            "README.md": b"# card",
        },
        (BERT_MODEL_ID, BERT_MODEL_REVISION_FULL): {
            "vocab.txt": (folder / "vocab.txt").read_bytes(),
            "config.json": b'{"model_type": "bert"}',
            "model.safetensors": b"weights that nobody needs",
            "pytorch_model.bin": b"weights that nobody needs",
        },
    }
    for (model_id, revision), files in repositories.items():
        hub.repos[model_id] = {revision: files}
        hub.branches[model_id] = {"main": revision}
    return hub


@pytest.fixture
def expected(folder, state, tmp_path):
    """The vector of a text from the same bfloat16 weights in a folder."""
    low = tmp_path / "low"
    low.mkdir()
    for name in ("config.json", "vocab.txt"):
        (low / name).write_bytes((folder / name).read_bytes())
    torch.save({name: value.bfloat16() for name, value in state.items()}, low / "any.pt")
    return InternVideo2MultiModality.from_pretrained(low, device="cpu").embed_text("a dog")


def test_auto_model__fetches_weights_and_words(published, expected):
    found = AutoModel.from_pretrained(INTERNVIDEO2_MODEL_ID, device="cpu")
    assert torch.equal(found.embed_text("a dog"), expected)
    assert (found.model_id, found.revision) == (INTERNVIDEO2_MODEL_ID, INTERNVIDEO2_MODEL_REVISION_FULL)
    assert not any("safetensors" in path or ".bin" in path for path in published.served)


def test_download_weights_on_node__then_the_reference_class(published, expected, tmp_path):
    root = tmp_path / "root"
    InternVideo2MultiModality.download_weights_on_node(str(root))
    asked = len(published.requests)
    InternVideo2MultiModality.download_weights_on_node(str(root))
    assert len(published.requests) == asked
    found = InternVideo2MultiModality(str(root), device="cpu")
    found.setup()
    assert torch.equal(found.get_text_embedding("a dog"), expected)


def test_auto_model__without_leave_says_how_to_get_it(published):
    published.gated = True
    with pytest.raises(ModelRetrievalError) as raised:
        AutoModel.from_pretrained(INTERNVIDEO2_MODEL_ID, device="cpu")
    assert "gated" in str(raised.value)
    assert "log in" in raised.value.next_step

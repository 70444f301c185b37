"""A model of each family comes from a hub by its id: the right files and commit, the same vectors."""

import hashlib

import pytest
import torch

from models.auto import AutoModel
from models.catalog import CATALOG
from tests.hub.fixtures import hub  # noqa: F401 - a fixture
from tests.tiny_packages import maker_of

# One card of each family that runs through transformers, pinned to a commit or not.
IDS = [
    "openai/clip-vit-base-patch32",
    "google/siglip-base-patch16-224",
    "google/siglip2-base-patch16-224",
    "microsoft/xclip-base-patch32",
    "microsoft/xclip-base-patch16-16-frames",
    "facebook/dinov2-small",
]
BESIDE = {  # what repositories have beside the model
    "README.md": b"---\nlicense: other\n---\n",
    "flax_model.msgpack": b"other weights",
    "open_clip_model.safetensors": b"weights of another library",
    "pytorch_model.bin": b"the same weights again",
    "onnx/model.onnx": b"an export",
}


@pytest.mark.parametrize("model_id", IDS)
def test_from_pretrained__by_id(hub, model_id, tmp_path):  # noqa: F811 - the fixture
    card = CATALOG[model_id]
    made = maker_of(card.architecture)(tmp_path / "made")
    files = {file.path: made.file(file.path).read_bytes() for file in made.manifest.files}
    commit = card.revision or hashlib.sha1(model_id.encode(), usedforsecurity=False).hexdigest()
    hub.repos[model_id] = {commit: {**BESIDE, **files}}
    hub.branches[model_id] = {"main": commit if not card.revision else "f" * 40}

    model = AutoModel.from_pretrained(model_id, device="cpu")

    assert model.revision == commit
    assert model.model_id == model_id
    assert {
        request.path.partition("/resolve/")[2].partition("/")[2] for request in hub.got("resolve")
    } == set(files)
    expected = AutoModel.from_pretrained(made.directory, device="cpu")
    pictures = torch.linspace(0, 1, 2 * 3 * 40 * 48).reshape(2, 3, 40, 48)
    assert torch.equal(model.embed_images(pictures), expected.embed_images(pictures))
    if card.text_length is not None:
        assert torch.equal(model.embed_text(["a red ball"]), expected.embed_text(["a red ball"]))

    asked = len(hub.requests)
    again = AutoModel.from_pretrained(model_id, device="cpu", local_files_only=True)
    assert again.known_answers_verified  # recorded by the first load
    assert len(hub.requests) == asked

"""From an id on the hub to a model that answers: AutoModel fetches what is missing."""

from dataclasses import replace

import pytest
import torch

from models import AutoModel, packages
from models.cards import ModelCard
from models.catalog import CATALOG
from models.errors import WorkbenchError
from models.families.clip.tiny import make_tiny_package
from models.packaging.hub_errors import RevisionMismatchError

MODEL_ID = "org/tiny-clip"
CARD = ModelCard(model_id=MODEL_ID, architecture="clip", task_type="embedding", backends=("hugging-face",))


@pytest.fixture
def made(hub, tmp_path, monkeypatch):
    """A tiny CLIP on the hub, and in a folder."""
    package = make_tiny_package(tmp_path / "made")
    files = {file.path: package.file(file.path).read_bytes() for file in package.manifest.files}
    monkeypatch.setitem(CATALOG, MODEL_ID, CARD)
    hub.commit(MODEL_ID, files)
    return package


def test_auto_model__fetches_and_answers_as_the_one_that_was_sent(hub, made):
    here = AutoModel.from_pretrained(made.directory, device="cpu").embed_text(["a red ball"])
    model = AutoModel.from_pretrained(MODEL_ID, device="cpu")
    assert torch.equal(model.embed_text(["a red ball"]), here)
    assert model.revision == hub.branches[MODEL_ID]["main"]
    hub.requests.clear()
    assert AutoModel.from_pretrained(MODEL_ID, device="cpu").revision == model.revision
    assert hub.requests == []


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_auto_model__offline_opens_no_socket(hub, made, monkeypatch, how):
    options = {"local_files_only": True} if how == "argument" else {}
    if how == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a socket was opened"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("a name was resolved"))
    with pytest.raises(WorkbenchError, match="workbench models download org/tiny-clip"):
        AutoModel.from_pretrained(MODEL_ID, device="cpu", **options)
    assert hub.requests == []


def test_auto_model__offline_with_the_package_here(hub, made, monkeypatch):
    packages.download_package(MODEL_ID)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a socket was opened"))
    model = AutoModel.from_pretrained(MODEL_ID, device="cpu", local_files_only=True)
    assert model.embed_text(["a"]).shape[0] == 1


def test_auto_model__holds_to_the_first_commit(hub, made):
    first = AutoModel.from_pretrained(MODEL_ID, device="cpu").revision
    files = hub.repos[MODEL_ID][first]
    hub.commit(MODEL_ID, {**files, "notes.txt": b"newer"})
    assert AutoModel.from_pretrained(MODEL_ID, device="cpu").revision == first
    with pytest.raises(RevisionMismatchError):
        AutoModel.from_pretrained(MODEL_ID, device="cpu", revision="main")


def test_auto_model__a_pinned_card_refuses_another_commit_that_is_here(hub, made, monkeypatch):
    first = hub.branches[MODEL_ID]["main"]
    other = hub.commit(MODEL_ID, {**hub.repos[MODEL_ID][first], "notes.txt": b"newer"})
    monkeypatch.setitem(CATALOG, MODEL_ID, replace(CARD, revision=first))
    assert AutoModel.from_pretrained(MODEL_ID, device="cpu", revision=other).revision == other
    with pytest.raises(WorkbenchError, match=f"of revision '{other}'.*of '{first}'"):
        AutoModel.from_pretrained(MODEL_ID, device="cpu")
    assert AutoModel.from_pretrained(MODEL_ID, device="cpu", revision=other[:9]).revision == other
    packages.remove_package(MODEL_ID)
    assert AutoModel.from_pretrained(MODEL_ID, device="cpu").revision == first


def test_auto_model__never_a_model_of_wrong_weights(hub, made):
    hub.rule(
        "^/model.safetensors/",
        lambda answer: replace(answer, body=answer.body[:-4] + bytes(4) if answer.body else b""),
    )
    with pytest.raises(WorkbenchError, match="other content"):
        AutoModel.from_pretrained(MODEL_ID, device="cpu")


def test_auto_model__another_architecture_than_the_card_says(hub, made):
    commit = hub.branches[MODEL_ID]["main"]
    files = dict(hub.repos[MODEL_ID][commit])
    files["config.json"] = files["config.json"].replace(b'"model_type": "clip"', b'"model_type": "bert"')
    hub.commit(MODEL_ID, files)
    with pytest.raises(WorkbenchError):
        AutoModel.from_pretrained(MODEL_ID, device="cpu")

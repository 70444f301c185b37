from types import SimpleNamespace

import pytest

from models.cards import ModelCard
from models.errors import InvalidParameterError, UnknownBackendTypeError
from models.loader import demands as module
from models.loader.demands import read_demands, settle_revision
from models.loader.filters import Demands

HUB = ModelCard(model_id="org/far", architecture="tiny", task_type="embedding", source="hub")
LOCAL = ModelCard(model_id="org/near", architecture="tiny", task_type="embedding", source="local")


def read(**changed):
    given = {"backend": "auto", "device": "auto", "dtype": "auto", "revision": None}
    options = {"offline": None, "allow_local_code": False}
    options |= {name: changed.pop(name) for name in list(changed) if name in options}
    return read_demands(*(given | changed).values(), **options)


def test_read_demands__any_spelling():
    assert read(backend="AUTO").backend is None
    assert read(backend="Hugging_Face").backend == "hugging-face"
    assert read(device=" CUDA:1 ").device == "cuda:1"


@pytest.mark.parametrize(
    "wrong", [{"revision": ""}, {"revision": 3}, {"offline": "yes"}, {"dtype": "int8"}, {"backend": "caffe"}]
)
def test_read_demands__refuses(wrong):
    with pytest.raises((InvalidParameterError, UnknownBackendTypeError)):
        read(**wrong)


def test_read_demands__the_environment_is_read_now(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert read(offline=False).local_files_only
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert not read().local_files_only
    assert read(offline=True).local_files_only


def test_settle_revision__a_branch_is_asked_for(monkeypatch):
    asked = []

    def plan(card, *, model_dir, revision):
        asked.append((card.model_id, model_dir, revision))
        return SimpleNamespace(revision="c" * 40)

    monkeypatch.setattr(module, "plan_download", plan)
    assert settle_revision(Demands(revision="main"), HUB, "root").revision == "c" * 40
    assert asked == [("org/far", "root", "main")]


@pytest.mark.parametrize(
    ("demands", "card"),
    [
        (Demands(), HUB),
        (Demands(revision="4362e1f"), HUB),
        (Demands(revision="main", local_files_only=True), HUB),
        (Demands(revision="main"), LOCAL),
    ],
)
def test_settle_revision__nobody_is_asked(monkeypatch, demands, card):
    monkeypatch.setattr(module, "plan_download", lambda *_, **__: pytest.fail("asked"))
    assert settle_revision(demands, card) is demands

from pathlib import Path

import pytest

from models.catalog import ModelCard
from models.errors import InvalidParameterError, InvalidTypeError
from models.packaging.locations import models_root, package_path


def test_models_root__argument_then_environment_then_cache(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("EMBEDDING_WORKBENCH_MODELS", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert models_root() == Path("/home/me/.cache/embedding-workbench/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert models_root() == Path("/cache/embedding-workbench/models")
    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", "~/models")
    assert models_root() == Path("/home/me/models")
    assert models_root("~/other") == Path("/home/me/other")


def test_package_path__is_absolute_and_follows_the_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card = ModelCard(model_id="me/m", architecture="m", task_type="embedding")
    assert package_path(card, "here") == tmp_path / "here" / "me" / "m"


@pytest.mark.parametrize("model_id", ["../m", "/m", "a/../../m"])
def test_package_path__an_id_cannot_climb(model_id):
    card = ModelCard(model_id=model_id, architecture="m", task_type="embedding")
    with pytest.raises(InvalidParameterError, match="name of a folder"):
        package_path(card, "x")


def test_models_root__refuses_what_is_no_folder():
    with pytest.raises(InvalidTypeError, match="model_dir is a folder; 5 came"):
        models_root(5)

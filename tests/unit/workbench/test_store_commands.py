"""`workbench embed --store`, `workbench store` and `workbench search`, as a person types them."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.cli import main


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command; gives exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return call


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The bundled samples, embedded by a process of its own."""
    folder = tmp_path_factory.mktemp("stores") / "store"
    code = "from workbench.cli import main; main()"
    command = [sys.executable, "-c", code, "embed", "--samples", "--store", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return folder


def test_embed__a_second_run_computes_nothing(run, store):
    code, out, _ = run("embed", "--samples", "--store", store, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["stats"]["reused"] == document["clips"] == 24
    assert document["out"] is None


def test_embed__somewhere_to_put_the_vectors_is_needed(run):
    code, _, err = run("embed", "--samples")
    assert code == 1
    assert "--store FOLDER" in err


def test_store_info_ls(run, store):
    code, out, _ = run("store", "info", store)
    assert code == 0
    assert "workbench/spriteclip-tiny" in out
    assert "24 x 256" in out
    _, out, _ = run("store", "ls", store, "--json")
    assert len(json.loads(out)) == 24


def test_search__by_words_and_by_clip(run, store):
    code, out, _ = run("search", "a red circle moving left", "--store", store, "--json", "-k", 3)
    assert code == 0
    hits = json.loads(out)["hits"]
    assert len(hits) == 3
    assert hits[0]["score"] >= hits[1]["score"] >= hits[2]["score"]
    _, out, _ = run("search", "--like", hits[0]["key"], "--store", store, "-k", 2)
    assert hits[0]["key"] not in out.split()[3:]


def test_search__for_nothing_says_what_to_type(run, store):
    code, _, err = run("search", "--store", store)
    assert code == 1
    assert "Nothing was asked for" in err
    assert "--image" in err


def test_search__a_filter_that_cannot_be_used(run, store):
    code, _, err = run("search", "x", "--store", store, "--where", "colour == 1")
    assert code == 1
    assert "the columns are id" in err


def test_export_import_gc(run, store, tmp_path):
    code, _, _ = run("store", "export", store, tmp_path / "vectors.parquet")
    assert code == 0
    code, out, _ = run("store", "import", tmp_path / "other", tmp_path / "vectors.parquet", "--json")
    assert json.loads(out)["rows"] == 24
    code, out, _ = run("store", "gc", tmp_path / "other", "--keep", 0, "--json")
    assert code == 0
    assert json.loads(out)["freed_bytes"] >= 0


@pytest.mark.parametrize("command", [("store", "info"), ("store", "gc"), ("search", "x", "--store")])
def test_commands__a_store_that_is_not_there(run, tmp_path, command):
    code, _, err = run(*command, tmp_path / "none")
    assert code == 1
    assert "There is no store" in err

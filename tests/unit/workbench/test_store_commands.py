"""`workbench embed --store`, `workbench store` and `workbench search`, as a person types them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from models.vectors import EmbeddingSpace

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench import Embeddings, sample_clips
from workbench.cli import main
from workbench.store import EmbeddingStore


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


def test_ls__lists_the_clips_of_every_space(run, tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    for model in ("me/one", "me/two"):
        store.put(
            EmbeddingSpace(model, "1"), ["a"], np.eye(1, 4, dtype=np.float32), provenance={"dtype": model}
        )
    code, out, _ = run("store", "ls", tmp_path / "store", "--json")
    assert code == 0
    assert [record["model"] for record in json.loads(out)] == ["me/one", "me/two"]
    _, out, _ = run("store", "info", tmp_path / "store", "--json")
    assert [space["made"] for space in json.loads(out)["spaces"]] == [
        [{"dtype": "me/one"}],
        [{"dtype": "me/two"}],
    ]


def test_index__of_a_small_store_says_that_none_is_needed(run, store):
    code, _, err = run("store", "index", store)
    assert code == 1
    assert "at least 1,000 vectors" in err


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


def numbers_of(path):
    from workbench import Embeddings

    return Embeddings.load(path)


def test_embed__no_resume_computes_again_into_the_store(run, store):
    code, out, _ = run("embed", "--samples", "--store", store, "--no-resume", "--json")
    stats = json.loads(out)["stats"]
    assert code == 0
    assert (stats["clips"], stats["reused"]) == (24, 0)
    assert abs(sum(stats["split"].values()) - 1) < 1e-9
    assert "24 x 256" in run("store", "info", store)[1]


def test_embed__resume_without_a_store_goes_on_and_leaves_the_file_alone(run, tmp_path):
    from workbench import embed, sample_clips

    out = tmp_path / "v.npz"
    hidden = tmp_path / ".v.npz.unfinished"
    embed("workbench/spriteclip-tiny", sample_clips()[:10], store=hidden)  # what a killed run left
    code, printed, _ = run("embed", "--samples", "--out", out, "--resume", "--json")
    assert code == 0
    assert json.loads(printed)["stats"]["reused"] == 10
    assert json.loads(printed)["store"] is None
    assert [one.name for one in tmp_path.iterdir()] == ["v.npz"]
    assert len(numbers_of(out)) == 24


def test_embed__says_the_split(run, tmp_path):
    _, out, _ = run("embed", "--samples", "--out", tmp_path / "v.npz")
    assert "24 vectors of 256 numbers in" in out
    assert "clips/s · decode" in out
    assert " %" in out


def test_embed__manifest_and_shard(run, tmp_path):
    import tarfile

    from workbench import sample_clips

    first, second = sample_clips()[:2]
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        tar.add(first.path, "one.mp4")
    (tmp_path / "list.csv").write_text(f"path,start_s,stop_s,key\n{second.path},0,1,two\nnone.mp4,,,\n")
    code, _, err = run(
        "embed", tmp_path / "0.tar", tmp_path / "list.csv", "--out", tmp_path / "v.parquet", "--strict"
    )
    assert code == 3
    assert "list.csv, line 3: There is no file none.mp4." in err
    saved = numbers_of(tmp_path / "v.parquet")
    assert saved.keys == ["one", "two"]
    assert saved.paths[0].endswith("0.tar/one.mp4")


def test_embed__windows_have_keys_with_their_spans(run, tmp_path):
    film = next(clip for clip in sample_clips() if clip.duration_s == 2.0)
    code, _, _ = run("embed", film.path, "--out", tmp_path / "v.npz", "--windows", "1:0.5")
    assert code == 0
    spans = ["0.0-1.0", "0.5-1.5", "1.0-2.0"]
    assert Embeddings.load(tmp_path / "v.npz").keys == [f"{film.path.name}@{span}" for span in spans]


@pytest.mark.parametrize("text", ["x", "0", "5:-1", "nan", ":3", "5:x"])
def test_embed__windows_that_are_none(run, tmp_path, text):
    code, _, err = run("embed", "--samples", "--out", tmp_path / "v.npz", "--windows", text)
    assert code == 1
    assert "positive numbers of seconds" in err


def test_embed__ray_that_is_not_there_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.spread.find_spec", lambda _name: None)
    code, _, err = run("embed", "--samples", "--out", tmp_path / "v.npz", "--executor", "ray")
    assert code == 1
    assert "embedding-workbench[ray]" in err


def test_embed__on_an_executor_gives_the_same_rows(run, tmp_path, monkeypatch):
    import numpy as np

    from workbench.stages import InProcessExecutor

    monkeypatch.setattr("workbench.spread._ray", InProcessExecutor)
    words = ("embed", "--samples", "--json", "--out")
    code, out, err = run(*words, tmp_path / "ray.npz", "--executor", "ray", "--workers", 1)
    assert code == 0, err
    assert json.loads(out)["stats"]["reused"] == 24
    run(*words, tmp_path / "threads.npz")
    there, plain = numbers_of(tmp_path / "ray.npz"), numbers_of(tmp_path / "threads.npz")
    assert there.keys == plain.keys
    assert there.space == plain.space
    assert np.allclose(there.vectors, plain.vectors, atol=1e-5)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ray.npz", "threads.npz"]


def test_embed_on_ray__leaves_out_what_is_there(store):
    from workbench import sample_clips
    from workbench.commands import Work
    from workbench.spread import embed_on_ray

    assert embed_on_ray(Work([], model="workbench/spriteclip-tiny"), sample_clips(), store) == 0


def test_store_prune__lists_first_and_drops_when_told(run, tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for clip in sample_clips()[:3]:
        (clips / clip.path.name).write_bytes(clip.path.read_bytes())
    run("embed", clips, "--store", tmp_path / "s")
    code, out, _ = run("store", "prune", tmp_path / "s")
    assert (code, out.strip()) == (0, "Every file is there, as it was.")
    gone = next(iter(clips.iterdir()))
    gone.unlink()
    code, out, _ = run("store", "prune", tmp_path / "s")
    assert (code, "1 vector would be dropped: --yes does it." in out, gone.name in out) == (0, True, True)
    code, out, _ = run("store", "prune", tmp_path / "s", "--yes", "--json")
    assert [one["why"] for one in json.loads(out)["rows"]] == ["gone"]
    assert len(json.loads(run("store", "ls", tmp_path / "s", "--json")[1])) == 2


def test_search__an_empty_store_says_what_fills_it(run, tmp_path):
    (tmp_path / "s").mkdir()
    code, _, err = run("search", "star", "--store", tmp_path / "s")
    assert code == 1
    assert "has no vectors yet" in err
    assert "workbench embed FOLDER --store STORE" in err

"""The store on disk: alignment, spaces, several writers, kills, refusals, provenance."""

import copy
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.base import EmbeddingSpace
from tests.fakes import MeanColorModel
from workbench.engine.embed import embed
from workbench.engine.store import VectorStore
from workbench.errors import EmbeddingSpaceError, InvalidParameterError, StoreError
from workbench.media.images import jpeg_bytes

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.store import EmbeddingStore

SPACE, OTHER = EmbeddingSpace("m", "1", "rgb"), EmbeddingSpace("m", "2", "rgb")
ROOT = Path(__file__).parents[4]
RUN = """
import sys
from tests.fakes import MeanColorModel
from workbench import embed
from workbench.store import EmbeddingStore
class Model(MeanColorModel):
    revision = "1"
print("ready", flush=True)
done = embed(Model(), sys.argv[1], store=EmbeddingStore(sys.argv[2]), batch_size=8, progress=False)
print(len(done), done.stats.reused)
"""


class Versioned(MeanColorModel):
    revision = "1"


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "store")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 120 small images, each of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for number in range(120):
        pixels = noise.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        (folder / f"{number}.jpg").write_bytes(jpeg_bytes(pixels, max_side=12))
    return folder


def start(pictures, path):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(pictures), str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(count, start=0, dim=4):
    return np.arange(start, start + count * dim, dtype=np.float32).reshape(count, dim)


def test_store__is_a_vector_store(store):
    assert isinstance(store, VectorStore)


def test_get__gives_what_was_put_and_nothing_else(store):
    store.put(SPACE, ["a", "it's", "c"], rows(3))
    found = store.get(SPACE, ["c", "nope", "it's"])
    assert set(found) == {"c", "it's"}
    assert found["it's"].tolist() == [4, 5, 6, 7]
    assert store.get(OTHER, ["a"]) == {}
    assert store.get(SPACE, []) == {}


def test_put__replaces(store):
    store.put(SPACE, ["a", "b"], rows(2))
    store.put(SPACE, ["b", "c"], rows(2, start=100))
    assert [store.get(SPACE, [name])[name][0] for name in "abc"] == [0, 100, 104]
    assert store.info().spaces[0].rows == 3


def test_put__is_there_for_another_store_object_at_once(store):
    other = EmbeddingStore(store.path)
    store.put(SPACE, ["a"], rows(1))
    assert set(other.get(SPACE, ["a"])) == {"a"}
    store.put(SPACE, ["b"], rows(1))
    assert set(other.get(SPACE, ["a", "b"])) == {"a", "b"}


def test_put__refuses(store):
    for ids, vectors in [(["a", "b"], rows(1)), (["a", "a"], rows(2)), (["a"], np.ones(4))]:
        with pytest.raises(InvalidParameterError):
            store.put(SPACE, ids, vectors)
    store.put(SPACE, ["a"], rows(1))
    with pytest.raises(EmbeddingSpaceError, match="of 5 dimensions came; those of m here have 4"):
        store.put(SPACE, ["b"], rows(1, dim=5))


def test_put__threads_lose_nothing(store):
    def write(number):
        for step in range(5):
            store.put(SPACE, [f"{number}-{step}", "shared"], rows(2, start=number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.info().spaces[0].rows == 21


def test_embed__rows_carry_names_spans_and_provenance(store, pictures):
    embed(Versioned(), pictures, store=store, progress=False)
    (space,) = store.spaces()
    table = store.rows(space)
    assert len(table) == 120
    assert set(table["kind"]) == {"image"}
    assert Path(table["path"][0]).is_file()
    facts = store.provenance(table["run"][0])
    assert facts["model_id"] == space.model_id
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["device"] == "cpu"
    assert len(list((store.path / "runs").iterdir())) == 1


def test_embed__a_folder_is_opened_as_a_store(pictures, tmp_path):
    embed(Versioned(), pictures, store=tmp_path / "kept", progress=False)
    assert embed(Versioned(), pictures, store=str(tmp_path / "kept"), progress=False).stats.reused == 120
    with pytest.raises(InvalidParameterError, match="is no store"):
        embed(Versioned(), pictures, store=3, progress=False)


def test_embed__renamed_files_are_found_by_their_content(store, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "first")
    embed(Versioned(), tmp_path / "first", store=store, progress=False)
    for path in (tmp_path / "first").iterdir():
        path.rename(path.with_name(f"new-{path.name}"))
    again = embed(Versioned(), tmp_path / "first", store=store, progress=False)
    assert again.stats.reused == 120


def test_embed__killed_again_and_again_ends_with_every_row_once(store, pictures):
    undisturbed = embed(Versioned(), pictures, progress=False)
    random.seed(1)
    for _ in range(3):
        process = start(pictures, store.path)
        process.stdout.readline()
        time.sleep(random.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    last = embed(Versioned(), pictures, store=store, progress=False)
    assert len(last) == 120
    assert store.info().spaces[0].rows == 120
    assert np.array_equal(last.vectors, undisturbed.vectors)


def test_embed__two_processes_at_once_write_every_row_once(store, pictures):
    both = [start(pictures, store.path) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.split()[1] == "120"
    assert store.info().spaces[0].rows == 120
    ids = store.rows(store.spaces()[0])["id"]
    assert ids.is_unique


def test_compact__keeps_every_row(store):
    for number in range(30):
        store.put(SPACE, [f"{number}"], rows(1, start=number))
    freed = store.compact(keep_s=0)
    assert freed > 0
    assert len(store.get(SPACE, [f"{number}" for number in range(30)])) == 30


def test_info__has_a_table(store):
    store.put(SPACE, ["a"], rows(1))
    text = str(store.info())
    assert "m@1" in text
    assert "1 x 4" in text
    assert "<table" in store._repr_html_()
    assert str(EmbeddingStore(store.path.parent / "none").info()).endswith("0 embedding spaces\n")


def test_open__refuses_what_is_no_store(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"):
        EmbeddingStore(tmp_path / "file")
    with pytest.raises(StoreError, match="holds other things"):
        EmbeddingStore(tmp_path)


def test_open__refuses_a_newer_format(store):
    store.put(SPACE, ["a"], rows(1))
    (store.path / "store.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(StoreError, match="format 99; this version reads up to 3"):
        EmbeddingStore(store.path)


def test_put__a_full_disk_is_said_and_keeps_what_was_there(store, monkeypatch):
    store.put(SPACE, ["a"], rows(1))
    monkeypatch.setattr(
        "workbench.store.tables.Table.write",
        lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    with pytest.raises(StoreError, match=r"the disk is full. What was written before is kept"):
        store.put(SPACE, ["b"], rows(1))
    assert set(store.get(SPACE, ["a", "b"])) == {"a"}


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_put__a_read_only_folder_is_said(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="permission is denied"):
        EmbeddingStore(folder / "store").put(SPACE, ["a"], rows(1))


def test_embed__a_named_model_whose_vectors_are_all_there_is_not_loaded(tmp_path):
    code = (
        "import sys, workbench\n"
        "done = workbench.embed('workbench/spriteclip-tiny', workbench.sample_clips(), "
        f"store={str(tmp_path / 'store')!r}, progress=False)\n"
        "print(len(done), done.stats.reused, done.provenance['device'], done.space.sampling, "
        "*[name for name in ('torch', 'lancedb') if name in sys.modules])"
    )

    def run():
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240, cwd=ROOT
        )
        return done.stdout.split()

    assert run()[:3] == ["24", "0", "cpu"]
    assert run() == ["24", "24", "cpu", "uniform-middle:8"]


def test_embed__other_frames_than_the_stored_ones_need_the_model(tmp_path):
    from workbench.media.samples import sample_clips

    clips, model = sample_clips()[:2], "workbench/spriteclip-tiny"
    store = EmbeddingStore(tmp_path / "store")
    embed(model, clips, store=store, num_frames=16, progress=False)
    own = embed(model, clips, store=store, progress=False)
    assert (own.stats.reused, own.space.sampling) == (0, "uniform-middle:8")
    again = embed(model, clips, store=store, num_frames=16, progress=False)
    assert (again.stats.reused, again.space.sampling) == (2, "uniform-middle:16")


def test_put__numbers_that_are_none_are_refused(store):
    with pytest.raises(InvalidParameterError, match="1 of 2 vectors hold NaN"):
        store.put(SPACE, ["a", "b"], np.array([[1, 2], [np.nan, np.inf]]))
    assert store.spaces() == []


def test_search__loads_a_model_that_is_named(store):
    from workbench.media.samples import sample_clips

    embed("workbench/spriteclip-tiny", sample_clips()[:3], store=store, progress=False)
    assert len(store.search("a star", model="workbench/spriteclip-tiny", k=2)) == 2
    assert store.info().spaces[0].made[0]["dtype"] == "float32"


def test_reduce__copies_open_the_same_folder(store):
    store.put(SPACE, ["a"], rows(1))
    for copied in (copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert set(copied.get(SPACE, ["a"])) == {"a"}


def test_put__an_id_that_is_no_text(store):
    with pytest.raises(InvalidParameterError, match="An id is no text"):
        store.put(SPACE, [1], rows(1))


def test_recall__says_nothing_where_several_spaces_may_be_meant(store):
    for preprocessing in ("old", "new"):
        store.put(replace(SPACE, preprocessing=preprocessing), ["a"], rows(1), provenance={"frames": 8})
        known = store.recall(SPACE.model_id, SPACE.revision, 8, ["a"])
        assert (known is None) == (preprocessing == "new")


def test_told_plainly__a_bug_is_not_a_damaged_disk(store, monkeypatch):
    store.put(SPACE, ["a"], rows(1))
    monkeypatch.setattr("workbench.store.tables.Table.vectors_of", lambda *_: None.missing)
    with pytest.raises(AttributeError):
        store.get(SPACE, ["a"])

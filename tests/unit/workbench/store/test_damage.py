"""A store after a writer was killed between two steps, or while others read it."""

import os
import time

import numpy as np
import pytest

from models.vectors import EmbeddingSpace

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.errors import StoreError
from workbench.store import EmbeddingStore

SPACE = EmbeddingSpace("me/m", "1")


@pytest.fixture
def store(tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.put(SPACE, ["a", "b"], np.eye(2, dtype=np.float32))
    return store


def test_put__describes_a_space_whose_maker_was_killed_before_it_did(store):
    (store.path / "spaces" / f"{SPACE.key}.json").unlink()
    (store.path / "store.json").unlink()
    again = EmbeddingStore(store.path)
    assert again.get(SPACE, ["a"])  # a run looks first: the table is open then
    again.put(SPACE, ["c"], np.ones((1, 2), np.float32))
    assert again.spaces() == [SPACE]
    assert (store.path / "store.json").is_file()


def test_snapshot__stays_readable_when_a_newer_one_takes_its_place(store):
    older = store.snapshot(SPACE)
    store.put(SPACE, ["c"], np.ones((1, 2), np.float32))
    assert len(store.snapshot(SPACE).vectors) == 3
    assert older.facts(["id"])["id"].tolist() == ["a", "b"]
    assert older.vectors.tolist() == np.eye(2).tolist()


def test_snapshot__leaves_halves_that_others_are_making_and_drops_old_ones(store):
    cache = store.path / "snapshots" / SPACE.key
    for name, age_s in ((".young", 0), (".old", 7200)):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - age_s,) * 2)
    store.snapshot(SPACE)
    assert (cache / ".young").is_dir()
    assert not (cache / ".old").exists()


def test_snapshot__dropped_by_another_process_while_it_is_opened_is_made_again(store, monkeypatch):
    from workbench.store import snapshot

    opened, dropped = snapshot._opened, []

    def races(folder):
        if not dropped:
            dropped.append(folder)
            raise FileNotFoundError
        return opened(folder)

    monkeypatch.setattr(snapshot, "_opened", races)
    assert len(store.snapshot(SPACE).vectors) == 2
    assert dropped


def test_put__a_lock_that_is_held_says_so(store, monkeypatch):
    from workbench.store.folder import write_lock

    monkeypatch.setattr("workbench.store.folder.LOCK_TIMEOUT_S", 0.05)
    with (
        write_lock(store.path),
        pytest.raises(StoreError, match="another process has held it"),
    ):
        EmbeddingStore(store.path).put(SPACE, ["c"], np.ones((1, 2), np.float32))


def test_compact__drops_stale_snapshots_and_old_halves(store):
    store.snapshot(SPACE)
    cache = store.path / "snapshots" / SPACE.key
    (cache / ".young").mkdir()
    (cache / ".old").mkdir()
    os.utime(cache / ".old", (time.time() - 7200,) * 2)
    store.put(SPACE, ["c"], np.ones((1, 2), np.float32))
    store.compact()
    assert [one.name for one in cache.iterdir()] == [".young"]
    assert len(store.snapshot(SPACE).vectors) == 3


def spoil(path, how):
    """What a power cut, a bad disk or somebody's hand leaves of a file."""
    content = path.read_bytes()
    left = {"empty": b"", "half": content[: len(content) // 2], "other": b"[1]", "deep": b"[" * 100_000}
    path.unlink() if how == "gone" else path.write_bytes(left[how])


@pytest.mark.parametrize("how", ["gone", "empty", "half", "other", "deep"])
@pytest.mark.parametrize("name", ["about.json", "rows.arrow", "vectors.f32"])
def test_snapshot__a_damaged_one_is_made_anew(store, name, how):
    store.settle(SPACE)
    [path] = (store.path / "snapshots" / SPACE.key).glob(f"*/{name}")
    spoil(path, how)
    again = EmbeddingStore(store.path)
    assert again.search(vector=[1, 0], k=1).to_frame()["key"].tolist() == ["a"]
    assert len(list(path.parent.parent.iterdir())) == 1


@pytest.mark.parametrize("how", ["empty", "half", "other", "deep"])
def test_provenance__a_damaged_run_is_unknown_and_written_again(store, how, caplog):
    made = {"device": "cpu", "frames": 8}
    store.put(SPACE, ["c"], np.ones((1, 2), np.float32), provenance=made)
    [path] = (store.path / "runs").iterdir()
    spoil(path, how)
    assert store.provenance(path.stem) == {}
    assert str(path) in caplog.text
    assert store.info().spaces[0].rows == 3
    assert store.recall("me/m", "1", 8, ["c"]) is None
    store.put(SPACE, ["d"], np.ones((1, 2), np.float32), provenance=made)
    assert store.provenance(path.stem) == made


@pytest.mark.parametrize("how", ["empty", "half", "other", "deep"])
def test_spaces__a_damaged_description_is_named_and_comes_back(store, how):
    path = store.path / "spaces" / f"{SPACE.key}.json"
    spoil(path, how)
    for read in (store.spaces, store.info, lambda: store.search(vector=[1, 0])):
        with pytest.raises(StoreError, match=f"{path} cannot be read.*the vectors are kept"):
            read()
    path.unlink()
    store.put(SPACE, ["c"], np.ones((1, 2), np.float32))
    assert len(store.snapshot(store.spaces()[0]).vectors) == 3


def test_spaces__a_description_of_another_space_is_refused(store):
    path = store.path / "spaces" / f"{SPACE.key}.json"
    path.write_text(path.read_text().replace("me/m", "me/n"))
    with pytest.raises(StoreError, match="describes another space"):
        store.spaces()


@pytest.mark.parametrize("how", ["gone", "empty", "half"])
def test_table__a_damaged_file_is_refused_with_a_way_out(store, how):
    for path in (store.path / "tables").glob("*.lance/data/*"):
        spoil(path, how)
    with pytest.raises(StoreError, match=r"Reading the store .* failed: .*(put a copy|open it anew)"):
        EmbeddingStore(store.path).get(SPACE, ["a"])


def test_snapshot__where_nothing_can_be_written_it_is_in_memory(store, monkeypatch):
    def read_only(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("workbench.store.snapshot.sync_file", read_only)
    found = store.search(vector=[1, 0], k=1)
    assert found.to_frame()["key"].tolist() == ["a"]
    assert not [one for one in (store.path / "snapshots").rglob("*") if one.is_file()]

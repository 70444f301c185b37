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

import threading

import numpy as np
import pytest

from models.base import EmbeddingSpace
from models.errors import InvalidParameterError, MissingDependencyError
from workbench.engine.store import MemoryStore, VectorStore, open_store

SPACE, OTHER = EmbeddingSpace("m", "1"), EmbeddingSpace("m", "2")


def test_memory_store__is_a_vector_store():
    assert isinstance(MemoryStore(), VectorStore)


def test_get__spaces_never_meet():
    store = MemoryStore()
    store.put(SPACE, ["a"], np.ones((1, 3)))
    assert store.get(OTHER, ["a"]) == {}


def test_put__the_least_recently_used_vectors_go_first():
    store = MemoryStore(max_bytes=3 * 8)
    store.put(SPACE, ["a", "b", "c"], np.ones((3, 2)))
    store.get(SPACE, ["a"])
    store.put(SPACE, ["d"], np.ones((1, 2)))
    assert set(store.get(SPACE, ["a", "b", "c", "d"])) == {"a", "c", "d"}
    assert store.nbytes == 24


def test_put__replaces_and_copies():
    store, rows = MemoryStore(), np.ones((1, 2), np.float32)
    store.put(SPACE, ["a"], rows)
    rows[:] = 5
    store.put(SPACE, ["b"], rows)
    store.put(SPACE, ["b"], rows + 1)
    assert store.get(SPACE, ["a", "b"])["a"].tolist() == [1, 1]
    assert store.get(SPACE, ["b"])["b"].tolist() == [6, 6]
    assert (len(store), store.nbytes) == (2, 16)


def test_get__vectors_cannot_be_changed():
    store = MemoryStore()
    store.put(SPACE, ["a"], np.ones((1, 2)))
    with pytest.raises(ValueError, match="read-only"):
        store.get(SPACE, ["a"])["a"][0] = 2


def test_put__one_id_per_row():
    with pytest.raises(InvalidParameterError, match="2 ids"):
        MemoryStore().put(SPACE, ["a", "b"], np.ones((1, 2)))


def test_memory_store__size_must_be_positive():
    with pytest.raises(InvalidParameterError, match="max_bytes"):
        MemoryStore(0)


def test_clear__forgets_everything():
    store = MemoryStore()
    store.put(SPACE, ["a"], np.ones((1, 2)))
    store.clear()
    assert (len(store), store.nbytes, store.get(SPACE, ["a"])) == (0, 0, {})


def test_put__from_many_threads():
    store = MemoryStore(max_bytes=100 * 8)

    def work(name):
        for i in range(200):
            store.put(SPACE, [f"{name}{i}"], np.full((1, 2), i))
            store.get(SPACE, [f"{name}{i - 5}"])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(store), store.nbytes) == (100, 800)


def test_open_store__a_missing_extra_is_said_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.store.tables.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="needs LanceDB"):
        open_store(tmp_path / "s")
    assert not (tmp_path / "s").exists()

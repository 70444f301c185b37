"""The index: asked for, measured, never silently old."""

from types import SimpleNamespace

import numpy as np
import pytest

from models.vectors import EmbeddingSpace
from workbench.errors import InvalidParameterError, StoreError

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.store import EmbeddingStore
from workbench.store.index import LEAST_ROWS

SPACE = EmbeddingSpace("me/m", "1")


@pytest.fixture(scope="module")
def rows():
    vectors = np.random.default_rng(0).standard_normal((1500, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def indexed(rows, tmp_path_factory):
    store = EmbeddingStore(tmp_path_factory.mktemp("index") / "store")
    clips = [
        SimpleNamespace(
            key=f"k{number}", path=f"/{number % 300}.mp4", kind="video", start_s=0.0, stop_s=1.0, caption=""
        )
        for number in range(len(rows))
    ]
    store.put(SPACE, [f"c{number}" for number in range(len(rows))], rows, clips=clips)
    return store, store.build_index()


def test_build_index__measures_what_it_finds(indexed, rows):
    store, report = indexed
    assert report.rows == len(rows)
    exact = [{hit.id for hit in store.search(vector=row)} for row in rows[:20]]
    found = [{hit.id for hit in store.search(vector=row, index=True)} for row in rows[:20]]
    recall = np.mean([len(one & other) / 10 for one, other in zip(exact, found, strict=True)])
    assert report.recall >= 0.9
    assert recall == pytest.approx(report.recall, abs=0.1)
    assert f"finds {report.recall:.1%}".replace("%", " %") in str(report)


def test_search__by_index_says_its_recall_and_gives_the_scores_of_the_exact_one(indexed, rows):
    store, report = indexed
    found, exact = store.search(vector=rows[3], index=True, k=3), store.search(vector=rows[3], k=3)
    assert [hit.id for hit in found] == [hit.id for hit in exact]
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in exact], abs=1e-5)
    assert f"{100 * report.recall:.1f} % of them" in repr(found)
    assert "%" not in repr(exact)
    assert found.by_index == report
    assert exact.by_index is None


def test_search__by_index_leaves_out_what_was_named(indexed):
    store, _ = indexed
    assert "c5" not in [hit.id for hit in store.search(more_like=["c5"], index=True)]


def test_search__by_index_filters_what_it_finds(indexed, rows):
    store, report = indexed
    exact = store.search(vector=rows[0], where="id.str.endswith('3')", k=5)
    found = store.search(vector=rows[0], where="id.str.endswith('3')", k=5, index=True)
    assert found.by_index == report
    assert found.caption.endswith("of them without a filter")
    assert found.searched == exact.searched < len(rows)
    assert len({hit.id for hit in found} & {hit.id for hit in exact}) >= 4
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert all(hit.id.endswith("3") for hit in found)


def test_search__by_index_is_exact_where_a_filter_leaves_too_little(indexed, rows):
    store, _ = indexed
    wishes = {"vector": rows[0], "where": "id == 'c7'", "k": 5}
    found, exact = store.search(**wishes, index=True), store.search(**wishes)
    assert [hit.id for hit in found] == [hit.id for hit in exact] == ["c7"]
    assert found.by_index is None


def test_search__by_index_one_clip_of_each_file(indexed, rows):
    store, report = indexed
    found, exact = (store.search(vector=rows[0], by_video=True, index=one) for one in (True, False))
    assert found.by_index == report
    assert len({hit.path for hit in found}) == len(found) == 10
    assert len({hit.id for hit in found} & {hit.id for hit in exact}) >= 8


def test_search__without_an_index_or_with_an_old_one_refuses(rows, tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.put(SPACE, [f"c{number}" for number in range(LEAST_ROWS)], rows[:LEAST_ROWS])
    with pytest.raises(StoreError, match="has no index"):
        store.search(vector=rows[0], index=True)
    store.build_index()
    store.put(SPACE, ["one more"], rows[-1:])
    with pytest.raises(StoreError, match=r"over 1,000 vectors; there are 1,001 now"):
        store.search(vector=rows[0], index=True)
    assert store.search(vector=rows[-1])[0].id == "one more"


def test_build_index__of_few_rows_refuses(rows, tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.put(SPACE, ["a"], rows[:1])
    with pytest.raises(InvalidParameterError, match="at least 1,000 vectors"):
        store.build_index()


def test_search__by_an_index_of_rows_that_were_replaced_refuses(rows, tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    ids = [f"c{number}" for number in range(len(rows))]
    store.put(SPACE, ids, rows)
    store.build_index()
    store.put(SPACE, ids, rows[::-1])
    with pytest.raises(StoreError, match="written or tidied since"):
        store.search(vector=rows[0], index=True)

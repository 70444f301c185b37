"""Searching a store: every kind of query, filters, duplicates, and what must not be imported."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.base import EmbeddingSpace
from tests.fakes import MeanColorModel
from workbench.engine.embed import embed
from workbench.errors import EmbeddingSpaceError, InvalidParameterError, NothingToRankError
from workbench.media.images import jpeg_bytes

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.store import EmbeddingStore

COLORS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "wine": (240, 10, 20)}


class Versioned(MeanColorModel):
    revision = "1"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name, color in COLORS.items():
        pixels = np.full((16, 16, 3), color, np.uint8)
        (folder / f"{name}.jpg").write_bytes(jpeg_bytes(pixels, max_side=16, quality=95))
    store = EmbeddingStore(tmp_path_factory.mktemp("stores") / "store")
    embed(Versioned(), folder, store=store, progress=False)
    return store


def keys(result):
    return [hit.key for hit in result]


def test_search__by_text(store):
    found = store.search("green", model=Versioned(), k=2)
    assert keys(found)[0] == "green.jpg"
    assert found.searched == 4
    assert found[0].score > found[1].score
    assert Path(found[0].path).is_file()


def test_search__by_image_and_by_vector_agree(store):
    image = np.full((8, 8, 3), COLORS["blue"], np.uint8)
    by_image = store.search(image=image, model=Versioned(), k=4)
    by_vector = store.search(vector=Versioned().embed_images([image])[0].numpy(), k=4)
    assert keys(by_image) == keys(by_vector)
    assert keys(by_image)[0] == "blue.jpg"


def test_search__more_like_these_less_like_those(store):
    assert keys(store.search(more_like=["red.jpg"], k=1)) == ["wine.jpg"]
    found = store.search(more_like=["red.jpg", "green.jpg"], less_like=["wine.jpg"])
    assert keys(found) == ["blue.jpg"]


def test_search__filters(store):
    assert keys(store.search("red", model=Versioned(), where="key == 'green.jpg'")) == ["green.jpg"]
    found = store.search("red", model=Versioned(), where=lambda rows: rows["key"].str.startswith("w"))
    assert keys(found) == ["wine.jpg"]
    assert found.searched == 1
    assert keys(store.search("red", model=Versioned(), where="kind == 'video'")) == []


@pytest.mark.parametrize("where", ["colour == 1", "key ==", "start_s + 1", lambda rows: rows["nope"]])
def test_search__a_filter_that_cannot_be_used_is_said(store, where):
    with pytest.raises(InvalidParameterError, match="where="):
        store.search("red", model=Versioned(), where=where)


def test_search__refuses(store):
    with pytest.raises(InvalidParameterError, match="Nothing was asked for"):
        store.search()
    with pytest.raises(InvalidParameterError, match="needs the model"):
        store.search("red")
    with pytest.raises(InvalidParameterError, match=r"0 clips are named 'nope\.jpg'"):
        store.search(more_like=["nope.jpg"])
    with pytest.raises(NothingToRankError):
        store.search(vector=np.zeros(3, np.float32))


def test_search__several_spaces_must_be_told_apart(store, tmp_path):
    other = EmbeddingStore(tmp_path / "two")
    for revision in ("1", "2"):
        other.put(EmbeddingSpace("m", revision), ["a"], np.eye(1, 3, dtype=np.float32))
    with pytest.raises(InvalidParameterError, match="2 embedding spaces fit"):
        other.search(vector=np.ones(3))
    assert keys(other.search(vector=np.ones(3), space=EmbeddingSpace("m", "2"))) == ["a"]


def test_search__sees_what_was_just_written(tmp_path):
    store, space = EmbeddingStore(tmp_path / "s"), EmbeddingSpace("m", "1")
    for number in range(3):
        store.put(space, [str(number)], np.eye(1, 3, number, dtype=np.float32))
        assert keys(store.search(vector=np.eye(3)[number], k=1)) == [str(number)]
    assert len([one for one in (store.path / "snapshots" / space.key).iterdir() if one.is_dir()]) == 1


def test_search__one_clip_of_each_file(tmp_path):
    class Part:
        kind, path, caption = "video", Path("/films/a.mp4"), ""

        def __init__(self, key, start_s, path="/films/a.mp4"):
            self.key, self.start_s, self.stop_s, self.path = key, start_s, start_s + 1, Path(path)

    store, space = EmbeddingStore(tmp_path / "s"), EmbeddingSpace("m", "1")
    vectors = np.array([[1, 0], [0.9, 0.1], [0.5, 0.5]], np.float32)
    clips = [Part("a1", 0.0), Part("a2", 1.0), Part("b", 0.0, "/films/b.mp4")]
    store.put(space, ["1", "2", "3"], vectors, clips=clips)
    found = store.search(vector=np.array([1, 0]), by_video=True)
    assert keys(found) == ["a1", "b"]
    assert (found[0].start_s, found[0].stop_s) == (0.0, 1.0)
    assert "0.0 to 1.0" in repr(found)
    assert list(found.to_frame()["key"]) == ["a1", "b"]


def test_duplicates__the_most_alike_first(store):
    table = store.duplicates(threshold=0.9)
    assert [tuple(row) for row in table[["key", "other"]].itertuples(index=False)] == [
        ("red.jpg", "wine.jpg")
    ]


def test_search__imports_neither_torch_nor_the_database(store):
    query = f"np.ones({MeanColorModel.embedding_dim})"
    store.search(vector=np.ones(MeanColorModel.embedding_dim))
    code = (
        "import sys, numpy as np\n"
        "from workbench.store import EmbeddingStore\n"
        f"found = EmbeddingStore({str(store.path)!r}).search(vector={query})\n"
        "print(len(found), *[name for name in ('torch', 'lancedb') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[4],
    )
    assert done.stdout.split() == ["4"]


def test_search_result__shows_pictures_and_gives_clips(store):
    found = store.search("red", model=Versioned(), k=3)
    html = found._repr_html_()
    assert html.count("data:image/jpeg;base64,") == 3
    assert "1. red.jpg" in html
    assert "3 of 4 clips" in html
    assert found[0].clip.frames(1).data.shape == (1, 16, 16, 3)
    assert found.to_frame()["kind"].tolist() == ["image"] * 3


def test_search_result__draws_what_is_gone_or_hostile_as_text(tmp_path):
    class Gone:
        kind, path, start_s, stop_s, caption = "video", Path("/nowhere/<b>.mp4"), 0.0, 2.0, ""
        key = "<img src=x onerror=alert(1)>"

    store, space = EmbeddingStore(tmp_path / "s"), EmbeddingSpace("m", "1")
    store.put(space, ["gone"], np.eye(1, 3, dtype=np.float32), clips=[Gone()])
    store.put(space, ["unknown"], np.eye(1, 3, 1, dtype=np.float32))
    found = store.search(vector=np.array([1.0, 0.5, 0.0]))
    html = found._repr_html_()
    assert [hit.id for hit in found] == ["gone", "unknown"]
    assert "<img" not in html
    assert "&lt;img src=x" in html
    assert "There is no file" in html
    assert "0.0 to 2.0 s" in html
    assert found[1].clip is None


def test_search__like_a_file_and_where_nothing_fits(store, tmp_path):
    (space,) = store.spaces()
    path = store.rows(space).set_index("key")["path"]["green.jpg"]
    by_key, by_file = (store.search(more_like=[name], k=2) for name in ("green.jpg", path))
    assert keys(by_key) == keys(by_file)
    assert store.search("red", model=Versioned(), where="kind == 'none'").caption == "No clip fits the filter"


class Other(Versioned):
    model_id = "fakes/other"


@pytest.mark.parametrize("model", [Other(), "fakes/other"], ids=["loaded", "named"])
def test_search__a_model_that_did_not_make_the_vectors_may_not_ask(store, model):
    (space,) = store.spaces()
    with pytest.raises(
        EmbeddingSpaceError, match=r"fakes/other.* was to ask about vectors of fakes/mean-color 1"
    ):
        store.search("red", model=model, space=space)
    assert len(store.search("red", model=Versioned(), space=space.key))


def test_search__a_space_is_named_by_its_key_too(store):
    (space,) = store.spaces()
    assert len(store.search(vector=[1, 0, 0, 0], space=space.key, k=1)) == 1
    assert len(store.duplicates(space=space.model_id, threshold=0.9)) == 1


class Unversioned(MeanColorModel):
    revision = ""


@pytest.fixture
def unversioned(tmp_path):
    """A model without a version, its store, and what embedding gave."""
    (tmp_path / "in").mkdir()
    for name in ("red", "blue"):
        pixels = np.full((16, 16, 3), COLORS[name], np.uint8)
        (tmp_path / "in" / f"{name}.jpg").write_bytes(jpeg_bytes(pixels, max_side=16, quality=95))
    model, store = Unversioned(), EmbeddingStore(tmp_path / "s")
    return model, store, embed(model, tmp_path / "in", store=store, progress=False)


def test_search__a_model_without_a_version_asks_the_store_that_it_filled(unversioned):
    model, store, embeddings = unversioned
    assert keys(store.search("blue", model=model, k=1)) == ["blue.jpg"]
    assert keys(store.search("blue", model=model, space=embeddings.space, k=1)) == ["blue.jpg"]


def test_search__vectors_of_another_session_have_to_be_named(unversioned):
    _, store, embeddings = unversioned
    with pytest.raises(
        InvalidParameterError, match=r"0 embedding spaces fit.*revision = '1' makes them last"
    ):
        store.search("blue", model=Unversioned())
    for space in (embeddings.space, store.spaces()[0].key):
        assert keys(store.search("blue", model=Unversioned(), space=space, k=1)) == ["blue.jpg"]


def test_search__asks_as_the_engine_does(store):
    import torch

    class Learns(Versioned):
        def embed_text(self, texts):
            return super().embed_text(texts).requires_grad_()

    class Clips:
        """Knows clips, no single images."""

        model_id, revision, preprocessing = MeanColorModel.model_id, "1", MeanColorModel.preprocessing

        def embed_videos(self, videos):
            return torch.cat([MeanColorModel().embed_images(list(video)).mean(0)[None] for video in videos])

    assert keys(store.search("green", model=Learns(), k=1)) == ["green.jpg"]
    picture = np.full((8, 8, 3), COLORS["blue"], np.uint8)
    assert keys(store.search(image=picture, model=Clips(), k=1)) == ["blue.jpg"]
    for vector in ([np.nan, 0, 0, 0], [[1, 0, 0, 0]], [np.inf, 0, 0, 0]):
        with pytest.raises(InvalidParameterError, match="vector has shape"):
            store.search(vector=vector)


def test_search__one_clip_to_be_like_needs_no_list(store):
    assert keys(store.search(more_like="red.jpg", k=1)) == ["wine.jpg"]
    assert keys(store.search(more_like="red.jpg", less_like="wine.jpg", k=1)) != ["wine.jpg"]


@pytest.mark.parametrize("threshold", [2, -3, float("nan"), "a", True])
def test_duplicates__a_threshold_that_is_no_similarity(store, threshold):
    with pytest.raises(InvalidParameterError, match=r"cosine similarity in -1\.\.1"):
        store.duplicates(threshold=threshold)


@pytest.mark.parametrize("k", [True, 0, 1.5, "3"])
def test_search__k_is_a_whole_number(store, k):
    with pytest.raises(InvalidParameterError, match="k is"):
        store.search(more_like="red.jpg", k=k)

"""Clips that moved, or got a caption: their rows follow, their vectors stay."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import MeanColorModel
from workbench.engine.embed import embed
from workbench.media.clips import ClipSet
from workbench.media.images import jpeg_bytes
from workbench.media.sources import load_clips

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.store import EmbeddingStore
from workbench.store.renames import copies_of


class Versioned(MeanColorModel):
    revision = "1"


@pytest.fixture
def folder(tmp_path):
    """Three pictures."""
    (tmp_path / "in").mkdir()
    for name, color in {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}.items():
        pixels = np.full((12, 12, 3), color, np.uint8)
        (tmp_path / "in" / f"{name}.jpg").write_bytes(jpeg_bytes(pixels, max_side=12))
    return tmp_path / "in"


@pytest.fixture(params=["object", "named"])
def model(request):
    return Versioned() if request.param == "object" else "workbench/spriteclip-tiny"


def run(model, clips, store):
    return embed(model, clips, store=store, progress=False).stats.reused


def rows(store):
    return store.rows(store.spaces()[0]).set_index("key").sort_index()


def test_embed__a_file_that_moved_is_found_under_its_new_name(model, folder, tmp_path):
    store = EmbeddingStore(tmp_path / "s")
    run(model, load_clips(folder), store)
    vectors = store.get(store.spaces()[0], rows(store)["id"].tolist())
    (folder / "red.jpg").rename(folder / "scarlet.jpg")
    assert run(model, load_clips(folder), store) == 3
    assert rows(store).index.tolist() == ["blue.jpg", "green.jpg", "scarlet.jpg"]
    assert rows(store)["path"]["scarlet.jpg"] == str(folder / "scarlet.jpg")
    after = store.get(store.spaces()[0], rows(store)["id"].tolist())
    assert {name: row.tolist() for name, row in after.items()} == {
        name: row.tolist() for name, row in vectors.items()
    }
    vector = vectors[rows(store)["id"]["scarlet.jpg"]]
    assert store.search(vector=vector, k=1)[0].clip.path.exists()


def test_embed__a_caption_that_came_later_is_kept_and_one_that_is_missing_takes_none_away(
    model, folder, tmp_path
):
    store, plain = EmbeddingStore(tmp_path / "s"), load_clips(folder)
    run(model, plain, store)
    run(model, ClipSet([replace(clip, caption=f"a {clip.key}") for clip in plain]), store)
    assert rows(store)["caption"].tolist() == ["a blue.jpg", "a green.jpg", "a red.jpg"]
    run(model, plain, store)
    assert rows(store)["caption"].tolist() == ["a blue.jpg", "a green.jpg", "a red.jpg"]


def test_embed__a_copy_leaves_the_first_name_and_nothing_is_written_for_nothing(model, folder, tmp_path):
    store = EmbeddingStore(tmp_path / "s")
    run(model, load_clips(folder), store)
    (folder / "copy.jpg").write_bytes((folder / "red.jpg").read_bytes())
    assert run(model, load_clips(folder), store) == 4
    assert rows(store).index.tolist() == ["blue.jpg", "green.jpg", "red.jpg"]
    before = sorted(path.name for path in (store.path / "tables").rglob("*"))
    assert run(model, load_clips(folder), store) == 4
    assert sorted(path.name for path in (store.path / "tables").rglob("*")) == before


@pytest.mark.parametrize("at_once", [True, False], ids=["in one run", "later"])
def test_duplicates__copies_of_a_file_are_among_them(model, folder, tmp_path, at_once):
    store = EmbeddingStore(tmp_path / "s")
    if not at_once:
        run(model, load_clips(folder), store)
    for name in ("copy", "third"):
        (folder / f"{name}.jpg").write_bytes((folder / "red.jpg").read_bytes())
    run(model, load_clips(folder), store)
    found = store.duplicates(threshold=0.99999)
    assert set(found["similarity"]) == {1.0}
    named = {*found["key"], *(Path(path).name for path in found["other"])}
    assert named == {"red.jpg", "copy.jpg", "third.jpg"}
    assert len(found) == 2
    assert len(rows(store)) == 3


def test_duplicates__copies_that_are_gone_are_forgotten(folder, tmp_path):
    store, model = EmbeddingStore(tmp_path / "s"), Versioned()
    (folder / "scarlet.jpg").write_bytes((folder / "red.jpg").read_bytes())
    run(model, load_clips(folder), store)
    (folder / "red.jpg").unlink()
    assert len(store.prune()) == 0
    run(model, load_clips(folder), store)
    assert rows(store).index.tolist() == ["blue.jpg", "green.jpg", "scarlet.jpg"]
    assert len(store.duplicates(threshold=0.99999)) == 0
    (folder / "scarlet.jpg").unlink()
    assert store.prune()["key"].tolist() == ["scarlet.jpg"]


def test_copies_of__what_is_no_list_of_paths_names_none():
    for text in ("", "[", "{}", "3", '[1, null, "a"]'):
        assert copies_of(text) == (["a"] if text.startswith("[1") else [])


def test_put__paths_say_the_same_from_every_folder(folder, tmp_path, monkeypatch):
    store = EmbeddingStore(tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    run(Versioned(), load_clips("in"), store)
    monkeypatch.chdir("/")
    assert all(Path(path).exists() for path in rows(store)["path"])


def test_embed__a_store_that_may_only_be_read_is_reused_all_the_same(folder, tmp_path, monkeypatch, caplog):
    store = EmbeddingStore(tmp_path / "s")
    run(Versioned(), load_clips(folder), store)
    (folder / "red.jpg").rename(folder / "scarlet.jpg")

    def read_only(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("workbench.store.embedding_store.write_lock", read_only)
    assert run(Versioned(), load_clips(folder), store) == 3
    assert "noting new names" in caplog.text


def test_prune__drops_what_is_gone_or_changed_and_nothing_else(folder, tmp_path):
    store = EmbeddingStore(tmp_path / "s")
    run(Versioned(), load_clips(folder), store)
    store.put(store.spaces()[0], ["by hand"], np.ones((1, 4), np.float32) / 2)
    assert len(store.prune()) == 0
    (folder / "red.jpg").unlink()
    (folder / "blue.jpg").write_bytes((folder / "green.jpg").read_bytes() + b"more")
    expected = {"red.jpg": "gone", "blue.jpg": "changed"}
    assert store.prune(dry_run=True).set_index("key")["why"].to_dict() == expected
    assert len(rows(store)) == 4
    assert store.prune().set_index("key")["why"].to_dict() == expected
    assert rows(store).index.tolist() == ["by hand", "green.jpg"]
    assert len(store.search(vector=[1, 0, 0, 0])) == 2


def test_embed__files_that_changed_their_names_are_no_copies(folder, tmp_path):
    store, model = EmbeddingStore(tmp_path / "s"), Versioned()
    run(model, load_clips(folder), store)
    content = {key: row["id"] for key, row in rows(store).iterrows()}
    (folder / "red.jpg").rename(folder / "old.jpg")
    (folder / "blue.jpg").rename(folder / "red.jpg")
    (folder / "old.jpg").rename(folder / "blue.jpg")
    assert run(model, load_clips(folder), store) == 3
    now = {key: row["id"] for key, row in rows(store).iterrows()}
    assert now == {
        "green.jpg": content["green.jpg"],
        "red.jpg": content["blue.jpg"],
        "blue.jpg": content["red.jpg"],
    }
    assert set(rows(store)["copies"]) == {""}
    assert len(store.duplicates(threshold=0.99999)) == 0
    assert len(store.prune()) == 0


def test_embed__a_file_that_holds_something_else_gives_no_name(folder, tmp_path):
    store, model = EmbeddingStore(tmp_path / "s"), Versioned()
    run(model, load_clips(folder), store)
    (folder / "copy.jpg").write_bytes((folder / "red.jpg").read_bytes())
    (folder / "red.jpg").write_bytes((folder / "blue.jpg").read_bytes())
    run(model, load_clips(folder / "copy.jpg"), store)
    assert rows(store).loc["copy.jpg", "copies"] == ""


def test_prune__a_copy_takes_the_place_of_the_file_that_is_gone(folder, tmp_path):
    store, model = EmbeddingStore(tmp_path / "s"), Versioned()
    for name in ("scarlet", "wine"):
        (folder / f"{name}.jpg").write_bytes((folder / "red.jpg").read_bytes())
    run(model, load_clips(folder), store)
    named = rows(store)[rows(store)["copies"] != ""]["path"].item()
    Path(named).unlink()
    assert len(store.prune(dry_run=True)) == 0
    assert named in set(rows(store)["path"])
    assert len(store.prune()) == 0
    row = rows(store)[rows(store)["copies"] != ""]
    assert Path(row["path"].item()).exists()
    assert len(copies_of(row["copies"].item())) == 1


def test_embed__without_reuse_keeps_captions_and_copies(folder, tmp_path):
    store, model = EmbeddingStore(tmp_path / "s"), Versioned()
    (folder / "scarlet.jpg").write_bytes((folder / "red.jpg").read_bytes())
    clips = load_clips(folder)
    run(model, ClipSet([replace(clip, caption="a dog") for clip in clips]), store)
    before = rows(store)
    embed(model, load_clips(folder / "scarlet.jpg"), store=store, reuse=False, progress=False)
    after = rows(store)
    assert after[["path", "caption", "copies"]].equals(before[["path", "caption", "copies"]])

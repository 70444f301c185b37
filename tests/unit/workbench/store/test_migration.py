"""Stores of older formats, without captions or copies: read as they are, migrated by the first write."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.vectors import EmbeddingSpace
from workbench import sample_clips
from workbench.engine.clip_ids import stored_id
from workbench.store.exchange import export_space, import_file

pytest.importorskip("lancedb", reason="lancedb is not installed")
import lancedb

from workbench.store import EmbeddingStore

SPACE = EmbeddingSpace("m", "1", "rgb")
CLIPS = sample_clips()[:4]
ROWS = np.eye(4, dtype=np.float32)
IDS = [clip.content_id for clip in CLIPS]


def format_of(store):
    return json.loads((store.path / "store.json").read_text())["schema"]


@pytest.fixture(params=[1, 2])
def old(tmp_path, request):
    """Three rows in an older format; in both without captions that somebody wrote."""
    store = EmbeddingStore(tmp_path / "store")
    store.put(SPACE, IDS[:3], ROWS[:3], clips=CLIPS[:3], provenance={"device": "cpu"})
    table = lancedb.connect(store.path / "tables").open_table(SPACE.key)
    table.drop_columns(["caption", "copies"])
    if request.param == 2:
        table.add_columns({"caption": "''"})
    (store.path / "store.json").write_text(json.dumps({"schema": request.param}))
    return EmbeddingStore(store.path)


def test_read__an_older_store_is_read_as_it_is(old):
    before = format_of(old)
    assert old.rows(SPACE)["caption"].tolist() == ["", "", ""]
    assert old.read(SPACE).column_names[-3:] == ["vector", "caption", "copies"]
    assert [hit.key for hit in old.search(vector=ROWS[1], k=1)] == [CLIPS[1].key]
    assert not len(old.search(vector=ROWS[1], where="caption.str.len() > 0"))
    assert format_of(old) == before < 3
    assert old.info().spaces[0].rows == 3


def test_put__migrates_and_keeps_every_row(old):
    before = old.rows(SPACE)
    old.put(SPACE, IDS[3:], ROWS[3:], clips=CLIPS[3:])
    after = EmbeddingStore(old.path).rows(SPACE)
    assert format_of(old) == 3
    assert after.iloc[:3].equals(before)
    assert after["caption"].tolist() == ["", "", "", CLIPS[3].caption]
    assert set(old.get(SPACE, IDS)) == set(IDS)


def test_refresh__migrates_too(old, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(CLIPS[0].path.read_bytes())
    lancedb.connect(old.path / "tables").open_table(SPACE.key).update(
        where=f"id = '{IDS[0]}'", values={"id": stored_id(CLIPS[0])}
    )
    assert old.refresh(SPACE, [replace(CLIPS[0], path=copy)]) == 1
    assert format_of(old) == 3
    assert old.duplicates(threshold=1)["other"].tolist() == [str(copy)]


def test_put__replaces_a_row_of_an_older_store(old):
    old.put(SPACE, IDS[:1], ROWS[3:], clips=CLIPS[:1])
    rows = old.rows(SPACE).set_index("id")
    assert len(rows) == 3
    assert rows.loc[IDS[0], "caption"] == CLIPS[0].caption
    assert old.get(SPACE, IDS[:1])[IDS[0]].tolist() == ROWS[3].tolist()


def test_put__a_migration_that_was_cut_off_is_finished_by_the_next(old):
    (old.path / "store.json").write_text('{"schema": 3}')  # killed after the format, before the table
    old.put(SPACE, IDS[3:], ROWS[3:], clips=CLIPS[3:])
    assert old.rows(SPACE)["caption"].tolist() == ["", "", "", CLIPS[3].caption]


@pytest.mark.parametrize("ending", ["parquet", "safetensors", "npz"])
def test_import__an_older_export(old, tmp_path, monkeypatch, ending):
    whole = old.read(SPACE)
    monkeypatch.setattr("workbench.store.exchange.SCHEMA_VERSION", 1)
    monkeypatch.setattr(old, "read", lambda space: whole.drop_columns(["caption", "copies"]))
    path = export_space(old, SPACE, tmp_path / f"old.{ending}")
    monkeypatch.undo()
    fresh = EmbeddingStore(tmp_path / "fresh")
    assert import_file(fresh, path) == (SPACE, 3)
    assert fresh.rows(SPACE).equals(old.rows(SPACE))


def test_search__by_what_somebody_wrote_of_a_clip(tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.put(SPACE, IDS, ROWS, clips=CLIPS)
    word = CLIPS[2].caption.split()[1]
    found = store.search(vector=ROWS[2], where=f"caption.str.contains('{word}')")
    assert {hit.key for hit in found} == {clip.key for clip in CLIPS if word in clip.caption}

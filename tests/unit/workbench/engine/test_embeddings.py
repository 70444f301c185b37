import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.base import EmbeddingSpace
from models.errors import EmbeddingSpaceError, InvalidParameterError
from tests.fakes import MeanColorModel
from tests.unit.workbench.engine.fake_clips import colourful
from workbench.engine.embed import embed
from workbench.engine.embeddings import Embeddings
from workbench.errors import ClipDecodeError, EmbeddingsFileError, SourceNotFoundError

SPACE = EmbeddingSpace("me/m", "1", "rgb", "uniform-middle:8")


def some(*keys, space=SPACE):
    rows = np.random.default_rng(len(keys)).normal(size=(len(keys), 5)).astype(np.float32)
    return Embeddings(rows / np.linalg.norm(rows, axis=1, keepdims=True), list(keys), space)


@pytest.fixture
def embedded():
    clips = colourful(5)
    clips[1].error = ClipDecodeError("<b>broken</b>")
    clips[2].note = "one frame missing"
    return embed(MeanColorModel(), clips)


def test_getitem__by_key_place_slice_and_list():
    embeddings = some("a", "b", "c")
    np.testing.assert_array_equal(embeddings["b"], embeddings.vectors[1])
    np.testing.assert_array_equal(embeddings[-1], embeddings.vectors[2])
    assert embeddings[1:].keys == ["b", "c"]
    part = embeddings[["c", "a"]]
    assert part.keys == ["c", "a"]
    np.testing.assert_array_equal(part.vectors, embeddings.vectors[[2, 0]])
    assert "a" in embeddings
    assert "x" not in embeddings


def test_getitem__an_unknown_or_skipped_key_says_so(embedded):
    with pytest.raises(InvalidParameterError, match="clip0000"):
        embedded["nobody"]
    with pytest.raises(InvalidParameterError, match="skipped: <b>broken"):
        embedded["clip0001"]


def test_vectors__cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        some("a").vectors[0] = 0


def test_embeddings__rows_and_keys_must_fit():
    with pytest.raises(InvalidParameterError, match="2 keys"):
        Embeddings(np.ones((3, 2)), ["a", "b"], SPACE)
    with pytest.raises(InvalidParameterError, match="more than once"):
        Embeddings(np.ones((2, 2)), ["a", "a"], SPACE)


def test_add__joins_one_space_and_refuses_two():
    joined = some("a") + some("b", "c")
    assert joined.keys == ["a", "b", "c"]
    assert joined.vectors.shape == (3, 5)
    other = EmbeddingSpace("me/m", "1", "rgb", "uniform-middle:16")
    with pytest.raises(EmbeddingSpaceError, match=r"uniform-middle:8.*uniform-middle:16"):
        some("a") + some("b", space=other)
    with pytest.raises(InvalidParameterError, match="more than once"):
        some("a") + some("a")


def test_to_frame__one_row_a_clip(embedded):
    frame = embedded.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["path"].tolist()[0] == "/clips/clip0000"
    np.testing.assert_array_equal(np.stack(frame["vector"]), embedded.vectors)


@pytest.mark.parametrize("name", ["v.parquet", "v.npz", "V.NPZ"])
def test_save__everything_comes_back(tmp_path, embedded, name):
    path = embedded.save(tmp_path / name)
    loaded = Embeddings.load(path)
    np.testing.assert_array_equal(loaded.vectors, embedded.vectors)
    assert loaded.vectors.dtype == np.float32
    for field in ("keys", "paths", "space", "skipped", "stats", "stopped", "notes", "provenance"):
        assert getattr(loaded, field) == getattr(embedded, field), field
    assert loaded.clips is None
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["v.parquet", "v.npz"])
def test_save__no_rows_and_odd_names(tmp_path, name):
    empty = Embeddings(np.empty((0, 4)), [], SPACE)
    assert Embeddings.load(empty.save(tmp_path / name)).vectors.shape == (0, 4)
    odd = Embeddings(np.ones((2, 1)), ["été ⭐.mp4", "<img src=x>.mp4"], SPACE, paths=["a\udcff", "b"])
    loaded = Embeddings.load(odd.save(tmp_path / name))
    assert loaded.keys == odd.keys
    assert loaded.paths == ["a\\udcff", "b"]


def test_save__no_rows_of_no_dimension(tmp_path):
    empty = Embeddings(np.empty((0, 0)), [], SPACE)
    assert len(Embeddings.load(empty.save(tmp_path / "v.parquet"))) == 0


def test_save__a_parquet_file_that_others_can_read(tmp_path, embedded):
    table = pq.read_table(embedded.save(tmp_path / "v.parquet"))
    assert table.column_names == ["key", "path", "vector", "kind", "start_s", "stop_s", "caption"]
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 4)
    facts = json.loads(table.schema.metadata[b"embedding_workbench"])
    assert facts["space"]["model_id"] == "fakes/mean-color"
    assert facts["provenance"]["versions"]["numpy"] == np.__version__


def test_save__an_interrupted_write_leaves_the_old_file(tmp_path, embedded, monkeypatch):
    path = some("old").save(tmp_path / "v.npz")
    monkeypatch.setattr(np, "savez", lambda *args, **kwargs: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        embedded.save(path)
    assert Embeddings.load(path).keys == ["old"]
    assert len(list(tmp_path.iterdir())) == 1


def test_save__bad_ending_or_folder(tmp_path):
    with pytest.raises(InvalidParameterError, match=r"'\.csv'"):
        some("a").save(tmp_path / "v.csv")
    with pytest.raises(InvalidParameterError, match="no folder"):
        some("a").save(tmp_path / "nowhere" / "v.npz")


def test_load__no_file(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"v\.npz"):
        Embeddings.load(tmp_path / "v.npz")


def test_load__foreign_files_are_refused(tmp_path):
    pq.write_table(pa.table({"vector": [[1.0]]}), tmp_path / "foreign.parquet")
    np.savez(tmp_path / "foreign.npz", vectors=np.ones((1, 1)))
    np.savez(tmp_path / "pickle.npz", embedding_workbench=np.array([object()], dtype=object))
    (tmp_path / "text.parquet").write_text("hello")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    for file in sorted(tmp_path.iterdir()):
        with pytest.raises(EmbeddingsFileError, match="does not hold embeddings"):
            Embeddings.load(file)


def test_load__a_tampered_file_is_refused(tmp_path, embedded):
    path = embedded.save(tmp_path / "v.npz")
    with np.load(path) as file:
        parts = dict(file)
    for name, value in {
        "vectors": parts["vectors"][:2],
        "keys": parts["keys"][[0, 0, 1, 2]],
        "embedding_workbench": np.array("{}"),
    }.items():
        np.savez(tmp_path / "bad.npz", **(parts | {name: value}))
        with pytest.raises(EmbeddingsFileError):
            Embeddings.load(tmp_path / "bad.npz")
    facts = json.loads(str(parts["embedding_workbench"])) | {"schema": 99}
    np.savez(tmp_path / "new.npz", **(parts | {"embedding_workbench": np.array(json.dumps(facts))}))
    with pytest.raises(EmbeddingsFileError, match="format 99"):
        Embeddings.load(tmp_path / "new.npz")


def test_repr_html__names_are_text(embedded):
    html = embedded._repr_html_()
    assert "1 skipped" in html
    assert "1 with a note" in html
    assert "one frame missing" in html
    assert "&lt;b&gt;broken" in html
    assert "<b>broken" not in html
    assert (
        repr(embedded)
        == "Embeddings(4 clips x 4 dims, fakes/mean-color, uniform-middle:2+frame-mean, 1 skipped)"
    )

"""Export and import: the same rows come back, hostile files are refused whole."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from models.base import EmbeddingSpace
from workbench.errors import EmbeddingsFileError, InvalidParameterError, SourceNotFoundError

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.store import EmbeddingStore
from workbench.store.exchange import FORMATS, export_space, import_file

SPACE = EmbeddingSpace("me/m", "abc", "rgb64", "uniform-middle:8")


class Named:
    kind, start_s, stop_s, caption = "video", 0.5, 2.0, "a <b>cap\udcfftion"

    def __init__(self, key):
        self.key, self.path = key, f"/films/<b>{key}\udcff.mp4"


@pytest.fixture
def store(tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    store.put(
        SPACE, ["a", "b"], vectors[:2], clips=[Named("one"), Named("zwei ⭐")], provenance={"device": "cpu"}
    )
    store.put(SPACE, ["c"], vectors[2:])
    return store


@pytest.mark.parametrize("ending", FORMATS)
def test_export__and_import_give_the_same_rows(store, tmp_path, ending):
    path = export_space(store, SPACE, tmp_path / f"out{ending}")
    other = EmbeddingStore(tmp_path / "other")
    assert import_file(other, path) == (SPACE, 3)
    before, after = store.read(SPACE), other.read(SPACE)
    for name in before.column_names:
        assert before[name].to_pylist() == after[name].to_pylist(), name
    run = before["run"][0].as_py()
    assert other.provenance(run) == store.provenance(run) == {"device": "cpu"}
    assert import_file(other, path) == (SPACE, 3)
    assert other.info().spaces[0].rows == 3


def test_export__refuses(store, tmp_path):
    with pytest.raises(InvalidParameterError, match=r"ends in '\.csv'; it may end in \.parquet"):
        export_space(store, SPACE, tmp_path / "x.csv")
    with pytest.raises(InvalidParameterError, match="there is no folder"):
        export_space(store, SPACE, tmp_path / "none" / "x.npz")


def test_export__a_failure_leaves_the_older_file(store, tmp_path, monkeypatch):
    path = export_space(store, SPACE, tmp_path / "x.parquet")
    before = path.read_bytes()
    monkeypatch.setattr(pq, "write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        export_space(store, SPACE, path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if "x.parquet" in one.name] == ["x.parquet"]


def broken_safetensors(path, **changes):
    about = json.dumps({"schema": 1, "model_id": "m", **changes.get("about", {})})
    facts = {"id": ["a", "b"], "run": ["", ""], "key": ["a", "b"], "path": ["", ""], "kind": ["", ""]}
    facts |= {"start_s": [None, None], "stop_s": [None, None], "written": ["2026-01-01 00:00:00+00:00"] * 2}
    facts |= changes.get("facts", {})
    vectors = changes.get("vectors", np.ones((2, 4), np.float32))
    save_file({"vectors": vectors}, path, metadata={"embedding_space": about, "rows": json.dumps(facts)})
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"about": {"schema": 99}},
        {"about": {"nonsense": "x"}},
        {"facts": {"id": ["a", "a"]}},
        {"facts": {"id": ["a"]}},
        {"facts": {"id": ["a", ""]}},
        {"vectors": np.ones((2, 4), np.float64)},
        {"vectors": np.full((2, 4), np.nan, np.float32)},
        {"vectors": np.ones((3, 4), np.float32)},
        {"vectors": np.ones(4, np.float32)},
    ],
    ids=str,
)
def test_import__refuses_what_is_wrong_and_puts_nothing(store, tmp_path, changes):
    other = EmbeddingStore(tmp_path / "other")
    with pytest.raises(EmbeddingsFileError, match="holds no vectors"):
        import_file(other, broken_safetensors(tmp_path / "x.safetensors", **changes))
    assert other.spaces() == []


def test_import__a_good_one_passes(tmp_path):
    other = EmbeddingStore(tmp_path / "other")
    space, count = import_file(other, broken_safetensors(tmp_path / "x.safetensors"))
    assert (space.model_id, count) == ("m", 2)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet PAR1", b"PK\x03\x04 no zip", b"\xff" * 64])
def test_import__damaged_files(tmp_path, ending, content):
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(EmbeddingsFileError):
        import_file(EmbeddingStore(tmp_path / "other"), path)


def test_import__pickled_arrays_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, vectors=np.array([{}], dtype=object))
    with pytest.raises(EmbeddingsFileError):
        import_file(EmbeddingStore(tmp_path / "other"), path)


def test_import__missing(tmp_path):
    with pytest.raises(SourceNotFoundError):
        import_file(EmbeddingStore(tmp_path / "other"), tmp_path / "none.npz")


def test_import__a_run_that_is_no_name_is_refused_and_nothing_outside_is_read(store, tmp_path):
    (tmp_path / "secret.json").write_text('{"token": "xyz"}')
    path = export_space(store, SPACE, tmp_path / "x.parquet")
    table = pq.read_table(path)
    place = table.schema.get_field_index("run")
    pq.write_table(table.set_column(place, "run", pa.array(["../../secret"] * len(table))), path)
    with pytest.raises(EmbeddingsFileError, match="names a run as no store does"):
        import_file(EmbeddingStore(tmp_path / "other"), path)
    assert store.provenance("../../secret") == {}


def test_import__a_small_parquet_that_unpacks_to_much_is_refused(store, tmp_path, monkeypatch):
    path = export_space(store, SPACE, tmp_path / "x.parquet")
    table = pq.read_table(path)
    rows = table.take([0] * 50_000).set_column(0, "id", pa.array(["x" * 2000] * 50_000))
    pq.write_table(rows.replace_schema_metadata(table.schema.metadata), path)
    assert path.stat().st_size < 1 << 20
    monkeypatch.setattr("workbench.bounded_parquet.LEAST_BOUND_BYTES", 1 << 25)
    with pytest.raises(EmbeddingsFileError, match="unpacks to"):
        import_file(EmbeddingStore(tmp_path / "other"), path)


def test_import__a_parquet_without_the_columns_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    about = {"embedding_space": json.dumps({"schema": 1, "model_id": "m"})}
    pq.write_table(pa.table({"id": ["a"]}).replace_schema_metadata(about), path)
    monkeypatch.setattr("workbench.store.exchange.read_bounded", None)
    with pytest.raises(EmbeddingsFileError, match="no column run"):
        import_file(EmbeddingStore(tmp_path / "other"), path)


def test_import__a_compressed_npz_is_refused(store, tmp_path):
    path = export_space(store, SPACE, tmp_path / "x.npz")
    with np.load(path) as arrays:
        np.savez_compressed(path, **dict(arrays))
    with pytest.raises(EmbeddingsFileError, match="compressed"):
        import_file(EmbeddingStore(tmp_path / "other"), path)


def test_import__vectors_that_the_file_repeats_are_counted_before_they_are_read(tmp_path, monkeypatch):
    store = EmbeddingStore(tmp_path / "store")
    store.put(SPACE, ["a"], np.zeros((1, 512), np.float32))
    path = export_space(store, SPACE, tmp_path / "x.parquet")
    table = pq.read_table(path)
    many = table.take([0] * 200_000)
    pq.write_table(many.replace_schema_metadata(table.schema.metadata), path)
    monkeypatch.setattr("workbench.bounded_parquet._written_out", None)  # it must not come that far
    with pytest.raises(EmbeddingsFileError, match="unpacks to 4"):
        import_file(EmbeddingStore(tmp_path / "other"), path)

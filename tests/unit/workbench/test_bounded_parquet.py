"""Reading Parquet within bounds: what is small in a file and large in memory is refused in time."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.bounded_parquet import TooLargeError, iterate_bounded, read_bounded

TEXT = "x" * 100_000


def repeated(text, count):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text]))


def lists(values):
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


BOMBS = {
    "texts": repeated(TEXT, 20_000),
    "a list of texts": lists(repeated(TEXT, 20_000)),
    "a list of lists of texts": lists(lists(repeated(TEXT, 20_000))),
    "texts in records": pa.StructArray.from_arrays([lists(repeated(TEXT, 20_000))], ["inner"]),
    "texts by name": pa.MapArray.from_arrays(
        pa.array([0, 20_000], pa.int32()), pa.array(map(str, range(20_000))), repeated(TEXT, 20_000)
    ),
    "a list of numbers": lists(pa.array(np.zeros(20_000_000, np.int64))),
    "numbers": pa.array(np.zeros(20_000_000, np.int64)),
    "bytes of one length": pa.array([b"\0" * 100_000] * 2_000, pa.binary(100_000)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_read_bounded__refuses_what_unpacks_to_more(tmp_path, bomb):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"x": BOMBS[bomb]}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 200_000
    code = (
        "import resource, sys\nfrom pathlib import Path\nimport pyarrow.parquet\n"
        "from workbench.bounded_parquet import TooLargeError, read_bounded\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_bounded(Path(sys.argv[1]), 100_000_000)\n"
        "except TooLargeError as error: print(error.size)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    size, added_kib = map(int, done.stdout.split())
    assert size > 100_000_000
    assert added_kib < 64 << (10 if sys.platform == "linux" else 20)  # macOS counts in bytes


def test_read_bounded__gives_what_pyarrow_gives(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = {
        "text": pa.array(["a", "b", None]),
        "bytes": pa.array([b"1", b"2", None]),
        "texts": pa.array([["x", "y"], None, []]),
        "large": pa.array([["x"], [], None], pa.large_list(pa.string())),
        "records": pa.array([{"a": "q", "c": [{"d": "e"}]}, None, {"a": None, "c": None}]),
        "by_name": pa.array([[("a", "b")], [], None], pa.map_(pa.string(), pa.string())),
        "vector": pa.array([[1, 2], [3, 4], None], pa.list_(pa.float32(), 2)),
        "pair": pa.array([["1", "2"], ["3", "4"], None], pa.list_(pa.string(), 2)),
        "money": pa.array([1, 2, None], pa.decimal128(30)),
        "time": pa.array([1, 2, None], pa.timestamp("us")),
        "a.b": pa.array(["1", "2", "3"]),
        "none": pa.nulls(3),
    }
    pq.write_table(pa.table(columns), path)
    assert read_bounded(path, 10_000).equals(pq.read_table(path))
    some = read_bounded(path, 10_000, ["a.b", "pair"])
    assert some.equals(pq.read_table(path, columns=["a.b", "pair"]))
    batches = list(iterate_bounded(path, 10_000, ["text", "records"], rows=2))
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert pa.Table.from_batches(batches).equals(pq.read_table(path, columns=["text", "records"]))


def test_iterate_bounded__ends_before_the_batch_that_is_too_much(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": repeated("x" * 1000, 100)}), path, store_schema=False)
    batches = iterate_bounded(path, 50_000, ["x"], rows=20)
    assert [next(batches).num_rows, next(batches).num_rows] == [20, 20]
    with pytest.raises(TooLargeError, match="60,000"):
        next(batches)

"""Shards and metadata made to do harm: read past, listed with reasons, nothing written anywhere."""

import io
import json
import tarfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fakes import MeanColorModel
from workbench.errors import EmbeddingsFileError, ShardError
from workbench.media.images import jpeg_bytes
from workbench.stages import (
    DecodeStage,
    EmbedStage,
    ImageTextPairDataset,
    Pipeline,
    ReadClipsStage,
    RegisteredModelEmbedder,
    WriteParquetStage,
    WriteWebDatasetStage,
    shard_metadata,
)
from workbench.stages.shard_metadata import read_metadata

JPEG = jpeg_bytes(np.full((16, 16, 3), (200, 10, 10), np.uint8), max_side=16)
MARKUP = "<img src=x onerror=alert(1)>"


def add(tar, name, content=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    tar.addfile(info, io.BytesIO(content) if kind == tarfile.REGTYPE else None)


def sparse_giant(name):
    """A GNU header that announces 10 GB of holes, and its one empty block."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = b"%011o\0" % 0
    header[398:410] = b"%011o\0" % 0
    header[483:495] = b"%011o\0" % (10 * 2**30 - 1 & 0o77777777777)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.fixture
def hostile(tmp_path):
    """A folder with one shard in which two samples are good."""
    folder = tmp_path / "in" / "shards"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "00000.tar", "w") as tar:
        add(tar, "good.jpg", JPEG)
        add(tar, "good.json", b"[" * 100_000)
        add(tar, "/etc/evil.jpg", JPEG)
        add(tar, "../../evil.jpg", JPEG)
        add(tar, "link.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add(tar, "hard.jpg", kind=tarfile.LNKTYPE, link="../../../etc/passwd")
        add(tar, "device.jpg", kind=tarfile.CHRTYPE)
        add(tar, "pipe.jpg", kind=tarfile.FIFOTYPE)
        tar.fileobj.write(sparse_giant("sparse.jpg"))
        tar.offset += 512
        add(tar, f"{MARKUP}.jpg", JPEG)
        add(tar, "alone.json", json.dumps({"text": "no picture"}).encode())
        add(tar, "good.jpg", JPEG)
        add(tar, "junk.jpg", b"\xff\xd8 no picture")
    return folder


def files_of(folder):
    return {path: path.stat().st_size for path in folder.rglob("*")}


REASONS = {
    "/etc/evil.jpg": "leaves the folder",
    "../../evil.jpg": "leaves the folder",
    "link.jpg": "a link",
    "hard.jpg": "a link",
    "device.jpg": "a device",
    "pipe.jpg": "a pipe",
    "sparse.jpg": "a sparse file",
    "good.jpg": "was in the shard before",
}


def test_image_embedder__reads_past_a_hostile_shard(hostile, tmp_path):
    before = files_of(tmp_path)
    embedder = RegisteredModelEmbedder(MeanColorModel())
    table = embedder(ImageTextPairDataset.from_webdataset(hostile)).metadata
    embedded = [
        key for key, row in zip(table["id"], table["image_embedding"], strict=True) if row is not None
    ]
    assert embedded == ["good", MARKUP]
    problems = {one.member: one.reason for one in embedder.problems["00000.tar"]}
    assert {name: reason in problems[name] for name, reason in REASONS.items()} == dict.fromkeys(
        REASONS, True
    )
    assert len(problems) == len(REASONS)
    skipped = embedder.skipped["00000.tar"]
    assert "00000.tar, alone: it has no image" in skipped["alone"]
    assert "00000.tar, junk.jpg" in skipped["junk"]
    assert files_of(tmp_path) == before


def test_pipeline__a_hostile_shard_writes_into_its_targets_only(hostile, tmp_path):
    before = files_of(tmp_path)
    out = tmp_path / "out"
    stages = [
        ReadClipsStage(hostile / "00000.tar"),
        DecodeStage(),
        EmbedStage(MeanColorModel()),
        WriteParquetStage(out / "rows"),
        WriteWebDatasetStage(out / "shards"),
    ]
    items = Pipeline(stages=stages).run(progress=False).items
    good = [item.image_id for item in items if not item.errors]
    assert len(good) == 2
    assert any("onerror" in name for name in good)
    told = {str(item.video_path).rpartition("00000.tar/")[2]: item.errors for item in items if item.errors}
    reasons = REASONS | {"good.jpg": "there twice"}
    assert {name: reason in told[name]["read"] for name, reason in reasons.items()} == dict.fromkeys(
        reasons, True
    )
    assert set(told) == {*reasons, "junk.jpg"}
    made = set(files_of(tmp_path)) - set(before)
    assert all(path == out or out in path.parents for path in made)
    assert not [path for path in made if ".." in path.name or "<" in path.name]


def test_image_embedder__a_hostile_shard_with_honest_metadata_names_what_is_lost(hostile):
    pd.DataFrame({"id": ["good", MARKUP, "link", "alone", "junk"]}).to_parquet(hostile / "00000.parquet")
    dataset = RegisteredModelEmbedder(MeanColorModel())(ImageTextPairDataset.from_webdataset(hostile))
    with pytest.raises(ShardError, match=r"only in the metadata: 'link'; 00000\.tar, /etc/evil\.jpg: "):
        _ = dataset.metadata


def test_read_metadata__gives_what_was_written(tmp_path):
    path = tmp_path / "m.parquet"
    table = pd.DataFrame(
        {"id": ["a", "b"], "text": ["x", None], "size": [1, 2], "tags": [["p"], []], "raw": [b"1", b"2"]}
    )
    table.to_parquet(path)
    pd.testing.assert_frame_equal(read_metadata(path, "id"), pd.read_parquet(path))
    assert list(read_metadata(path, "size")["id"]) == ["a", "b"]


def test_read_metadata__repeated_texts_are_counted_before_they_are_written_out(tmp_path):
    path = tmp_path / "bomb.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"id": pa.array(range(20_000)), "text": text}), path, compression="zstd")
    assert path.stat().st_size < 200_000
    with pytest.raises(EmbeddingsFileError, match=r"unpacks to 2,000,\d+,\d+ bytes; at most 1,073,741,824"):
        read_metadata(path, "id")


def test_read_metadata__bounds_on_what_it_announces(tmp_path, monkeypatch):
    path = tmp_path / "wide.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "x": ["a" * 999] * 3}), path, use_dictionary=False)
    monkeypatch.setattr(shard_metadata, "MAX_ROWS", 2)
    with pytest.raises(EmbeddingsFileError, match="says it has 3 rows and 2 columns"):
        read_metadata(path, "id")
    monkeypatch.setattr(shard_metadata, "MAX_ROWS", 3)
    monkeypatch.setattr(shard_metadata, "MAX_TABLE_BYTES", 999)
    with pytest.raises(EmbeddingsFileError, match=r"unpacks to .* at most 999"):
        read_metadata(path, "id")


@pytest.mark.parametrize(
    ("column", "kind"), [([[1], [2]], "list"), ([{"a": 1}] * 2, "struct"), ([0.5, 1.5], "double")]
)
def test_read_metadata__ids_of_another_kind_are_refused(tmp_path, column, kind):
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"id": column}), path)
    with pytest.raises(EmbeddingsFileError, match=f"column 'id' of .* holds {kind}.*texts or whole numbers"):
        read_metadata(path, "id")


def test_read_metadata__a_column_twice_and_damaged_files(tmp_path):
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["id", "id"]), path)
    with pytest.raises(EmbeddingsFileError, match="the column 'id' twice"):
        read_metadata(path, "id")
    pq.write_table(pa.table({"id": [str(number) for number in range(1000)]}), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[40:400] = b"\xff" * 360
    for damaged in (b"", b"PAR1", bytes(content), bytes(content[:-20])):
        path.write_bytes(damaged)
        with pytest.raises(EmbeddingsFileError, match="cannot be read as Parquet"):
            read_metadata(path, "id")

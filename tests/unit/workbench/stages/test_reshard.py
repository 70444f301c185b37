"""Chosen samples in new shards: which, under which ids, and what is refused."""

import json
import tarfile

import pandas as pd
import pytest

from models.errors import InvalidParameterError
from workbench.errors import ShardError
from workbench.media.shards import read_shard
from workbench.media.tars import add_part
from workbench.stages import ImageTextPairDataset

COUNT = 25


@pytest.fixture
def dataset(tmp_path):
    """25 samples in shards of 10, each a text of its number and a record; scores in the metadata."""
    folder = tmp_path / "in"
    folder.mkdir()
    for shard in range(3):
        numbers = range(shard * 10, min(shard * 10 + 10, COUNT))
        with tarfile.open(folder / f"{shard:05}.tar", "w") as tar:
            for number in numbers:
                add_part(tar, f"k{number}", "txt", str(number).encode())
                add_part(tar, f"k{number}", "json", json.dumps({"id": f"s{number}", "n": number}).encode())
        rows = {"id": [f"s{one}" for one in numbers], "n": list(numbers)}
        rows["even"] = [one % 2 == 0 for one in numbers]
        pd.DataFrame(rows)[::-1].to_parquet(folder / f"{shard:05}.parquet", index=False)
    return ImageTextPairDataset.from_webdataset(folder)


def texts_of(tar_file):
    return [sample.parts["txt"].decode() for sample in read_shard(tar_file)]


def test_to_webdataset__writes_the_chosen_samples_with_their_rows_and_new_ids(dataset, tmp_path):
    made = dataset.to_webdataset(tmp_path / "out", "even", samples_per_shard=5, old_id_col="was")
    assert [one.name for one in made.tar_files] == ["00000.tar", "00001.tar", "00002.tar"]
    table = made.metadata
    assert table["n"].tolist() == list(range(0, COUNT, 2))
    assert table["was"].tolist() == [f"s{one}" for one in range(0, COUNT, 2)]
    assert table["id"].tolist()[:6] == ["000000", "000001", "000002", "000003", "000004", "000010"]
    for tar_file, rows in made.partitions():
        samples = list(read_shard(tar_file))
        assert [sample.key for sample in samples] == rows["id"].tolist()
        assert [int(sample.parts["txt"]) for sample in samples] == rows["n"].tolist()
        stated = [json.loads(sample.parts["json"]) for sample in samples]
        assert [(one["id"], one["n"]) for one in stated] == list(zip(rows["id"], rows["n"], strict=True))


def test_to_webdataset__keeps_everything_without_a_filter_and_without_metadata(dataset, tmp_path):
    for parquet in dataset.path.glob("*.parquet"):
        parquet.unlink()
    keyed = ImageTextPairDataset.from_webdataset(dataset.path, id_col="key")
    made = keyed.to_webdataset(tmp_path / "out", max_shards=2)
    assert [one.name for one in made.tar_files] == ["00.tar"]
    assert texts_of(made.tar_files[0]) == [str(one) for one in range(COUNT)]
    assert made.metadata["key"].tolist()[-1] == "000024"


def test_to_webdataset__takes_a_column_that_a_step_added(dataset, tmp_path):
    late = dataset.with_step(lambda _, table: table.assign(late=table["n"] > 20))
    assert texts_of(late.to_webdataset(tmp_path / "out", "late").tar_files[0]) == ["21", "22", "23", "24"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filter_column": "odd"}, "no column 'odd'; there are id, n, even"),
        ({"filter_column": "n"}, "holds int64; yes or no"),
        ({"samples_per_shard": 0}, "samples_per_shard is 0"),
        ({"max_shards": True}, "max_shards is True"),
    ],
)
def test_to_webdataset__refuses_options(dataset, tmp_path, options, words):
    with pytest.raises(InvalidParameterError, match=words):
        dataset.to_webdataset(tmp_path / "out", **options)


def test_to_webdataset__refuses_to_mix_shards(dataset):
    before = {one: one.read_bytes() for one in dataset.path.iterdir()}
    with pytest.raises(InvalidParameterError, match="has shards already"):
        dataset.to_webdataset(dataset.path)
    assert {one: one.read_bytes() for one in dataset.path.iterdir()} == before


def test_to_webdataset__too_many_shards_and_none(dataset, tmp_path):
    with pytest.raises(ShardError, match="10 shards are written, and there are more"):
        dataset.to_webdataset(tmp_path / "out", samples_per_shard=1, max_shards=1)
    nothing = dataset.with_step(lambda _, table: table.assign(no=False))
    with pytest.raises(ShardError, match="says no to all"):
        nothing.to_webdataset(tmp_path / "none", "no")


def test_to_webdataset__samples_that_are_not_those_of_the_metadata(dataset, tmp_path):
    more = dataset.with_step(lambda _, table: pd.concat([table, table.tail(1).assign(id="lost")]))
    with pytest.raises(ShardError, match="lacks 1 samples of its metadata: 'lost'"):
        more.to_webdataset(tmp_path / "more")
    assert not list((tmp_path / "more").glob("*.tar"))  # no shard is left half written
    fewer = dataset.with_step(lambda _, table: table.head(3))
    with pytest.raises(ShardError, match="its metadata has no such row"):
        fewer.to_webdataset(tmp_path / "fewer")

"""Embedding tar shards: joined by id, counted, broken samples listed."""

import io
import json
import tarfile

import numpy as np
import pandas as pd
import pytest
import torch

from models.errors import InvalidParameterError, InvalidTypeError
from tests.fakes import MeanColorModel
from workbench.errors import EmbeddingsFileError, ShardError, SourceNotFoundError, StageError
from workbench.media.images import decode_image, jpeg_bytes
from workbench.stages import ImageEmbedder, ImageTextPairDataset, InProcessExecutor, RegisteredModelEmbedder

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def jpeg(color):
    return jpeg_bytes(np.full((16, 16, 3), COLORS[color], np.uint8), max_side=16)


@pytest.fixture
def write_shard(tmp_path):
    """Write a shard of (id, colour or bytes) and, unless told otherwise, its metadata."""

    def write(samples, *, name="00000", ids=None, parquet=True):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for sample_id, color in samples:
                content = jpeg(color) if color in COLORS else color
                for suffix, part in (("jpg", content), ("json", json.dumps({"id": sample_id}).encode())):
                    info = tarfile.TarInfo(f"k{sample_id}.{suffix}")
                    info.size = len(part)
                    tar.addfile(info, io.BytesIO(part))
        if parquet:
            ids = [sample_id for sample_id, _ in samples] if ids is None else ids
            pd.DataFrame({"id": ids, "text": "a"}).to_parquet(tmp_path / f"{name}.parquet")
        return tmp_path

    return write


class MyCustomEmbedder(ImageEmbedder):
    """The example of the guide for embedder authors, filled in where it leaves `pass`."""

    def load_dataset_shard(self, tar_path: str):
        batch, metadata = [], []
        with tarfile.open(tar_path) as tar:
            for member in tar:
                content = tar.extractfile(member).read()
                if member.name.endswith(".jpg"):
                    batch.append(torch.tensor(decode_image(content)).float().mean(dim=(0, 1)))
                else:
                    metadata.append(json.loads(content))
        yield torch.stack(batch), metadata

    def load_embedding_model(self, device: str):
        return lambda batch: batch.to(device) / 255


def test_seed_002__the_example_runs_and_rows_are_joined_by_id(write_shard, tmp_path):
    folder = write_shard([("10", "red"), ("9", "green"), ("2", "blue")], ids=["2", "9", "10"])
    embedder = MyCustomEmbedder(device="cpu")
    dataset = embedder(ImageTextPairDataset.from_webdataset(folder, id_col="id"))
    (written,) = dataset.save_metadata(tmp_path / "out")
    table = pd.read_parquet(written)
    assert list(table["id"]) == ["2", "9", "10"]
    assert [int(np.argmax(row)) for row in table["image_embedding"]] == [2, 1, 0]
    assert table["image_embedding"][0].dtype == np.float32
    assert "image_embedding" not in pd.read_parquet(folder / "00000.parquet").columns


def test_save_metadata__without_a_path_lies_beside_the_shards(write_shard):
    folder = write_shard([("1", "red")])
    dataset = MyCustomEmbedder(device="cpu")(ImageTextPairDataset.from_webdataset(folder))
    dataset.save_metadata(columns=["image_embedding"])
    assert list(pd.read_parquet(folder / "00000.parquet").columns) == ["id", "image_embedding"]


def test_call__counts_must_agree(write_shard):
    folder = write_shard([("1", "red"), ("2", "red")], ids=["1", "2", "3"])
    dataset = MyCustomEmbedder(device="cpu")(ImageTextPairDataset.from_webdataset(folder))
    with pytest.raises(
        RuntimeError, match=r"00000\.tar has 2 samples, its metadata 3 rows; only in the metadata: '3'"
    ):
        _ = dataset.metadata


def test_call__a_model_that_loses_a_row(write_shard):
    class Loses(MyCustomEmbedder):
        def load_embedding_model(self, device):
            return lambda batch: batch[1:]

    dataset = Loses()(ImageTextPairDataset.from_webdataset(write_shard([("1", "red"), ("2", "red")])))
    with pytest.raises(ShardError, match=r"Loses gave vectors of shape \(1, 3\) for 2 samples"):
        _ = dataset.metadata


def test_call__samples_without_their_id(write_shard):
    class NoId(MyCustomEmbedder):
        def load_dataset_shard(self, tar_path):
            yield torch.zeros(1, 3), [{"name": "x"}]

    dataset = NoId()(ImageTextPairDataset.from_webdataset(write_shard([("1", "red")])))
    with pytest.raises(ShardError, match="a dict with 'id' is expected"):
        _ = dataset.metadata


class Redness:
    """Tells red from the rest, by the first number of a vector."""

    pred_column = "red"

    def __call__(self, vectors):
        return vectors[:, 0] > vectors[:, 1:].max(axis=1)


def test_classifiers__add_columns_joined_like_the_vectors(write_shard, tmp_path):
    folder = write_shard([(2, "red"), (1, b"no image"), (0, "green")], ids=[0, 1, 2])
    embedder = RegisteredModelEmbedder(MeanColorModel(), classifiers=[Redness()])
    table = embedder(ImageTextPairDataset.from_webdataset(folder, id_col="id")).metadata
    assert table["red"].tolist() == [False, None, True]
    assert list(embedder.skipped["00000.tar"]) == [1]


def test_classifiers__one_that_loses_a_value(write_shard):
    class Forgetful(Redness):
        def __call__(self, vectors):
            return super().__call__(vectors)[1:]

    folder = write_shard([(0, "red"), (1, "green")])
    embedder = MyCustomEmbedder("mine", "vector", [Forgetful()])
    with pytest.raises(ShardError, match=r"Forgetful gave 1 values for 2 vectors of 00000\.tar"):
        _ = embedder(ImageTextPairDataset.from_webdataset(folder, id_col="id")).metadata


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_registered_model__every_shard_in_batches(write_shard, batch_size):
    write_shard([(1, "red"), (2, "green"), (3, "blue")])
    folder = write_shard([(7, "blue")], name="00001", parquet=False)
    model = MeanColorModel()
    sizes = []
    model.embed_images = lambda images: (
        sizes.append(len(images)) or MeanColorModel.embed_images(model, images)
    )
    dataset = RegisteredModelEmbedder(model, batch_size=batch_size)(
        ImageTextPairDataset.from_webdataset(folder)
    )
    first = dataset.partition(dataset.tar_files[0])
    expected = MeanColorModel().embed_images([decode_image(jpeg(color)) for color in COLORS])
    assert np.allclose(np.stack(first["image_embedding"]), expected)
    assert max(sizes) == min(batch_size, 3)


def test_registered_model__huge_pictures_do_not_wait_for_each_other(write_shard, monkeypatch):
    monkeypatch.setattr("workbench.stages.embedder.MAX_BATCH_BYTES", 1)
    folder = write_shard([(1, "red"), (2, "green"), (3, "blue")])
    batches = RegisteredModelEmbedder(MeanColorModel()).load_dataset_shard(str(folder / "00000.tar"))
    assert [len(images) for images, _ in batches] == [1, 1, 1]


def test_registered_model__without_a_parquet_the_keys_are_ids(write_shard):
    folder = write_shard([("7", "blue")], parquet=False)
    embedder = RegisteredModelEmbedder(MeanColorModel(), id_col="key")
    table = embedder(ImageTextPairDataset.from_webdataset(folder, id_col="key")).metadata
    assert list(table["key"]) == ["k7"]
    assert len(table["image_embedding"][0]) == MeanColorModel.embedding_dim


def test_registered_model__a_broken_image_is_listed_and_the_others_embedded(write_shard):
    folder = write_shard([("1", "red"), ("2", b"no picture"), ("3", "blue")])
    embedder = RegisteredModelEmbedder(MeanColorModel())
    table = embedder(ImageTextPairDataset.from_webdataset(folder)).metadata
    assert [row is None for row in table["image_embedding"]] == [False, True, False]
    assert "00000.tar, k2.jpg is not an image" in embedder.skipped["00000.tar"]["2"]


def test_registered_model__a_cut_shard_names_what_is_lost(write_shard):
    folder = write_shard([("1", "red"), ("2", "red")])
    path = folder / "00000.tar"
    path.write_bytes(path.read_bytes()[:2300])
    embedder = RegisteredModelEmbedder(MeanColorModel())
    with pytest.raises(ShardError, match=r"only in the metadata: '2'; .*the rest was not read"):
        _ = embedder(ImageTextPairDataset.from_webdataset(folder)).metadata


def test_dataset__what_is_missing(tmp_path, write_shard):
    with pytest.raises(SourceNotFoundError, match="has no shard"):
        ImageTextPairDataset.from_webdataset(tmp_path)
    folder = write_shard([("1", "red")])
    with pytest.raises(EmbeddingsFileError, match="has no column 'uid'; it has id, text"):
        _ = ImageTextPairDataset.from_webdataset(folder, id_col="uid").metadata
    (folder / "00000.parquet").write_bytes(b"PAR1 hostile")
    with pytest.raises(EmbeddingsFileError, match="cannot be read as Parquet"):
        _ = ImageTextPairDataset.from_webdataset(folder).metadata


def test_dataset__ids_that_are_there_twice(write_shard):
    folder = write_shard([("1", "red")], ids=["1", "1"])
    with pytest.raises(ShardError, match="'1' is there twice"):
        _ = ImageTextPairDataset.from_webdataset(folder).metadata


class Scripted(ImageEmbedder):
    """Gives the vectors that it is told to, one call a shard."""

    def __init__(self, *outputs):
        super().__init__("scripted", device="cpu")
        self.outputs = list(outputs)

    def load_dataset_shard(self, tar_path):
        yield "pictures", [{"id": "1"}]

    def load_embedding_model(self, device):
        return lambda batch: self.outputs.pop(0)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ([[1.0, np.nan]], "NaN or infinite numbers for 1 samples of .*00001.tar"),
        ([[1, 2, 3]], r"\(1, 2\) is"),
    ],
)
def test_call__vectors_of_no_use_name_their_shard(write_shard, second, says):
    for name in ("00000", "00001"):
        folder = write_shard([("1", "red")], name=name)
    dataset = Scripted([[1, 2]], second)(ImageTextPairDataset.from_webdataset(folder))
    with pytest.raises(ShardError, match=says):
        _ = dataset.metadata


def test_call__no_gradients_are_kept(write_shard):
    weight = torch.ones(1, 2, requires_grad=True)
    embedder = Scripted()
    embedder.load_embedding_model = lambda device: (
        lambda batch: weight * (1 if torch.is_grad_enabled() else 2)
    )
    table = embedder(ImageTextPairDataset.from_webdataset(write_shard([("1", "red")]))).metadata
    assert table["image_embedding"][0].tolist() == [2, 2]


@pytest.mark.parametrize("method", ["load_dataset_shard", "load_embedding_model"])
def test_call__a_method_that_was_left_empty_is_named(write_shard, method):
    embedder = Scripted([[1, 2]])
    setattr(embedder, method, lambda _: None)
    with pytest.raises(InvalidTypeError, match=f"{method} of Scripted gave None"):
        _ = embedder(ImageTextPairDataset.from_webdataset(write_shard([("1", "red")]))).metadata


def test_call__the_column_of_the_ids_is_not_overwritten(write_shard):
    embedder = RegisteredModelEmbedder(MeanColorModel(), image_embedding_column="id")
    with pytest.raises(InvalidParameterError, match="'id' is the column of the ids"):
        embedder(ImageTextPairDataset.from_webdataset(write_shard([("1", "red")])))


def test_save_metadata__types_do_not_depend_on_the_shard(write_shard, tmp_path):
    write_shard([], name="00000", parquet=False)
    write_shard([("a", b"no picture")], name="00001")
    folder = write_shard([("b", "red")], name="00002")
    dataset = RegisteredModelEmbedder(MeanColorModel())(ImageTextPairDataset.from_webdataset(folder))
    dataset.save_metadata(tmp_path / "out", columns=["image_embedding"])
    table = pd.read_parquet(tmp_path / "out")
    assert table["id"].tolist() == ["a", "b"]
    assert [vector is None for vector in table["image_embedding"]] == [True, False]


def test_dataset__ids_that_pandas_keeps_as_an_index(write_shard):
    folder = write_shard([("b", "red")])
    pd.DataFrame({"text": ["a"]}, pd.Index(["b"], name="id")).to_parquet(folder / "00000.parquet")
    assert ImageTextPairDataset.from_webdataset(folder).metadata["id"].tolist() == ["b"]


@pytest.mark.parametrize("ignore", [True, False])
def test_save_metadata__a_shard_that_fails_is_not_lost_without_a_word(write_shard, tmp_path, ignore):
    folder = write_shard([("1", "red")])
    (folder / "00001.tar").write_bytes(b"no archive")
    dataset = MyCustomEmbedder(device="cpu")(ImageTextPairDataset.from_webdataset(folder))
    with pytest.raises(StageError, match=r"00001\.tar"):
        dataset.save_metadata(tmp_path / "out", executor=InProcessExecutor(ignore_failures=ignore))
    assert (tmp_path / "out" / "00000.parquet").is_file() or not ignore

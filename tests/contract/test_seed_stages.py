"""Stage and embedder of seeds 001 and 002, with only their import lines changed, on both executors."""

import importlib.util
import io
import json
import tarfile

import numpy as np
import pandas as pd
import pytest

from tests.contract.seed_code import CUSTOM_STAGE, EMBEDDER, USAGE, filled_in, module, with_our_imports
from workbench.media.images import decode_image, jpeg_bytes
from workbench.stages import (
    ImageBatch,
    ImageObject,
    ImageTextPairDataset,
    InProcessExecutor,
    Pipeline,
    RayDataExecutor,
)

NO_RAY = importlib.util.find_spec("ray") is None
EXECUTORS = [
    "InProcess",
    pytest.param("Ray", marks=[pytest.mark.slow, pytest.mark.skipif(NO_RAY, reason="Ray is not installed")]),
]
LOADED = {
    "# Return a callable that takes image data and returns embeddings": (
        "scale = len(model_path)\n"
        "return lambda images: np.stack([image.mean(axis=(0, 1)) for image in images]) * scale"
    )
}
READ = {
    "# Implement your custom data loading logic here": (
        "for sample in read_shard(tar_path):\n"
        "    picture = decode_image(sample.parts['jpg'])\n"
        "    yield torch.tensor(picture[None]), [json.loads(sample.parts['json'])]"
    ),
    "# Load and return your model here": (
        "return lambda batch: batch.to(device).float().mean(dim=(1, 2)) / 255"
    ),
}
READ_IMPORTS = """
import json
import torch
from workbench.media.images import decode_image
from workbench.media.shards import read_shard
"""


def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (12, 16, 3), np.uint8) for _ in range(40)]


@pytest.fixture(scope="module")
def cluster():
    """One cluster for the file."""
    from workbench.stages.ray_session import ray_session

    with ray_session(2) as ray:
        yield ray


@pytest.fixture(params=EXECUTORS)
def executor(request):
    if request.param == "Ray":
        request.getfixturevalue("cluster")
        return RayDataExecutor(num_workers=1)
    return InProcessExecutor()


def test_seed_001__filled_in_runs_as_it_is_used_there(executor):
    images = pictures()
    tasks = [
        ImageBatch("pets", [ImageObject(image_id=str(n), image_data=images[n]) for n in range(start, stop)])
        for start, stop in ((0, 20), (20, 39), (39, 40))
    ]
    pipeline = Pipeline("images")
    source = filled_in(with_our_imports(CUSTOM_STAGE), LOADED)
    # as in a cell of a notebook, whose classes travel with the stage
    with module("seed_stage", source, __name__="__main__") as made:
        exec(USAGE, {**vars(made), "pipeline": pipeline})
        out = pipeline.run(executor, tasks)
    assert [item.image_id for item in out.items] == [str(number) for number in range(40)]
    expected = [image.mean(axis=(0, 1)) * len("/path/to/my/model") for image in images]
    assert np.array_equal([item.embedding for item in out.items], expected)
    assert [perf.stage_name for task in out for perf in task._stage_perf] == ["my_custom_embedding"] * 3
    (stage,) = pipeline.stages
    assert (stage.tasks_per_call, stage.with_(name="other").name) == (1, "other")  # batch_size is its own


def test_seed_002__filled_in_embeds_shards(executor, tmp_path):
    images = pictures()
    for shard in range(2):
        write_shard(tmp_path / f"0000{shard}.tar", range(shard * 20, shard * 20 + 20), images)
    dataset = ImageTextPairDataset.from_webdataset(tmp_path, id_col="uid")
    source = READ_IMPORTS + filled_in(with_our_imports(EMBEDDER), READ)
    with module("seed_embedder", source, __name__="__main__") as made:
        shards = made.MyCustomEmbedder(device="cpu")(dataset)
        files = shards.save_metadata(tmp_path / "out", executor=executor)
    tables = [pd.read_parquet(path) for path in files]
    assert [uid for table in tables for uid in table["uid"]] == [*range(19, -1, -1), *range(39, 19, -1)]
    for table in tables:
        for uid, row in zip(table["uid"], table["image_embedding"], strict=True):
            seen = decode_image(jpeg_bytes(images[uid], max_side=16)).mean(axis=(0, 1)) / 255
            assert np.allclose(row, seen, atol=1e-5)


def write_shard(path, ids, images):
    """Samples in one order, their metadata in the other."""
    with tarfile.open(path, "w") as tar:
        for uid in ids:
            parts = {"jpg": jpeg_bytes(images[uid], max_side=16), "json": json.dumps({"uid": uid}).encode()}
            for suffix, content in parts.items():
                info = tarfile.TarInfo(f"k{uid:04}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    pd.DataFrame({"uid": [*ids][::-1]}).to_parquet(path.with_suffix(".parquet"))

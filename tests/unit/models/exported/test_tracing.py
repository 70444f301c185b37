"""Large towers: their weights lie outside the graph, in one file with a name that a package may have."""

import numpy as np
import pytest
import torch

from models.exported.onnx import OnnxGraph
from models.exported.openvino import OpenVINOGraph, convert_onnx
from models.exported.tracing import OPSET, gather, write_image_tower

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


class Small:
    """A tower that gives the mean of each colour, times a few kB of weights."""

    device = "cpu"

    def __init__(self):
        self.network = torch.nn.Linear(3, 500).requires_grad_(requires_grad=False)

    def encode_images(self, pixels):
        return self.network(pixels.mean(dim=(2, 3)))

    def encode_text(self, input_ids, attention_mask):
        return self.network(input_ids.float() * attention_mask)

    def unload(self):
        self.network = None


def test_write_image_tower__one_file_of_one_opset(tmp_path):
    write_image_tower(Small(), torch.zeros(2, 3, 4, 4), tmp_path / "tower.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["tower.onnx"]
    assert [one.version for one in onnx.load(tmp_path / "tower.onnx").opset_import] == [OPSET]


@pytest.mark.filterwarnings("error")
def test_write_image_tower__is_silent(tmp_path, capfd):
    write_image_tower(Small(), torch.zeros(2, 3, 4, 4), tmp_path / "tower.onnx")
    assert capfd.readouterr() == ("", "")


def test_gather__weights_in_many_files_become_one(tmp_path):
    tower, (folder, place) = Small(), (tmp_path / "traced", tmp_path / "package")
    folder.mkdir()
    place.mkdir()
    write_image_tower(tower, torch.zeros(2, 3, 4, 4), tmp_path / "tower.onnx")
    onnx.save_model(
        onnx.load(tmp_path / "tower.onnx"),
        folder / "tower.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )
    assert len(list(folder.iterdir())) > 2
    gather(folder / "tower.onnx", place / "tower.onnx")
    assert {path.name for path in place.iterdir()} == {"tower.onnx", "tower.onnx.data"}
    pixels = np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype(np.float32)
    rows = OnnxGraph(place / "tower.onnx").run({"pixels": pixels})
    assert np.allclose(rows, tower.encode_images(torch.from_numpy(pixels)).numpy(), atol=1e-6)


def test_gather__is_what_openvino_reads_too(tmp_path):
    pytest.importorskip("openvino")
    tower, folder = Small(), tmp_path / "traced"
    folder.mkdir()
    write_image_tower(tower, torch.zeros(2, 3, 4, 4), tmp_path / "tower.onnx")
    onnx.save_model(
        onnx.load(tmp_path / "tower.onnx"),
        folder / "tower.onnx",
        save_as_external_data=True,
        size_threshold=0,
    )
    gather(folder / "tower.onnx", tmp_path / "gathered.onnx")
    convert_onnx(tmp_path / "gathered.onnx", tmp_path / "tower.xml")
    pixels = np.ones((3, 3, 4, 4), np.float32)
    rows = OpenVINOGraph(tmp_path / "tower.xml").run({"pixels": pixels})
    assert np.allclose(rows, tower.encode_images(torch.from_numpy(pixels)).numpy(), atol=1e-6)

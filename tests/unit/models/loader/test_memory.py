import pytest
import torch
from safetensors.torch import save_file

from models.cards import ModelCard
from models.loader.memory import needed_bytes
from models.packages import write_manifest

CARD = ModelCard(
    model_id="m/m", architecture="m", task_type="embedding", parameters=10_000_000, size_bytes=1_000
)


@pytest.fixture
def package(tmp_path):
    def make(dtype, name="model.safetensors"):
        (tmp_path / "vocab.txt").write_text("x" * 5_000)
        tensors = {"a": torch.zeros(100, 100, dtype=dtype), "scale": torch.zeros(3)}
        save_file(tensors, tmp_path / name)
        return write_manifest(tmp_path, model_id="m/m", architecture="m")

    return make


def test_needed_bytes__the_weights_as_they_are(package):
    needed, why = needed_bytes(package(torch.float32), CARD, "auto")
    assert 40_000 < needed < 41_000
    assert why == "size of the weights"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_needed_bytes__twice_when_16_bits_become_32(package, dtype):
    needed, why = needed_bytes(package(dtype), CARD, "float32")
    assert 40_000 < needed < 41_000
    assert "stored in 16 bits, computed in 32" in why
    assert needed_bytes(package(dtype), CARD, "bfloat16")[0] < 21_000


def test_needed_bytes__a_file_that_cannot_be_read_is_taken_as_it_is(package, tmp_path):
    made = package(torch.float16)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 10)
    assert needed_bytes(made, CARD, "float32")[0] < 21_000
    (tmp_path / "model.safetensors").unlink()
    assert needed_bytes(made, CARD, "float32")[0] < 21_000


def test_needed_bytes__without_a_package_what_the_card_says():
    assert needed_bytes(None, CARD, "float32") == (40_000_000, "10 M weights")
    assert needed_bytes(None, CARD, "bfloat16")[0] == 20_000_000
    unknown = ModelCard(model_id="m/m", architecture="m", task_type="embedding", size_bytes=1_000)
    assert needed_bytes(None, unknown, "float32") == (1_000, "size of the download")

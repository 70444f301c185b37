"""Memory: a model lives as long as somebody holds it, and ``unload`` gives its memory back."""

import gc
import subprocess
import sys
import textwrap
import weakref

import pytest

from models.auto import AutoModel
from models.interface import release
from tests.guards.source import ROOT

MEASURED = """
    from pathlib import Path
    import torch
    from models import AutoModel, ModelInterface, register_model

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    class Core(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList(torch.nn.Linear(100, 100) for _ in range(5000))

    class Large(ModelInterface):
        model_id_names = []
        def setup(self):
            self._model = Core().eval()

    register_model("large", "embedding", "torch", Large)
    torch.zeros(10).sum()
    before = resident()
    model = AutoModel.from_pretrained("large", device="cpu")
    loaded = resident()
    model.unload()
    freed = resident()
    model.setup()
    again = resident()
    model.unload()
    other = AutoModel.from_pretrained("large", device="cpu")
    one_at_a_time = resident()
    print(*(round(now - before) for now in (loaded, freed, again, one_at_a_time)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_unload__the_system_gets_200_megabytes_of_small_tensors_back():
    command = [sys.executable, "-c", textwrap.dedent(MEASURED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=ROOT)
    loaded, freed, again, one_at_a_time = map(int, done.stdout.split())
    assert loaded > 180
    assert freed < 0.25 * loaded
    assert again > 180
    assert one_at_a_time < 1.25 * loaded


def test_unload__no_tensor_survives():
    model = AutoModel.from_pretrained("workbench/spriteclip-tiny", device="cpu")
    tensors = [weakref.ref(tensor) for tensor in model._model.parameters()]
    assert len(tensors) > 10
    model.unload()
    gc.collect()
    assert [tensor() for tensor in tensors if tensor() is not None] == []


def test_loading__leaves_the_models_of_others_alone(tiny_package):
    first = AutoModel.from_pretrained(tiny_package.directory, device="cpu")
    second = AutoModel.from_pretrained("workbench/spriteclip-tiny", device="cpu")
    third = AutoModel.from_pretrained(tiny_package.directory, device="cpu")
    assert third is not first
    third.unload()
    assert first.embed_text("red").shape == (1, 16)
    assert second.embed_text("red").shape == (1, 256)


def test_loading__holds_no_model(tiny_package):
    model = AutoModel.from_pretrained(tiny_package.directory, device="cpu")
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


def test_release__of_anything():
    class Bare:
        _model = None

    release(Bare())
    release(object())

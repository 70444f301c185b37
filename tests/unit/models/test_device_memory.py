"""Memory of an accelerator, told by torch's own counters; nothing for a processor."""

import sys
from types import SimpleNamespace

import pytest

from models import device_memory
from models.device_memory import DeviceMemory


class Cuda:
    """torch.cuda as far as it is asked: 100 bytes of weights, 150 kept, a step that peaked at 180."""

    def __init__(self):
        self.peak = 180

    def is_initialized(self):
        return True

    def memory_allocated(self, device):
        return 100

    def memory_reserved(self, device):
        return 150

    def max_memory_allocated(self, device):
        return self.peak

    def reset_peak_memory_stats(self, device):
        self.peak = 100


@pytest.fixture
def cuda(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=Cuda()))
    runtime = SimpleNamespace(free_memory=lambda device: 1000 if device == "cuda:0" else None)
    monkeypatch.setattr(device_memory, "describe_runtime", lambda: runtime)


def test_spent_bytes__is_the_peak_since_the_last_call(cuda):
    memory = DeviceMemory("cuda:0")
    assert [memory.spent_bytes(), memory.spent_bytes()] == [80, 0]


def test_free_bytes__counts_what_torch_keeps(cuda):
    assert DeviceMemory("cuda:0").free_bytes() == 1050
    assert DeviceMemory("cuda:1").free_bytes() is None


def test_device_memory__of_a_processor_says_nothing(cuda):
    memory = DeviceMemory("cpu")
    assert (memory.spent_bytes(), memory.free_bytes()) == (0, None)

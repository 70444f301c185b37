"""CUDA is left alone where it is not in use; where it is, a model computes in a stream of its own."""

import contextlib
import sys
from types import SimpleNamespace

import pytest

from models import cuda
from models.cuda import cuda_in_use, joined_context, own_stream


class FakeCuda:
    """What is asked of torch.cuda, written down."""

    def __init__(self, initialised=True):
        self.asked = []
        self._initialised = initialised

    def is_initialized(self):
        return self._initialised

    def Stream(self, device):  # noqa: N802 - torch's name
        self.asked.append(f"made on {device}")
        return SimpleNamespace(wait_stream=lambda other: self.asked.append(f"waits for {other}"))

    def default_stream(self, device):
        return f"default of {device}"

    @contextlib.contextmanager
    def device(self, device):
        self.asked.append(f"on {device}")
        yield
        self.asked.append(f"off {device}")

    @contextlib.contextmanager
    def stream(self, stream):
        self.asked.append("in")
        yield
        self.asked.append("out")


@pytest.fixture
def torch_with(monkeypatch):
    def put(fake):
        zeros = lambda *shape, device: fake.asked.append(f"zeros on {device}")  # noqa: E731
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=fake, zeros=zeros))
        monkeypatch.setattr(cuda, "_streams", {})
        return fake

    return put


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_cuda_in_use__other_devices_are_not(device, torch_with):
    torch_with(FakeCuda())
    assert cuda_in_use(device) is None


def test_cuda_in_use__only_once_something_is_on_it(torch_with, monkeypatch):
    fake = torch_with(FakeCuda())
    assert cuda_in_use("cuda:1") is fake
    torch_with(FakeCuda(initialised=False))
    assert cuda_in_use("cuda") is None
    monkeypatch.delitem(sys.modules, "torch")
    assert cuda_in_use("cuda") is None


def test_own_stream__is_made_once_and_begins_after_what_was_asked_before(torch_with):
    fake = torch_with(FakeCuda())
    for _ in range(2):
        with own_stream("cuda"):
            fake.asked.append("compute")
    assert fake.asked == [
        "made on cuda",
        *["waits for default of cuda", "in", "compute", "out"] * 2,
    ]


def test_own_stream__on_the_processor_is_nothing(torch_with):
    fake = torch_with(FakeCuda())
    with own_stream("cpu"):
        pass
    assert fake.asked == []


def test_joined_context__computes_a_little_on_the_device_and_stays_there_meanwhile(torch_with):
    fake = torch_with(FakeCuda())
    with joined_context("cuda:1"):
        fake.asked.append("join")
    assert fake.asked == ["on cuda:1", "zeros on cuda:1", "join", "off cuda:1"]

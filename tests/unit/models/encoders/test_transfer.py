"""Pixels go to the device and rows come back; on CUDA through pinned memory, without waiting."""

from types import SimpleNamespace

import pytest
import torch

from models.encoders import transfer
from models.encoders.transfer import fetch, send


class Cuda:
    """What torch.cuda is asked for, in the order it was."""

    def __init__(self):
        self.asked = []

    def current_stream(self, device):
        self.asked.append(("stream", device))
        return "stream"

    def Event(self):  # noqa: N802 - torch's name
        return SimpleNamespace(
            record=lambda stream: self.asked.append(("record", stream)),
            synchronize=lambda: self.asked.append("synchronize"),
        )


class OnDevice:
    """Rows that lie on a CUDA device, as far as one can tell without one."""

    shape, dtype, device = (2, 3), torch.float32, torch.device("cuda:0")


class Landing:
    """Pinned memory: what was copied into it, and how."""

    def copy_(self, rows, *, non_blocking):
        self.got = (rows, non_blocking)


def test_send__joins_in_order():
    parts = [torch.full((2, 3), 1, dtype=torch.uint8), torch.full((1, 3), 2, dtype=torch.uint8)]
    assert send(parts, "cpu").tolist() == [[1] * 3, [1] * 3, [2] * 3]


def test_send__on_cuda_through_pinned_memory_without_waiting(monkeypatch):
    made, plain_empty = [], torch.empty
    sent = []

    def empty(*shape, dtype, pin_memory):
        made.append((shape, pin_memory))
        return plain_empty(*shape, dtype=dtype)

    monkeypatch.setattr(transfer.torch, "empty", empty)
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, device, *, non_blocking: sent.append((device, non_blocking)) or self
    )
    joined = send([torch.ones(2, 3, dtype=torch.uint8), torch.zeros(1, 3, dtype=torch.uint8)], "cuda:0")
    assert joined.tolist() == [[1] * 3, [1] * 3, [0] * 3]
    assert made == [((3, 3), True)]
    assert sent == [("cuda:0", True)]


def test_fetch__of_the_processor_is_there_at_once():
    rows = torch.ones(2, 3)
    assert torch.equal(fetch(rows)(), rows)


def test_fetch__on_cuda_waits_only_when_it_is_asked(monkeypatch):
    cuda, landing, pinned = Cuda(), Landing(), []
    monkeypatch.setattr(transfer.torch, "cuda", cuda)
    monkeypatch.setattr(
        transfer.torch, "empty", lambda shape, dtype, pin_memory: pinned.append(pin_memory) or landing
    )
    rows = OnDevice()
    wait = fetch(rows)
    assert landing.got == (rows, True)
    assert pinned == [True]
    assert cuda.asked == [("stream", rows.device), ("record", "stream")]
    assert wait() is landing
    assert cuda.asked[-1] == "synchronize"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_transfer__there_and_back_on_a_real_device():
    pixels = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(fetch(send([pixels[:1], pixels[1:]], "cuda:0"))(), pixels)

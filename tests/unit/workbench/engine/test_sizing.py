import numpy as np
import pytest

from models.errors import InvalidParameterError
from workbench.engine.sizing import (
    MOST_ON_ACCELERATOR,
    MOST_ON_CPU,
    PREPARED_BYTES,
    USED_SHARE,
    BatchSizer,
    is_out_of_memory,
    num_bytes,
)


def test_size__auto_grows_while_steps_are_quick_up_to_the_device_s_limit():
    sizer = BatchSizer("auto", device="cpu")
    for _ in range(10):
        sizer.took(sizer.size, 0.001)
    assert sizer.size == MOST_ON_CPU
    gpu = BatchSizer("auto", device="cuda:0")
    for _ in range(10):
        gpu.took(gpu.size, 0.001)
    assert gpu.size > MOST_ON_CPU


def test_size__auto_shrinks_when_a_step_takes_longer_than_stop_may():
    sizer = BatchSizer("auto")
    sizer.took(sizer.size, 2.0)
    sizer.took(sizer.size, 2.0)
    sizer.took(sizer.size, 2.0)
    assert sizer.size == 1


def test_size__a_part_of_a_batch_proves_nothing():
    sizer = BatchSizer("auto")
    before = sizer.size
    sizer.took(1, 0.001)
    assert sizer.size == before


def test_size__a_given_number_is_kept():
    sizer = BatchSizer(10)
    sizer.took(10, 0.001)
    sizer.took(10, 9.0)
    assert sizer.size == 10


def test_shrink__halves_and_never_grows_again():
    sizer = BatchSizer("auto")
    assert sizer.shrink(4)
    assert sizer.size == 2
    sizer.took(2, 0.001)
    assert sizer.size == 2
    assert not sizer.shrink(1)


def test_size__large_items_make_small_batches_and_little_is_prepared_ahead():
    sizer = BatchSizer("auto")
    sizer.saw(np.empty(PREPARED_BYTES // 2, np.uint8))
    assert sizer.size == 2
    assert sizer.ahead(workers=2) == 2


class Memory:
    """A device with so much free memory, on which an item takes so much."""

    def __init__(self, free, item):
        self.free, self.item, self.count = free, item, 0

    def free_bytes(self):
        return self.free

    def spent_bytes(self):
        spent, self.count = self.count * self.item, 0
        return spent


def grown(memory, steps=12):
    sizer = BatchSizer("auto", device="cuda:0", memory=memory)
    for _ in range(steps):
        memory.count = sizer.size
        sizer.took(sizer.size, 0.001)
    return sizer


def test_size__stays_within_the_free_memory_of_the_device():
    assert grown(Memory(1000, 10)).size == int(USED_SHARE * 100)
    assert grown(Memory(10**9, 10)).size == MOST_ON_ACCELERATOR
    assert grown(Memory(5, 10)).size == 1


def test_size__memory_that_is_not_known_sets_no_bound():
    assert grown(Memory(None, 10)).size == MOST_ON_ACCELERATOR
    assert grown(Memory(1000, 0)).size == MOST_ON_ACCELERATOR


def test_size__grows_again_when_memory_is_freed():
    memory = Memory(400, 10)
    sizer = grown(memory)
    assert sizer.size == 28
    memory.free = 1000
    for _ in range(3):
        memory.count = sizer.size
        sizer.took(sizer.size, 0.001)
    assert sizer.size == 70


def test_size__what_was_taken_before_the_first_step_does_not_count():
    memory = Memory(1000, 10)
    memory.count = 99  # loading the model, say
    sizer = BatchSizer("auto", device="cuda:0", memory=memory)
    sizer.took(sizer.size, 0.001)
    assert sizer.size == 8


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "many", None])
def test_batch_sizer__refuses_nonsense(wrong):
    with pytest.raises(InvalidParameterError, match="batch_size"):
        BatchSizer(wrong)


def test_num_bytes__looks_into_containers():
    assert num_bytes({"a": [np.zeros(2), (np.zeros(1),)], "b": "text"}) == 24


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (MemoryError(), True),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_is_out_of_memory__by_type_or_text(error, expected):
    assert is_out_of_memory(error) is expected


def test_is_out_of_memory__torch_s_own():
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("x"))

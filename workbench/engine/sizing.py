"""How many clips make a batch: by device, item size and free memory, then by the model's own pace."""

from typing import Any

from models.counts import check_count
from models.device_memory import DeviceMemory

START = 4  # a small first step: progress shows early and a slow model is found out cheaply
MOST_ON_CPU = 16  # larger batches were measured slower on CPUs: fresh activations cost page faults
MOST_ON_ACCELERATOR = 256
USED_SHARE = 0.7  # of the free memory: other work on the device needs some, and an estimate is one
QUICK_S = 0.25  # a step this short may grow
SLOW_S = 0.75  # a longer one shrinks: Stop waits for the step that is being computed
FEWEST_TOGETHER, MOST_TOGETHER = 8, 64  # windows of one film that a worker decodes in one pass
PREPARED_BYTES = 256 << 20  # prepared items that may wait for the model, all together
PREPARED_FOR_ACCELERATOR = 1 << 30  # it takes hundreds a second; a film that takes long must not hold them up


class BatchSizer:
    """Decides the number of items in the next batch.

    With "auto" it starts small, doubles while steps are quick and halves when they are slow.
    On an accelerator it also stays within the free memory, as far as the last step tells what an
    item takes. A given number is kept. Either is halved when memory runs out, and does not grow again.

    Args:
        batch_size: "auto" or a number of items, at least 1.
        device: Where the model computes, such as "cpu" or "cuda:0".
        memory: Watches the memory of the device; made from ``device`` when not given.

    Raises:
        InvalidParameterError: If ``batch_size`` is anything else.

    Example:
        >>> sizer = BatchSizer("auto", device="cpu")
        >>> sizer.took(sizer.size, 0.01)
        >>> sizer.size
        8
    """

    def __init__(
        self, batch_size: int | str = "auto", *, device: str = "cpu", memory: DeviceMemory | None = None
    ) -> None:
        check_count("batch_size", batch_size, "auto")
        self._auto = batch_size == "auto"
        on_cpu = device.startswith("cpu")
        self._most = MOST_ON_CPU if on_cpu else MOST_ON_ACCELERATOR
        self._prepared_bytes = PREPARED_BYTES if on_cpu else PREPARED_FOR_ACCELERATOR
        self._size = START if self._auto else int(batch_size)
        self._item_bytes = 1
        self._memory = memory or DeviceMemory(device)
        self._memory.spent_bytes()  # what was before does not count
        self._fitting = self._most

    @property
    def size(self) -> int:
        """Items in the next batch."""
        if not self._auto:
            return self._size
        return max(1, min(self._size, self._most, self._fitting, self._prepared_bytes // self._item_bytes))

    def ahead(self, workers: int) -> int:
        """Items that may be in work or ready, beside the batch that is being put together."""
        return min(self.size + workers, max(workers, self._prepared_bytes // self._item_bytes))

    def together(self, workers: int) -> int:
        """Items that one worker may prepare together, while the others do so too."""
        known = self._item_bytes > 1
        fitting = self._prepared_bytes // (2 * workers * self._item_bytes) if known else 0
        return max(FEWEST_TOGETHER, min(fitting, MOST_TOGETHER))

    def saw(self, value: Any) -> None:
        """Learn how large a prepared item is."""
        self._item_bytes = max(self._item_bytes, num_bytes(value), 1)

    def took(self, count: int, seconds: float) -> None:
        """Learn how long a step of ``count`` items took."""
        spent = self._memory.spent_bytes()
        if not self._auto or count < self.size:
            return
        self._fitting = self._within_memory(spent / count)
        if seconds < QUICK_S:
            self._size = min(2 * self._size, self._most)
        elif seconds > SLOW_S:
            self._size = max(1, self.size // 2)

    def _within_memory(self, bytes_per_item: float) -> int:
        """How many items fit into the memory of the device; any number when that is not known."""
        free = self._memory.free_bytes() if bytes_per_item else None
        return self._most if free is None else max(1, int(USED_SHARE * free / bytes_per_item))

    def shrink(self, count: int) -> bool:
        """Halve after ``count`` items did not fit into memory; False when one was too many."""
        if count <= 1:
            return False
        self._size = self._most = count // 2
        return True


def num_bytes(value: Any) -> int:
    """Estimate the memory of a prepared item: of its arrays and tensors, nested ones too.

    Args:
        value: An array, a tensor, or a list, tuple or dict of these.

    Returns:
        Bytes; 0 for anything else.
    """
    if isinstance(value, dict):
        return sum(num_bytes(part) for part in value.values())
    if isinstance(value, list | tuple):
        return sum(num_bytes(part) for part in value)
    return int(getattr(value, "nbytes", 0))


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that a batch did not fit into memory.

    Args:
        error: What a model raised.

    Returns:
        True for torch's and Python's out-of-memory errors, also those told by text only.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
        True
    """
    text = str(error).lower()
    told = "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or told

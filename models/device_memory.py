"""How much of an accelerator's memory a piece of work takes, and how much is left."""

from models.cuda import cuda_in_use
from models.runtime import describe_runtime

__all__ = ["DeviceMemory"]


class DeviceMemory:
    """Watch over the memory of one device. Knows nothing of a device that torch does not count for.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps".

    Example:
        >>> DeviceMemory("cpu").spent_bytes()
        0
    """

    def __init__(self, device: str) -> None:
        self._device = device

    def free_bytes(self) -> int | None:
        """What more can be allocated now, with what torch keeps for itself; None when unknown."""
        cuda = cuda_in_use(self._device)
        if cuda is None:
            return None
        free = describe_runtime().free_memory(self._device)
        kept = cuda.memory_reserved(self._device) - cuda.memory_allocated(self._device)
        return None if free is None else free + kept

    def spent_bytes(self) -> int:
        """The most that was allocated at once since the last call, beyond what is held; 0 when unknown."""
        cuda = cuda_in_use(self._device)
        if cuda is None:
            return 0
        spent = cuda.max_memory_allocated(self._device) - cuda.memory_allocated(self._device)
        cuda.reset_peak_memory_stats(self._device)
        return max(int(spent), 0)

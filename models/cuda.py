"""What is asked of torch's CUDA by code that does not import torch: nothing where it is not in use."""

import contextlib
import sys
from collections.abc import Generator
from typing import Any

__all__ = ["cuda_in_use", "joined_context", "own_stream"]

_streams: dict[str, Any] = {}


def cuda_in_use(device: str) -> Any:
    """Torch's CUDA, where a device is such and something is on it already.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps".

    Returns:
        The module ``torch.cuda``, or None.

    Example:
        >>> cuda_in_use("cpu") is None
        True
    """
    if not device.startswith("cuda"):
        return None
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


@contextlib.contextmanager
def own_stream(device: str) -> Generator[None]:
    """Compute in a stream of its own while the block runs, after what was asked of the device before.

    Copies that FFmpeg makes for the card's video decoder go through the default stream. In that one they
    would wait for whole batches of the model.

    Args:
        device: Where the model computes; on others than CUDA nothing changes.
    """
    cuda = cuda_in_use(device)
    if cuda is None:
        yield
        return
    if device not in _streams:
        _streams[device] = cuda.Stream(device)
    stream = _streams[device]
    stream.wait_stream(cuda.default_stream(device))
    with cuda.stream(stream):
        yield


@contextlib.contextmanager
def joined_context(device: str) -> Generator[None]:
    """Make torch's context on a device the current one of this thread, so that other libraries can join it.

    Args:
        device: A CUDA device that is in use.
    """
    torch: Any = sys.modules["torch"]
    with torch.cuda.device(device):
        torch.zeros(1, device=device)  # torch joins a thread when it first computes there
        yield

"""Between the processor's memory and an accelerator's, without making either wait.

On CUDA both directions go through pinned memory, so that a copy runs beside what is computed; on
every other device these are plain copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["fetch", "send"]


def send(parts: Sequence[torch.Tensor], device: str) -> torch.Tensor:
    """Join tensors of the CPU on axis 0 and bring them to a device; on CUDA the copy is only started.

    Args:
        parts: Tensors [n, ...] that differ in n only.
        device: Where to.

    Returns:
        The joined tensor on the device.
    """
    if not device.startswith("cuda"):
        return torch.cat(list(parts)).to(device)
    count = sum(len(part) for part in parts)
    pinned = torch.empty(count, *parts[0].shape[1:], dtype=parts[0].dtype, pin_memory=True)
    torch.cat(list(parts), out=pinned)
    return pinned.to(device, non_blocking=True)


def fetch(rows: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Bring rows back to the CPU; on CUDA the copy is only started, behind what computes them.

    Args:
        rows: A tensor on any device.

    Returns:
        What waits for the copy and returns it.
    """
    if rows.device.type != "cuda":
        here = rows.cpu()
        return lambda: here
    landed = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
    landed.copy_(rows, non_blocking=True)
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(rows.device))

    def wait() -> torch.Tensor:
        done.synchronize()
        return landed

    return wait

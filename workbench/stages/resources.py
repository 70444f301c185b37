"""What one worker of a stage needs: processors and accelerator memory."""

from dataclasses import dataclass
from typing import Any

from models.errors import InvalidParameterError

__all__ = ["Resources", "threads_given"]

_BYTES_PER_GB = 2**30


@dataclass(frozen=True)
class Resources:
    """What one worker of a stage needs.

    The stage states it, not the model: the same model can run small or large.

    Args:
        cpus: Processors; fractions are allowed.
        gpu_memory_gb: Accelerator memory in GiB; kept as given, never rounded to a share.
        gpus: Accelerators; a fraction is a share of one. Not together with ``gpu_memory_gb``.
        nvdecs: Hardware decoders; recorded, not scheduled.
        nvencs: Hardware encoders; recorded, not scheduled.
        entire_gpu: Whether the worker wants one accelerator for itself.

    Raises:
        InvalidParameterError: If a number is negative, or an accelerator is asked for in two ways.

    Example:
        >>> Resources(gpu_memory_gb=1.0).requires_gpu, Resources(cpus=2).requires_gpu
        (True, False)
    """

    cpus: float = 1.0
    gpu_memory_gb: float = 0.0
    gpus: float = 0.0
    nvdecs: int = 0
    nvencs: int = 0
    entire_gpu: bool = False

    def __post_init__(self) -> None:
        """Refuse what nothing could schedule."""
        for name in ("cpus", "gpu_memory_gb", "gpus", "nvdecs", "nvencs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise InvalidParameterError(f"{name} of Resources is {value!r}; a number from 0 is expected.")
        if self.gpu_memory_gb and (self.gpus or self.entire_gpu):
            raise InvalidParameterError(
                f"Resources takes gpu_memory_gb or gpus; {self.gpu_memory_gb} and {self.gpus} came.",
                next_step="gpu_memory_gb= for a part of one accelerator, gpus= for shares or several.",
            )

    @property
    def requires_gpu(self) -> bool:
        """Whether a worker needs an accelerator at all."""
        return bool(self.gpus or self.gpu_memory_gb or self.entire_gpu)

    def gpu_share(self, total_bytes: int) -> float:
        """How many accelerators a worker takes, for schedulers that count in shares.

        Args:
            total_bytes: Memory of one accelerator of this machine.

        Returns:
            ``gpus`` as given; else the exact share of the memory, from 0 to 1.

        Raises:
            InvalidParameterError: If it needs more memory than the accelerator has.

        Example:
            >>> Resources(gpu_memory_gb=6).gpu_share(24 * 2**30)
            0.25
        """
        if self.entire_gpu:
            return max(self.gpus, 1.0)
        if not self.gpu_memory_gb:
            return self.gpus
        share = self.gpu_memory_gb * _BYTES_PER_GB / total_bytes
        if share > 1:
            raise InvalidParameterError(
                f"A worker needs {self.gpu_memory_gb} GiB of accelerator memory; "
                f"this one has {total_bytes / _BYTES_PER_GB:.1f} GiB.",
                next_step="Take a smaller model or batch, or another accelerator.",
            )
        return share


def threads_given(worker: Any) -> int:
    """Choose how many threads a worker works with: one for each processor that it was given.

    Args:
        worker: What the worker was told in ``setup``; without an allocation it takes as many as ``embed``.

    Example:
        >>> from workbench.stages import WorkerMetadata
        >>> threads_given(WorkerMetadata("one", Resources(cpus=3)))
        3
    """
    given = getattr(worker, "allocation", None)
    if isinstance(given, Resources):
        return max(int(given.cpus), 1)
    from workbench.engine.embed import default_workers

    return default_workers()

"""What this machine can run: devices, memory, libraries. The one place that asks about hardware.

Probes never raise: what cannot be found out is None or absent. Importing torch takes a second,
so devices are looked at only when torch is loaded anyway or when they are asked for.
"""

import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from models.backends import BackendType
from models.errors import InvalidParameterError
from models.reprs import html_table, readable_size, text_table

_T = TypeVar("_T")

_LIBRARIES = ("torch", "transformers", "numpy", "av", "safetensors", "onnxruntime", "openvino", "tensorrt")
_BACKEND_MODULES = {
    BackendType.TORCH: "torch",
    BackendType.TORCH_SCRIPT: "torch",
    BackendType.ONNX: "onnxruntime",
    BackendType.OPENVINO: "openvino",
    BackendType.TRT: "tensorrt",
    BackendType.HUGGING_FACE: "transformers",
}
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CGROUP_USED = Path("/sys/fs/cgroup/memory.current")
DEVICE_KINDS = ("cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Device:
    """One accelerator: its id for ``device=``, the name of the part, memory in bytes or None."""

    id: str
    name: str
    total_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True)
class Runtime:
    """What this machine can run.

    Args:
        python: Version of Python.
        system: Operating system and processor.
        cpu_count: Processors this process may use.
        ram_total_bytes: Memory this process may use; None when unknown.
        ram_free_bytes: Memory that is free now; None when unknown.
        libraries: Installed libraries that matter here, with their versions.
        backends: Names of the backends whose library is installed.
        devices_probed: Whether accelerators were looked for.
        devices: Accelerators found; empty too when they were not looked for.
    """

    python: str
    system: str
    cpu_count: int
    ram_total_bytes: int | None
    ram_free_bytes: int | None
    libraries: dict[str, str]
    backends: tuple[str, ...]
    devices_probed: bool
    devices: tuple[Device, ...] = ()

    @property
    def torch(self) -> str | None:
        """Version of torch; None when it is not installed."""
        return self.libraries.get("torch")

    @property
    def cuda_devices(self) -> tuple[Device, ...]:
        """The CUDA devices that were found."""
        return tuple(device for device in self.devices if device.id.startswith("cuda"))

    @property
    def mps(self) -> bool:
        """Whether Apple's GPU was found."""
        return any(device.id == "mps" for device in self.devices)

    @property
    def device_names(self) -> tuple[str, ...]:
        """What ``device=`` can be here: the accelerators that were found, and "cpu"."""
        return (*(device.id for device in self.devices), "cpu")

    def rows(self) -> list[tuple[str, str]]:
        """The facts as pairs of title and text, for tables."""
        found = [f"{device.id}: {device.name} {_memory(device)}".strip() for device in self.devices]
        nothing = "none" if self.devices_probed else "not looked for yet"
        return [
            ("python", f"{self.python} on {self.system}"),
            ("processors", str(self.cpu_count)),
            ("memory", _memory(self)),
            ("accelerators", "\n".join(found) or nothing),
            ("backends", ", ".join(self.backends) or "none"),
            ("libraries", ", ".join(f"{name} {version}" for name, version in self.libraries.items())),
        ]

    def __str__(self) -> str:
        return text_table(self.rows())

    def _repr_html_(self) -> str:
        """The facts as a table."""
        return html_table(self.rows())


def describe_runtime(*, probe_devices: bool = False, refresh: bool = False) -> Runtime:
    """Say what this machine can run, as data.

    Args:
        probe_devices: Look for accelerators even if that means importing torch (a second).
        refresh: Look again at what is remembered: libraries and accelerators.

    Returns:
        The facts. Free memory is always that of now.

    Example:
        >>> describe_runtime().cpu_count >= 1
        True
    """
    if refresh:
        _libraries.cache_clear()
        _devices.cache_clear()
        _installed.cache_clear()
    probed = "torch" in sys.modules or (probe_devices and _installed("torch"))
    total, free = _ram()
    return Runtime(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu_count=_cpu_count(),
        ram_total_bytes=total,
        ram_free_bytes=free,
        libraries=dict(_libraries()),
        backends=tuple(backend.value for backend in BackendType if backend_installed(backend)),
        devices_probed=probed,
        devices=_devices() if probed else (),
    )


def pick_device(device: Any = "auto") -> str:
    """Turn the device that was asked for into one that is here.

    Args:
        device: "auto" (the first accelerator, else "cpu"), "cpu", "cuda", "cuda:1", "mps", or
            a ``torch.device``.

    Returns:
        Name of the device.

    Raises:
        InvalidParameterError: If there is no such device; the message lists those that are.

    Example:
        >>> pick_device("cpu")
        'cpu'
    """
    wanted = str(device).strip().lower()
    if wanted == "cpu":
        return wanted
    if wanted != "auto" and wanted.partition(":")[0] not in DEVICE_KINDS:
        raise InvalidParameterError(
            f"Unknown device {device!r}.", next_step="Devices are 'auto', 'cpu', 'cuda', 'cuda:0', 'mps'."
        )
    here = describe_runtime(probe_devices=True).device_names
    if wanted == "auto":
        return here[0].removesuffix(":0")
    if (f"{wanted}:0" if wanted == "cuda" else wanted) not in here:
        raise InvalidParameterError(
            f"Device {wanted!r} is not on this machine; it has {', '.join(here)}.",
            next_step="device='auto' picks one.",
        )
    return wanted


def check_dtype(dtype: Any) -> str:
    """Read the number format a network shall compute in.

    Args:
        dtype: "auto", "float32", "bfloat16", "float16", or a torch dtype.

    Returns:
        Its name.

    Raises:
        InvalidParameterError: If it is none of these.

    Example:
        >>> check_dtype("bfloat16")
        'bfloat16'
    """
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise InvalidParameterError(f"Unknown dtype {dtype!r}; allowed are {', '.join(DTYPES)}.")
    return name


def backend_installed(backend: BackendType) -> bool:
    """Tell whether the library of a backend is installed, without importing it.

    Args:
        backend: The backend; "custom" needs no library.
    """
    module = _BACKEND_MODULES.get(backend)
    return module is None or _installed(module)


def _soft(probe: Callable[[], _T], otherwise: _T) -> _T:
    """Run a probe; whatever it raises means that it found nothing."""
    try:
        return probe()
    except Exception:
        return otherwise


@lru_cache
def _installed(module: str) -> bool:
    """Tell whether a module could be imported."""
    return _soft(lambda: find_spec(module) is not None, otherwise=False)


@lru_cache
def _libraries() -> tuple[tuple[str, str], ...]:
    """Versions of the libraries that matter here, from their metadata: none is imported."""
    found = []
    for name in _LIBRARIES:
        with suppress(Exception):
            found.append((name, metadata.version(name)))
    return tuple(found)


@lru_cache
def _devices() -> tuple[Device, ...]:
    """Look for accelerators; imports torch."""
    return _soft(lambda: (*_cuda_devices(), *_mps_devices()), otherwise=())


def _cuda_devices() -> list[Device]:
    """The CUDA devices, with their memory where that can be asked."""
    import torch

    if not torch.cuda.is_available():
        return []
    found = []
    for i in range(torch.cuda.device_count()):
        free, total = _soft(lambda i=i: torch.cuda.mem_get_info(i), otherwise=(None, None))
        found.append(Device(f"cuda:{i}", torch.cuda.get_device_name(i), total, free))
    return found


def _mps_devices() -> list[Device]:
    """Apple's GPU, if there is one."""
    import torch

    return [Device("mps", "Apple GPU")] if torch.backends.mps.is_available() else []


def _cpu_count() -> int:
    """Processors this process may use."""
    return _soft(lambda: len(os.sched_getaffinity(0)), otherwise=os.cpu_count() or 1)


def _ram() -> tuple[int | None, int | None]:
    """Memory in all and free, in bytes, within the limit of a container."""
    total, free = _soft(_ram_proc, otherwise=_soft(_ram_sysconf, otherwise=(None, None)))
    limit = _soft(lambda: int(_CGROUP_LIMIT.read_text()), otherwise=None)
    if limit is None or total is None or limit >= total:
        return total, free
    used = _soft(lambda: int(_CGROUP_USED.read_text()), otherwise=0)
    return limit, min(free if free is not None else limit, max(limit - used, 0))


def _ram_proc() -> tuple[int | None, int | None]:
    """Memory as Linux tells it."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024


def _ram_sysconf() -> tuple[int | None, int | None]:
    """Memory as other Unix systems tell it; what is free is not known there."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None


def _memory(of: Any) -> str:
    """Say how much memory something has, and how much of it is free."""
    total = getattr(of, "total_bytes", None) or getattr(of, "ram_total_bytes", None)
    free = getattr(of, "free_bytes", None) or getattr(of, "ram_free_bytes", None)
    if total is None:
        return ""
    return readable_size(total) + (f" ({readable_size(free)} free)" if free else "")

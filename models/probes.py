"""Looking at this machine. Probes never raise: what cannot be found out is None or absent."""

import os
import platform
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from models.backends import BackendType

_T = TypeVar("_T")

_LIBRARIES = (
    "torch",
    "torchvision",
    "transformers",
    "huggingface_hub",
    "numpy",
    "av",
    "safetensors",
    "onnxruntime",
    "openvino",
    "tensorrt",
)
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
# What a driver leaves on Linux: NVIDIA's, that of WSL, AMD's.
_DRIVER_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
_DRIVER_VERSION = Path("/proc/driver/nvidia/version")
_PROCESSOR = Path("/proc/cpuinfo")
_NUMBERS = {"family": "cpu family", "model": "model"}


@dataclass(frozen=True)
class Device:
    """One accelerator.

    Args:
        id: What ``device=`` calls it.
        name: Name of the part.
        total_bytes: Its memory; None when unknown.
        free_bytes: What is free of it; None when unknown.
        compute_capability: NVIDIA's number for what it can do, such as "8.9".
        bfloat16: Whether it computes in bfloat16; None when unknown.
    """

    id: str
    name: str
    total_bytes: int | None = None
    free_bytes: int | None = None
    compute_capability: str | None = None
    bfloat16: bool | None = None


def forget() -> None:
    """Look again at everything that is remembered: libraries and accelerators."""
    for remembered in (libraries, _devices, installed, processor, _processor_facts):
        remembered.cache_clear()


def backend_installed(backend: BackendType) -> bool:
    """Tell whether the library of a backend is installed, without importing it.

    Args:
        backend: The backend; "custom" needs no library.
    """
    module = _BACKEND_MODULES.get(backend)
    return module is None or installed(module)


def accelerator_possible() -> bool:
    """Tell whether there may be an accelerator, without importing torch."""
    if sys.platform == "linux":
        return any(path.exists() for path in _DRIVER_FILES)
    return sys.platform != "darwin" or platform.machine() == "arm64"


def cuda_version() -> str | None:
    """The CUDA that torch was built for, once torch is loaded."""
    return soft(lambda: sys.modules["torch"].version.cuda, otherwise=None)


def driver_version() -> str | None:
    """Version of the NVIDIA driver, as Linux tells it."""
    return soft(lambda: re.findall(r"\d+\.\d+[.\d]*", _DRIVER_VERSION.read_text())[0], otherwise=None)


def onnx_providers() -> tuple[str, ...]:
    """What onnxruntime can run on, once it is loaded."""
    return soft(lambda: tuple(sys.modules["onnxruntime"].get_available_providers()), otherwise=())


def soft(probe: Callable[[], _T], otherwise: _T) -> _T:
    """Run a probe; whatever it raises means that it found nothing."""
    try:
        return probe()
    except Exception:
        return otherwise


@lru_cache
def installed(module: str) -> bool:
    """Tell whether a module could be imported."""
    return soft(lambda: find_spec(module) is not None, otherwise=False)


@lru_cache
def libraries() -> tuple[tuple[str, str], ...]:
    """Versions of the libraries that matter here, from their metadata: none is imported."""
    found = []
    for name in _LIBRARIES:
        with suppress(Exception):
            found.append((name, metadata.version(name)))
    return tuple(found)


def devices() -> tuple[Device, ...]:
    """Look for accelerators, with the memory that is free now; imports torch where there may be one."""
    if "torch" not in sys.modules and not accelerator_possible():
        return ()
    return soft(lambda: tuple(replace(one, free_bytes=_free(one)) for one in _devices()), otherwise=())


@lru_cache
def _devices() -> tuple[Device, ...]:
    """What does not change of the accelerators."""
    return soft(lambda: (*_cuda_devices(), *_mps_devices()), otherwise=())


def _free(device: Device) -> int | None:
    """Free memory of an accelerator now."""
    if not device.id.startswith("cuda"):
        return device.free_bytes
    import torch

    index = int(device.id.partition(":")[2])
    return soft(lambda: torch.cuda.mem_get_info(index)[0], otherwise=device.free_bytes)


def _cuda_devices() -> list[Device]:
    """The CUDA devices, with their memory where that can be asked."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [_cuda_device(i) for i in range(torch.cuda.device_count())]


def _cuda_device(index: int) -> Device:
    """One CUDA device."""
    import torch

    free, total = soft(lambda: torch.cuda.mem_get_info(index), otherwise=(None, None))
    capability = soft(lambda: torch.cuda.get_device_capability(index), otherwise=None)
    return Device(
        f"cuda:{index}",
        torch.cuda.get_device_name(index),
        total,
        free,
        compute_capability=capability and f"{capability[0]}.{capability[1]}",
        bfloat16=None if capability is None else capability >= (8, 0) or torch.version.hip is not None,
    )


def _mps_devices() -> list[Device]:
    """Apple's GPU, if there is one."""
    import torch

    return [Device("mps", "Apple GPU")] if torch.backends.mps.is_available() else []


@lru_cache
def processor() -> str:
    """Name of the processor, with family and model where Linux tells them: a cloud's name says too little."""
    facts = _processor_facts()
    numbers = " ".join(f"{title} {facts[key]}" for title, key in _NUMBERS.items() if key in facts)
    name = facts.get("model name") or platform.processor() or platform.machine()
    return f"{name} {numbers}".strip()


def processor_has_bfloat16() -> bool | None:
    """Whether the processor has instructions for bfloat16; None when it does not say."""
    facts = _processor_facts()
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}) if flags else None


@lru_cache
def _processor_facts() -> dict[str, str]:
    """What Linux says of the first processor."""
    text = soft(lambda: _PROCESSOR.read_text(encoding="utf-8"), otherwise="")
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def cpu_count() -> int:
    """Processors this process may use."""
    return soft(lambda: len(os.sched_getaffinity(0)), otherwise=os.cpu_count() or 1)


def ram() -> tuple[int | None, int | None]:
    """Memory in all and free, in bytes, within the limit of a container."""
    total, free = soft(_ram_proc, otherwise=soft(_ram_sysconf, otherwise=(None, None)))
    limit = soft(lambda: int(_CGROUP_LIMIT.read_text()), otherwise=None)
    if limit is None or total is None or limit >= total:
        return total, free
    used = soft(lambda: int(_CGROUP_USED.read_text()), otherwise=0)
    return limit, min(free if free is not None else limit, max(limit - used, 0))


def _ram_proc() -> tuple[int | None, int | None]:
    """Memory as Linux tells it."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024


def _ram_sysconf() -> tuple[int | None, int | None]:
    """Memory as other Unix systems tell it; what is free is not known there."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None

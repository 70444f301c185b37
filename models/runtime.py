"""What this machine can run: devices, memory, libraries. The one place that knows about hardware.

The looking itself is in ``models.probes``; it never raises. Importing torch takes a second, so
devices are looked at only when torch is loaded anyway or when they are asked for; a machine
without the driver of any accelerator is known to have none.
"""

import platform
import sys
from dataclasses import dataclass
from typing import Any

from models import probes
from models.backends import BackendType
from models.errors import InvalidParameterError
from models.probes import Device, backend_installed
from models.reprs import html_table, readable_size, text_table

__all__ = [
    "DEVICE_KINDS",
    "DTYPES",
    "Device",
    "Runtime",
    "backend_installed",
    "check_dtype",
    "describe_runtime",
    "pick_device",
]

DEVICE_KINDS = ("cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")


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
        cuda: Version of CUDA that torch was built for; None without, or when it was not asked.
        driver: Version of the NVIDIA driver; None when there is none.
        onnx_providers: What onnxruntime can run on; empty until it is imported.
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
    cuda: str | None = None
    driver: str | None = None
    onnx_providers: tuple[str, ...] = ()

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

    def device(self, name: str) -> Device | None:
        """An accelerator by its name; "cuda" is the first one. None for "cpu" and what is not here."""
        wanted = f"{name}:0" if name == "cuda" else name
        return next((device for device in self.devices if device.id == wanted), None)

    def free_memory(self, device: str) -> int | None:
        """Memory that is free for a model now; None when unknown.

        Args:
            device: "cpu" or the name of an accelerator. Apple's GPU shares the machine's memory.
        """
        found = self.device(device)
        return self.ram_free_bytes if found is None or found.id == "mps" else found.free_bytes

    def rows(self) -> list[tuple[str, str]]:
        """The facts as pairs of title and text, for tables."""
        found = [f"{device.id}: {device.name} {_memory(device)}".strip() for device in self.devices]
        nothing = "none" if self.devices_probed else "not looked for yet"
        pairs = [
            ("python", f"{self.python} on {self.system}"),
            ("processors", str(self.cpu_count)),
            ("memory", _memory(self)),
            ("accelerators", "\n".join(found) or nothing),
            ("CUDA", " ".join(filter(None, (self.cuda, self.driver and f"(driver {self.driver})")))),
            ("backends", ", ".join(self.backends) or "none"),
            ("libraries", ", ".join(f"{name} {version}" for name, version in self.libraries.items())),
        ]
        return [(title, text) for title, text in pairs if text]

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
        probes.forget()
    probed = "torch" in sys.modules or not probes.accelerator_possible()
    probed = probed or (probe_devices and probes.installed("torch"))
    total, free = probes.ram()
    return Runtime(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu_count=probes.cpu_count(),
        ram_total_bytes=total,
        ram_free_bytes=free,
        libraries=dict(probes.libraries()),
        backends=tuple(backend.value for backend in BackendType if backend_installed(backend)),
        devices_probed=probed,
        devices=probes.devices() if probed else (),
        cuda=probes.cuda_version() if probed else None,
        driver=probes.driver_version(),
        onnx_providers=probes.onnx_providers(),
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


def _memory(of: Any) -> str:
    """Say how much memory something has, and how much of it is free."""
    total = getattr(of, "total_bytes", None) or getattr(of, "ram_total_bytes", None)
    free = getattr(of, "free_bytes", None) or getattr(of, "ram_free_bytes", None)
    if total is None:
        return ""
    return readable_size(total) + (f" ({readable_size(free)} free)" if free else "")

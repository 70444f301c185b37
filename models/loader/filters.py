"""Why one way to run a model will not do here: every filter, each with its reason in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from models.backends import BackendType
from models.errors import ModelPackageError
from models.loader.memory import needed_bytes
from models.registry_entry import LazyClass, RegistryEntry
from models.reprs import readable_size
from models.runtime import Runtime, backend_installed

if TYPE_CHECKING:
    from models.cards import ModelCard
    from models.packaging.files import ModelPackage

# What each engine can compute on, and in; one that is not named here can use anything.
BACKEND_DEVICES = {
    BackendType.ONNX: ("cpu",),
    BackendType.OPENVINO: ("cpu",),
    BackendType.TRT: ("cuda",),
}
BACKEND_DTYPES = {
    BackendType.ONNX: ("float32",),
    BackendType.OPENVINO: ("float32", "bfloat16"),
}


@dataclass(frozen=True)
class Demands:
    """What the caller insists on.

    Args:
        backend: The backend; None for the best one.
        device: "auto" or the name of a device.
        revision: Version of the weights, or how it starts; None for any.
        allow_local_code: Whether a package may run its own code.
        dtype: Number format to compute in, or "auto".
        local_files_only: Whether everything must be on this machine already.
    """

    backend: BackendType | None = None
    device: str = "auto"
    revision: str | None = None
    allow_local_code: bool = False
    dtype: str = "auto"
    local_files_only: bool = False


@dataclass(frozen=True)
class Offer:
    """One way to run a model, before the filters.

    Args:
        card: The model.
        backend: What would run it.
        entry: The class that would; None when no row has that backend.
        package: The package; None when it is not here or the class builds itself.
        unusable: What is wrong with the place where the package should be.
        remote: Whether the package would have to be fetched from the hub first.
        absent: Whether there is no package for this backend, here or on the hub.
    """

    card: "ModelCard"
    backend: BackendType
    entry: RegistryEntry | None
    package: "ModelPackage | None" = None
    unusable: ModelPackageError | None = None
    remote: bool = False
    absent: bool = False


def engine_devices(backend: BackendType) -> tuple[str, ...] | None:
    """The kinds of devices that a backend's library computes on, as it is installed here.

    Args:
        backend: The backend.

    Returns:
        Kinds as in "cpu", "cuda"; None for any.

    Example:
        >>> engine_devices(BackendType.OPENVINO)
        ('cpu',)
    """
    kinds = BACKEND_DEVICES.get(backend)
    return ("cpu", "cuda") if backend is BackendType.ONNX and _has_onnxruntime_gpu() else kinds


def usable_device(backend: BackendType, wanted: str, runtime: Runtime) -> str | None:
    """The device that a backend would take.

    Args:
        backend: The backend.
        wanted: "auto" or the name of a device.
        runtime: What this machine has.

    Returns:
        Name of the device; None when the backend cannot compute on what is wanted.
    """
    kinds = engine_devices(backend)
    if wanted != "auto":
        return wanted if kinds is None or wanted.partition(":")[0] in kinds else None
    here = (name for name in runtime.device_names if kinds is None or name.partition(":")[0] in kinds)
    found = next(here, None)
    return found and found.removesuffix(":0")


def reasons_against(offer: Offer, demands: Demands, runtime: Runtime) -> list[tuple[str, str]]:
    """Run all filters.

    Args:
        offer: One way to run a model.
        demands: What the caller insists on.
        runtime: What this machine can run.

    Returns:
        Pairs of what was looked at ("backend", "device", ...) and a sentence; empty when it will do.
    """
    found = [*_backend_reasons(offer, demands), *_place_reasons(offer, demands)]
    found += _device_reasons(offer, demands, runtime)
    found += _package_reasons(offer, demands)
    if not found:
        found += _memory_reasons(offer, demands, runtime)
    return found


def _backend_reasons(offer: Offer, demands: Demands) -> Iterator[tuple[str, str]]:
    """Is it the backend that was asked for, and is there something to run it?"""
    backend, entry = offer.backend, offer.entry
    if demands.backend not in (None, backend):
        yield "backend", f"Backend '{demands.backend}' was asked for; this one is '{backend}'."
    if entry is None:
        yield (
            "implementation",
            f"No class is registered that runs {offer.card.architecture!r} on '{backend}'.",
        )
        return
    if not backend_installed(backend):
        extra = f" Extra {backend.value!r} brings it." if backend in _EXTRAS else ""
        yield "library", f"The library of backend '{backend}' is not installed.{extra}"
    if not _importable(entry):
        yield "implementation", f"The module of {entry.class_name} is not installed."


def _place_reasons(offer: Offer, demands: Demands) -> Iterator[tuple[str, str]]:
    """Is the package here, or may it be fetched?"""
    if offer.unusable is not None:
        yield "package", str(offer.unusable)
    if offer.absent:
        made = f" export_package(model, backend={offer.backend.value!r}) makes one."
        yield (
            "package",
            f"There is no package of the model for this backend.{made if offer.backend in _EXTRAS else ''}",
        )
    if offer.remote and demands.local_files_only:
        fetch = f"`workbench models download {offer.card.model_id}` fetches it"
        yield "package", f"The package is not on this machine, and the network may not be used; {fetch}."


def _device_reasons(offer: Offer, demands: Demands, runtime: Runtime) -> Iterator[tuple[str, str]]:
    """Is the device here, can the backend use it, does it compute in that number format?"""
    wanted, here = demands.device, runtime.device_names
    named = f"{wanted}:0" if wanted == "cuda" else wanted
    if runtime.devices_probed and named not in ("auto", *here):
        yield "device", f"Device {wanted!r} is not on this machine; it has {', '.join(here)}."
        return
    device = usable_device(offer.backend, wanted, runtime)
    if device is None:
        kinds = ", ".join(engine_devices(offer.backend) or ())
        asked = "this machine has none" if wanted == "auto" else f"{wanted!r} was asked for"
        yield "device", f"Backend '{offer.backend}' computes on {kinds} only; {asked}."
    elif demands.dtype not in ("auto", *BACKEND_DTYPES.get(offer.backend, (demands.dtype,))):
        formats = " and ".join(BACKEND_DTYPES[offer.backend])
        yield "dtype", f"Backend '{offer.backend}' computes in {formats} only, not in {demands.dtype}."
    elif demands.dtype == "float16" and device == "cpu":
        yield "dtype", "A processor computes float16 slowly and not everywhere; take bfloat16 or float32."
    elif demands.dtype == "bfloat16" and getattr(runtime.device(device), "bfloat16", None) is False:
        yield "dtype", f"{device} does not compute in bfloat16; take float16 or float32."


def _package_reasons(offer: Offer, demands: Demands) -> Iterator[tuple[str, str]]:
    """Does the class fit the package, and is it the version that was asked for?"""
    if offer.package is not None and offer.entry is not None:
        for problem in offer.entry.feature_problems(offer.package.manifest.features):
            yield "features", problem
    revision = offer.card.revision if offer.package is None else offer.package.manifest.revision
    if demands.revision and not offer.remote and not revision.startswith(demands.revision):
        yield "revision", f"Revision {demands.revision!r} was asked for; this is {revision!r}."
    elif not demands.revision and offer.package is not None and revision != offer.card.revision:
        pinned = f"It is of revision {revision!r}, the model of {offer.card.revision!r}"
        yield "revision", f"{pinned}: fetch or export it again, or ask for revision={revision[:12]!r}."


def _memory_reasons(offer: Offer, demands: Demands, runtime: Runtime) -> Iterator[tuple[str, str]]:
    """Is there enough memory?"""
    device = usable_device(offer.backend, demands.device, runtime) or "cpu"
    needed, why = needed_bytes(offer.package, offer.card, demands.dtype)
    free = runtime.free_memory(device)
    if free is not None and needed > free:
        yield (
            "memory",
            f"It needs at least {readable_size(needed)} ({why}); {readable_size(free)} are free on {device}.",
        )


def _has_onnxruntime_gpu() -> bool:
    """Whether the build of onnxruntime for CUDA is installed; it is a distribution of its own."""
    try:
        return bool(metadata.version("onnxruntime-gpu"))
    except metadata.PackageNotFoundError:
        return False


def _importable(entry: RegistryEntry) -> bool:
    """Tell whether the module of a named class is there, without running it."""
    if not isinstance(entry.model_class, LazyClass):
        return True
    try:
        return find_spec(entry.model_class.module_name) is not None
    except (ImportError, ValueError):
        return entry.known_class is not None


_EXTRAS = (BackendType.ONNX, BackendType.OPENVINO)

"""Which implementation runs a model here, decided in the open: filter, order, give reasons."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from models.backends import BackendType
from models.catalog import ModelCard
from models.errors import ModelImplementationNotFoundError, NoModelPackagesAvailableError
from models.registry import LazyClass, RegistryEntry, implementations
from models.reprs import html_table, text_table
from models.runtime import Runtime, backend_installed
from models.targets import Target

# The one ranking: what is used when several backends would do.
BACKEND_ORDER = (
    BackendType.TORCH,
    BackendType.OPENVINO,
    BackendType.ONNX,
    BackendType.HUGGING_FACE,
    BackendType.TORCH_SCRIPT,
    BackendType.TRT,
    BackendType.CUSTOM,
)


@dataclass(frozen=True)
class Demands:
    """What the caller insists on.

    Args:
        backend: The backend; None for the best one.
        device: "auto" or the name of a device.
        revision: Version of the weights, or how it starts; None for any.
        allow_local_code: Whether a package may run its own code.
    """

    backend: BackendType | None = None
    device: str = "auto"
    revision: str | None = None
    allow_local_code: bool = False


@dataclass(frozen=True)
class Candidate:
    """One way to run a model, and why it was turned down.

    Args:
        package: Name of the package, or "" for a class that builds itself.
        backend: Name of the backend.
        class_name: Class that would run it.
        accepted: Whether it can be used.
        reasons: Why not; empty when accepted.
    """

    package: str
    backend: str
    class_name: str
    accepted: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelDescription:
    """What would be loaded for an id, and why everything else would not.

    Args:
        card: The model.
        candidates: All ways considered, the usable ones first, best first.
        chosen: The one that would be taken; None when none can be.
        runtime: The machine this was decided for.
        problem: What is wrong when nothing can be taken.
    """

    card: ModelCard
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    runtime: Runtime
    problem: str = ""

    def rows(self) -> list[tuple[str, str, str]]:
        """The candidates as rows of name, verdict and reasons, for tables."""
        return [
            (
                f"{one.class_name} on {one.backend}" + (f", {one.package}" if one.package else ""),
                "taken" if one is self.chosen else "possible" if one.accepted else "turned down",
                " ".join(one.reasons),
            )
            for one in self.candidates
        ]

    def __str__(self) -> str:
        problem = f"\n{self.problem}" if self.problem else ""
        return f"{self.card}\n{text_table(self.rows())}{problem}"

    def _repr_html_(self) -> str:
        """Card and candidates as two tables."""
        rows = [*self.rows(), *([(self.problem, "", "")] if self.problem else [])]
        return self.card._repr_html_() + html_table(rows, headers=["candidate", "verdict", "why"])


def negotiate(target: Target, demands: Demands, runtime: Runtime) -> tuple[Candidate, ...]:
    """Consider every implementation of a model.

    Args:
        target: The model and its package.
        demands: What the caller insists on.
        runtime: What this machine can run.

    Returns:
        All candidates: accepted ones first, in the order to try them.
    """
    if target.code is not None:
        reasons = _code_reasons(target, demands)
        name = target.code.directory.name
        return (Candidate(name, "custom", target.code.class_name, not reasons, tuple(reasons)),)
    package = target.package.name if target.package is not None else ""
    candidates = []
    for backend, entry in implementations(target.card.architecture, target.card.task_type).items():
        reasons = tuple(_reasons(target, backend, entry, demands, runtime))
        candidates.append(Candidate(package, backend.value, entry.class_name, not reasons, reasons))
    return tuple(sorted(candidates, key=_rank))


def require_accepted(target: Target, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Keep the usable candidates, or raise the error that says why there is none.

    Args:
        target: The model and its package.
        candidates: What ``negotiate`` returned.

    Returns:
        The accepted ones, in the order to try them.

    Raises:
        ModelPackageError: If the package is missing or malformed.
        ModelImplementationNotFoundError: If no class is registered for the model.
        NoModelPackagesAvailableError: If every candidate was turned down; reasons are grouped.
    """
    everything = list(candidates)
    accepted = [candidate for candidate in everything if candidate.accepted]
    if accepted:
        return accepted
    if target.problem is not None:
        raise target.problem
    card = target.card
    if not everything:
        raise ModelImplementationNotFoundError(
            f"{card.model_id!r} is of architecture {card.architecture!r} and task {card.task_type!r}; "
            "no class is registered for these.",
            next_step="register_model(architecture, task_type, backend, model_class) adds one.",
        )
    counted = Counter(reason for candidate in everything for reason in candidate.reasons)
    grouped = " ".join(f"{reason} ({count}x)" for reason, count in counted.most_common())
    raise NoModelPackagesAvailableError(
        f"Nothing that can run {card.model_id!r} fits: {grouped}",
        next_step="AutoModel.describe(id) lists what was considered.",
        reasons={f"{one.class_name} ({one.backend})": one.reasons for one in everything},
    )


def _code_reasons(target: Target, demands: Demands) -> list[str]:
    """Reasons against a package that runs its own code."""
    if demands.allow_local_code or target.code is None:
        return []
    return [f"It runs its own code, {target.code.module}; allow_local_code=True allows that."]


def _reasons(
    target: Target, backend: BackendType, entry: RegistryEntry, demands: Demands, runtime: Runtime
) -> list[str]:
    """All reasons against one implementation."""
    reasons = []
    if demands.backend not in (None, backend):
        reasons.append(f"Backend '{demands.backend}' was asked for; this one is '{backend}'.")
    if not backend_installed(backend):
        reasons.append(f"The library of backend '{backend}' is not installed.")
    if not _importable(entry):
        reasons.append(f"The module of {entry.class_name} is not installed.")
    here = runtime.device_names
    if runtime.devices_probed and demands.device.partition(":")[0] not in ("auto", *_kinds(here)):
        reasons.append(f"Device {demands.device!r} is not on this machine; it has {', '.join(here)}.")
    return reasons + _package_reasons(target, backend, entry, demands)


def _package_reasons(
    target: Target, backend: BackendType, entry: RegistryEntry, demands: Demands
) -> list[str]:
    """Reasons against one implementation that lie in the package."""
    if target.package is None:
        return [str(target.problem)] if target.problem is not None else []
    manifest = target.package.manifest
    reasons = list(entry.feature_problems(manifest.features))
    if manifest.backend.lower() != backend.value:
        reasons.append(f"The package is for backend {manifest.backend!r}.")
    if demands.revision and not manifest.revision.startswith(demands.revision):
        reasons.append(f"Revision {demands.revision!r} was asked for; this is {manifest.revision!r}.")
    return reasons


def _importable(entry: RegistryEntry) -> bool:
    """Tell whether the module of a named class is there, without running it."""
    if not isinstance(entry.model_class, LazyClass):
        return True
    try:
        return find_spec(entry.model_class.module_name) is not None
    except (ImportError, ValueError):
        return False


def _kinds(names: Iterable[str]) -> set[str]:
    """Kinds of some devices: "cuda" of "cuda:0"."""
    return {name.partition(":")[0] for name in names}


def _rank(candidate: Candidate) -> tuple[bool, int, str]:
    """Accepted ones first, then the order of backends, then by name."""
    order = BACKEND_ORDER.index(BackendType(candidate.backend))
    return (not candidate.accepted, order, candidate.class_name)

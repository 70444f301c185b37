"""Which package and implementation run a model here, decided in the open: filter, order, give reasons."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.backends import BackendType
from models.errors import (
    InvalidParameterError,
    ModelImplementationNotFoundError,
    ModelPackageError,
    NoModelPackagesAvailableError,
    PackageNotFoundError,
)
from models.loader.contest import with_paces
from models.loader.filters import Demands, Offer, reasons_against, usable_device
from models.loader.targets import Target
from models.registry import REGISTERED_MODELS, RegistryEntry, implementations
from models.reprs import readable_size
from models.runtime import Runtime

# The one ranking, and why: what is taken when several backends would do on the same device.
BACKEND_ORDER = {
    BackendType.TRT: "compiled for this accelerator",
    BackendType.OPENVINO: "exported, fastest on a processor",
    BackendType.ONNX: "exported, faster than torch on a processor",
    BackendType.TORCH: "the family's own network",
    BackendType.HUGGING_FACE: "the network of the transformers library",
    BackendType.TORCH_SCRIPT: "a frozen network",
    BackendType.CUSTOM: "code of its own",
}
_RANK = list(BACKEND_ORDER)
_OWN = "'its own backend'"  # stands for it while reasons are gathered


@dataclass(frozen=True)
class Candidate:
    """One way to run a model, and why it was turned down.

    Args:
        package: Name of the package, or "" for a class that builds itself.
        backend: Name of the backend.
        class_name: Class that would run it; "" when there is none.
        accepted: Whether it can be used.
        reasons: Why not, one sentence each; empty when accepted.
        kinds: What each reason is about: "backend", "implementation", "library", "package",
            "device", "dtype", "features", "revision", "memory" or "code".
        device: Where it would compute.
        location: Folder of the package; "" when it is not on this machine.
        download_bytes: Size of what would be fetched first; None when nothing would.
        pace: Frames a second, as measured here; 0.0 when it failed, None when it was not compared.
    """

    package: str
    backend: str
    class_name: str
    accepted: bool
    reasons: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    device: str = ""
    location: str = ""
    download_bytes: int | None = None
    pace: float | None = None

    @property
    def name(self) -> str:
        """What to call it in a list."""
        return f"{self.class_name or 'no class'} ({self.backend})"

    @property
    def note(self) -> str:
        """Why it stands where it does in the order."""
        note = BACKEND_ORDER[BackendType(self.backend)]
        if self.pace is not None:
            note = f"measured here, {self.pace:.3g} frames/s" if self.pace else "failed when it was measured"
        if self.download_bytes is None:
            return f"{note}, on {self.device}"
        return f"{note}, on {self.device}; {readable_size(self.download_bytes)} are downloaded first"


@dataclass(frozen=True)
class ReasonGroup:
    """One reason, and everything it ruled out.

    Args:
        kind: What it is about; see ``Candidate.kinds``.
        reason: The sentence.
        candidates: Names of the candidates.
    """

    kind: str
    reason: str
    candidates: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many candidates it ruled out."""
        return len(self.candidates)

    def __str__(self) -> str:
        return f"{self.reason} ({self.count}x)"


def negotiate(target: Target, demands: Demands, runtime: Runtime) -> tuple[Candidate, ...]:
    """Consider every package of a model with every implementation.

    Args:
        target: The model and its packages.
        demands: What the caller insists on.
        runtime: What this machine can run.

    Returns:
        All candidates: accepted ones first, in the order to try them; then those with the fewest
        reasons against them.
    """
    if target.code is not None:
        return (_code_candidate(target, demands, runtime),)
    offers = _offers(target)
    candidates = with_paces(target, [_candidate(offer, demands, runtime) for offer in offers], demands)
    best = usable_device(BackendType.CUSTOM, demands.device, runtime)
    return tuple(sorted(candidates, key=lambda one: _order(one, str(best))))


def group_reasons(candidates: Iterable[Candidate]) -> tuple[ReasonGroup, ...]:
    """Gather why candidates were turned down; what differs in the backend's name only is one reason.

    Args:
        candidates: What ``negotiate`` returned.

    Returns:
        One group per reason, the most frequent first.
    """
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for one in candidates:
        for kind, reason in zip(one.kinds, one.reasons, strict=True):
            groups.setdefault((kind, reason.replace(f"'{one.backend}'", _OWN)), []).append(one)
    made = [
        ReasonGroup(kind, reason.replace(_OWN, _backends(of)), tuple(one.name for one in of))
        for (kind, reason), of in groups.items()
    ]
    return tuple(sorted(made, key=lambda group: -group.count))


def _backends(candidates: Iterable[Candidate]) -> str:
    """The backends of some candidates, in words."""
    return " or ".join(dict.fromkeys(f"'{one.backend}'" for one in candidates))


def require_accepted(
    target: Target, candidates: Iterable[Candidate], backend: BackendType | None = None
) -> list[Candidate]:
    """Keep the usable candidates, or raise the error that says why there is none.

    Args:
        target: The model and its packages.
        candidates: What ``negotiate`` returned.
        backend: The backend that was asked for.

    Returns:
        The accepted ones, in the order to try them.

    Raises:
        ModelPackageError: If the only package is missing or malformed.
        ModelImplementationNotFoundError: If no class is registered for the model.
        NoModelPackagesAvailableError: If every candidate was turned down; reasons are grouped.
    """
    everything = list(candidates)
    accepted = [candidate for candidate in everything if candidate.accepted]
    if accepted:
        return accepted
    card = target.card
    rows = implementations(card.architecture, card.task_type)
    if not rows and target.code is None:
        raise ModelImplementationNotFoundError(
            f"{card.model_id!r} is of architecture {card.architecture!r} and task {card.task_type!r}; "
            f"no class is registered for these.{_other_tasks(card.architecture)}",
            next_step="register_model(architecture, task_type, backend, model_class) adds one.",
        )
    if target.problem is not None and any(set(one.kinds) == {"package"} for one in everything):
        raise _not_here(target, target.problem)
    plain = ""
    if backend is not None and rows and backend not in rows:
        there = ", ".join(f"'{name}'" for name in rows)
        plain = f"{card.architecture!r} has no implementation for backend '{backend}', only for {there}. "
    raise NoModelPackagesAvailableError(
        f"Nothing that can run {card.model_id!r} fits: {plain}"
        + " ".join(str(group) for group in group_reasons(everything)),
        next_step="AutoModel.describe(id) lists what was considered.",
        reasons=_by_name(everything),
    )


def _offers(target: Target) -> list[Offer]:
    """Everything that could be tried: packages with their classes, then classes without a package."""
    card = target.card
    rows = implementations(card.architecture, card.task_type)
    if target.builds_itself:
        return [Offer(card, backend, entry) for backend, entry in rows.items()]
    offers = []
    for package in target.packages:
        backend = BackendType.parse(package.manifest.backend)
        offers.append(Offer(card, backend, rows.get(backend), package))
    taken = {offer.backend for offer in offers}
    return offers + [_without_package(target, *row) for row in rows.items() if row[0] not in taken]


def _without_package(target: Target, backend: BackendType, entry: RegistryEntry) -> Offer:
    """A class that has no package here: to be fetched, missing, broken, or never made."""
    card = target.card
    home = backend.value in card.backends
    name = card.model_id if home else f"{card.model_id.rpartition('/')[2]}--{backend}"
    broken = next((one.problem for one in target.unusable if one.name == name), None)
    remote = home and card.source == "hub" and target.missing is not None
    problem = broken or (target.missing if home and not remote else _beside(target, backend))
    return Offer(card, backend, entry, unusable=problem, remote=remote, absent=not remote and problem is None)


def _beside(target: Target, backend: BackendType) -> ModelPackageError | None:
    """Say that an export lies beside a folder that was named by its path: a path is one package."""
    for package in target.packages:
        folder = package.directory.with_name(f"{package.directory.name}--{backend}")
        if (folder / "manifest.json").is_file():
            return PackageNotFoundError(
                f"A path names one package. The one for this backend is {folder}.",
                next_step="Give that path, or the model's id with model_dir.",
            )
    return None


def _candidate(offer: Offer, demands: Demands, runtime: Runtime) -> Candidate:
    """Judge one offer."""
    against = reasons_against(offer, demands, runtime)
    package = offer.package
    return Candidate(
        package=package.name if package is not None else offer.card.model_id if offer.remote else "",
        backend=offer.backend.value,
        class_name=offer.entry.class_name if offer.entry is not None else "",
        accepted=not against,
        reasons=tuple(sentence for _, sentence in against),
        kinds=tuple(kind for kind, _ in against),
        device=usable_device(offer.backend, demands.device, runtime) or "",
        location=str(package.directory) if package is not None else "",
        download_bytes=offer.card.size_bytes if offer.remote else None,
    )


def _code_candidate(target: Target, demands: Demands, runtime: Runtime) -> Candidate:
    """The only way to run a folder that brings its own code."""
    code, against = target.code, []
    if code is None:
        raise InvalidParameterError(f"{target.card.model_id!r} brings no code.")
    if not demands.allow_local_code:
        against.append(("code", f"It runs its own code, {code.module}; allow_local_code=True allows that."))
    offer = Offer(target.card, BackendType.CUSTOM, RegistryEntry(object))
    against += reasons_against(offer, demands, runtime)
    return Candidate(
        code.directory.name,
        "custom",
        code.class_name,
        accepted=not against,
        reasons=tuple(sentence for _, sentence in against),
        kinds=tuple(kind for kind, _ in against),
        device=usable_device(BackendType.CUSTOM, demands.device, runtime) or "",
        location=str(code.directory),
    )


def _order(one: Candidate, best: str) -> tuple[int, bool, bool, float, int, str, str]:
    """Few reasons first; what is here, what uses the accelerator, what was faster; by backend and name."""
    slower = best != "cpu" and one.device == "cpu"
    rank = _RANK.index(BackendType(one.backend))
    pace = 1.0 if one.pace is None else -one.pace
    return (len(one.reasons), one.download_bytes is not None, slower, pace, rank, one.class_name, one.package)


def _by_name(candidates: list[Candidate]) -> dict[str, tuple[str, ...]]:
    """Reasons by candidate; where two share a name, with the package."""
    names = [one.name for one in candidates]
    return {
        one.name if names.count(one.name) == 1 else f"{one.name}, {one.package}": one.reasons
        for one in candidates
    }


def _not_here(target: Target, problem: ModelPackageError) -> ModelPackageError:
    """The error of a package that is missing; of one that could be fetched, with the command."""
    if target.card.source != "hub" or problem is not target.missing:
        return problem
    return PackageNotFoundError(
        problem.message + " The network may not be used (HF_HUB_OFFLINE or local_files_only).",
        next_step=f"`workbench models download {target.card.model_id}` fetches it where there is a network.",
    )


def _other_tasks(architecture: str) -> str:
    """Say what the registry has instead."""
    tasks = dict.fromkeys(key[1] for key in REGISTERED_MODELS if key[0] == architecture)
    known = ", ".join(dict.fromkeys(repr(key[0]) for key in REGISTERED_MODELS))
    if tasks:
        return f" That architecture has {', '.join(map(repr, tasks))}."
    return f" Architectures are {known}."

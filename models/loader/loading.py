"""Build the model that was negotiated: fetch, verify, construct, ask the known answers, fall back.

Nothing here holds on to a model: it lives as long as the caller keeps it. Whoever wants one model
in memory at a time calls ``unload()`` on the old one first, as the workbench's session does.
"""

import logging
import threading
import traceback
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.backends import BackendType
from models.base import ImageEmbeddingModel
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelPackageAlternativesExhaustedError,
    PackageNotFoundError,
    WorkbenchError,
)
from models.known_answer_recording import record_first_answers
from models.known_answers import known_answer_drift
from models.loader.construction import (
    call_from_pretrained,
    construct,
    construct_without_folder,
    fetch_weights,
    loads_from_folder_only,
)
from models.loader.contest import fastest_first
from models.loader.filters import Demands
from models.loader.negotiation import Candidate, negotiate, require_accepted
from models.loader.targets import Target
from models.loader.unlisted import UnlistedPackage
from models.pace import measure_pace
from models.packages import ModelPackage, models_root
from models.packaging.files import WEIGHT_SUFFIXES
from models.packaging.manifest import file_sha256, is_safe_path
from models.registered import check_class
from models.registry import implementations
from models.runtime import describe_runtime

_logger = logging.getLogger("models")
_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
_locks_guard = threading.Lock()


@dataclass(frozen=True)
class LoadOptions:
    """How to build a model.

    Args:
        device: Name of a device that is here; a candidate that cannot use it takes its own.
        dtype: Number format to compute in, "auto" for the model's own choice.
        model_dir: Folder with weights, for a class that looks for them itself.
        demands: What the caller insists on.
        model_kwargs: The model's own options.
    """

    device: str
    dtype: str = "auto"
    model_dir: str | Path | None = None
    demands: Demands = field(default_factory=Demands)
    model_kwargs: dict[str, Any] = field(default_factory=dict)


def load_first(target: Target, candidates: Sequence[Candidate], options: LoadOptions) -> Any:
    """Build the first candidate that works.

    Two threads that load the same model wait for each other.

    Args:
        target: The model and its packages.
        candidates: Accepted candidates, best first.
        options: How to build it.

    Returns:
        The model, ready to use.

    Raises:
        WorkbenchError: If the only candidate failed with an error of ours.
        ModelPackageAlternativesExhaustedError: If all failed; it holds one error per candidate.
    """
    errors: dict[str, Exception] = {}
    with _lock_of(target):
        candidates = fastest_first(
            target, candidates, options.demands, lambda one: _pace(target, one, options)
        )
        for candidate in candidates:
            name = candidate.name
            name = name if name not in errors else f"{name}, {candidate.package}"
            try:
                return _told_of(_load(target, candidate, options), errors)
            except Exception as error:
                more = candidate is not candidates[-1]
                level = logging.WARNING if more else logging.INFO
                _logger.log(level, "%s could not be loaded with %s: %s", target.card.model_id, name, error)
                errors[name] = _without_frames(error) if more else error
    first = next(iter(errors.values()))
    if len(errors) == 1 and isinstance(first, WorkbenchError):
        raise first
    summary = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in errors.items())
    raise ModelPackageAlternativesExhaustedError(
        f"{target.card.model_id!r} could not be loaded. {summary}", alternatives_errors=errors
    ) from first


def _pace(target: Target, candidate: Candidate, options: LoadOptions) -> float | None:
    """Load a candidate, time it, and drop it; 0.0 when it fails, None when it cannot be compared."""
    if options.model_kwargs:  # they may be for one of the backends only
        return None
    try:
        model = _load(target, candidate, options)
        if not isinstance(model, ImageEmbeddingModel):
            return None
        pace = measure_pace(model).frames_per_s
        model.unload()
    except Exception as error:  # whatever a library raises; the next candidate is measured
        _logger.warning("%s is passed over with %s: %s", target.card.model_id, candidate.name, error)
        _without_frames(error)
        return 0.0
    return pace


def _without_frames(error: Exception) -> Exception:
    """Let go of what a failed attempt still holds, half a network perhaps, before the next one."""
    part: BaseException | None = error
    while part is not None:
        traceback.clear_frames(part.__traceback__)
        part = part.__cause__ or part.__context__
    return error


def _told_of(model: Any, errors: dict[str, Exception]) -> Any:
    """Keep with the model what was tried before it and failed, in words."""
    if errors:
        with suppress(AttributeError):
            model.load_failures = {name: f"{type(error).__name__}: {error}" for name, error in errors.items()}
    return model


def _load(target: Target, candidate: Candidate, options: LoadOptions) -> Any:
    """Fetch what is missing of one candidate, then build it."""
    if candidate.download_bytes is not None:
        target, candidate = _fetched(target, options)
    package = next((one for one in target.packages if str(one.directory) == candidate.location), None)
    placed = replace(options, device=candidate.device or options.device)
    try:
        return _build(target, candidate, package, placed)
    except (PackageNotFoundError, CorruptedModelPackageError):
        if candidate.backend not in target.card.backends or not _incomplete(target, options):
            raise
    _download(target, options, revision=package.manifest.revision if package else target.card.revision)
    return _build(target, candidate, package, placed)


def _incomplete(target: Target, options: LoadOptions) -> bool:
    """Tell whether files of the model, or of what it needs, are missing or cut short and may be fetched."""
    from models.packages import is_installed

    may_fetch = target.card.source == "hub" and not options.demands.local_files_only
    return may_fetch and not is_installed(target.card, options.model_dir)


def _download(target: Target, options: LoadOptions, *, revision: str | None) -> ModelPackage:
    """Fetch what is missing of a model and of what it needs, and show how far it is."""
    from models.packages import download_package
    from models.packaging.report import report_progress

    with report_progress(target.card.model_id) as progress:
        return download_package(
            target.card, model_dir=options.model_dir, revision=revision, progress=progress
        )


def _fetched(target: Target, options: LoadOptions) -> tuple[Target, Candidate]:
    """Fetch the home package, and judge it: only now is known what it holds."""
    package = _download(target, options, revision=options.demands.revision)
    known = replace(target.card, revision=package.manifest.revision)
    here = replace(target, card=known, packages=(package,), missing=None)
    # the revision was settled by the download; a branch's name is not the beginning of a commit
    settled = replace(options.demands, revision=None, backend=BackendType.parse(package.manifest.backend))
    return here, require_accepted(here, negotiate(here, settled, describe_runtime()))[0]


def _build(target: Target, candidate: Candidate, package: ModelPackage | None, options: LoadOptions) -> Any:
    """Build one candidate and see that it is what its package promises."""
    if package is not None:
        package.verify()
    model_class = _class_of(target, candidate, options)
    model = _instance(target, model_class, package, options)
    _describe_itself(model, target, package, candidate.backend)
    if package is not None and not isinstance(package, UnlistedPackage):
        _check_known_answers(model, package, options)
    return model


def _instance(target: Target, model_class: Any, package: ModelPackage | None, options: LoadOptions) -> Any:
    """Make the object, by ``from_pretrained`` where there is one."""
    ours = {"device": options.device, "dtype": options.dtype}
    if isinstance(package, UnlistedPackage) and package.checkpoint is not None:
        return _from_checkpoint(model_class, package.checkpoint, ours, options.model_kwargs)
    directory = package.directory if package is not None else _own_folder(target, options)
    if directory is not None and callable(getattr(model_class, "from_pretrained", None)):
        return call_from_pretrained(model_class, directory, ours, options.model_kwargs)
    if loads_from_folder_only(model_class):
        folder = models_root() / target.card.model_id
        return construct_without_folder(model_class, folder, ours, options.model_kwargs)
    if not options.demands.local_files_only:
        fetch_weights(model_class, options.model_dir)
    return construct(model_class, target.card.model_id, ours, options.model_dir, options.model_kwargs)


def _from_checkpoint(
    model_class: Any, checkpoint: Path, ours: dict[str, Any], model_kwargs: dict[str, Any]
) -> Any:
    """Hand over the file; a class that reads folders gets its folder, if there are no other weights."""
    try:
        return call_from_pretrained(model_class, checkpoint, ours, model_kwargs)
    except Exception as error:
        others = [path for path in checkpoint.parent.iterdir() if path.suffix.lower() in WEIGHT_SUFFIXES]
        if others != [checkpoint] or isinstance(error, InvalidParameterError):
            raise
        _logger.info("%s does not load a file (%s); its folder is tried.", model_class.__name__, error)
    return call_from_pretrained(model_class, checkpoint.parent, ours, model_kwargs)


def _class_of(target: Target, candidate: Candidate, options: LoadOptions) -> type:
    """Import the class of a candidate."""
    if target.code is not None:
        found = target.code.load_class(allowed=options.demands.allow_local_code)
    else:
        rows = implementations(target.card.architecture, target.card.task_type)
        found = rows[BackendType(candidate.backend)].resolve()
    check_class(found)
    return found


def _own_folder(target: Target, options: LoadOptions) -> Path | None:
    """Folder of a model without a package: its code, a folder of its name, or the one that was given."""
    if target.code is not None:
        return target.code.directory
    named = models_root(options.model_dir) / target.card.model_id
    if is_safe_path(target.card.model_id) and named.is_dir():
        return named
    return None if options.model_dir is None else Path(options.model_dir).expanduser()


def _describe_itself(model: Any, target: Target, package: ModelPackage | None, backend: str) -> None:
    """Tell the model which one it is; a class that keeps its own counsel is left alone."""
    told: dict[str, Any] = {"model_id": target.card.model_id, "revision": target.card.revision}
    if not getattr(model, "backend", ""):
        told["backend"] = backend
    if package is not None:
        told |= {
            name: getattr(package.manifest, name) for name in ("revision", "known_answers", "package_hash")
        }
    if isinstance(package, UnlistedPackage) and package.checkpoint is not None:
        told["revision"] = file_sha256(package.checkpoint)[:40]
    for name, value in told.items():
        with suppress(AttributeError):
            if value or not hasattr(model, name):
                setattr(model, name, value)


def _check_known_answers(model: Any, package: ModelPackage, options: LoadOptions) -> None:
    """Compare the model with the vectors that its package recorded; record some where there are none."""
    answers = package.manifest.known_answers
    if departure := getattr(model, "departure", ""):
        _logger.info("Known answers of %s are not asked for: %s", package.name, departure)
        with suppress(AttributeError):
            model.known_answers = ()
        return
    if not answers:
        record_first_answers(model, package, own_code=False)
        return
    low_precision = options.dtype not in ("auto", "float32")
    drifted = known_answer_drift(model, answers, low_precision=low_precision)
    if drifted:
        raise CorruptedModelPackageError(
            f"{package.name} does not give the vectors that were recorded with it: {' '.join(drifted)}",
            next_step="Weights, preprocessing or a library changed; put a fresh copy of the package there.",
        )
    with suppress(AttributeError):
        model.known_answers_verified = True


def _lock_of(target: Target) -> threading.RLock:
    """The lock of a model's folder, or of a model without one."""
    key = str(target.packages[0].directory) if target.packages else target.card.model_id
    with _locks_guard:
        return _locks[key]

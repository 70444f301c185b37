"""Build the model that was negotiated: verify, construct, ask the known answers, fall back."""

import inspect
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.backends import BackendType
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelPackageAlternativesExhaustedError,
    WorkbenchError,
)
from models.known_answers import known_answer_drift
from models.negotiation import Candidate
from models.packages import ModelPackage, models_root
from models.registry import implementations
from models.targets import Target

_logger = logging.getLogger("models")
_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
_locks_guard = threading.Lock()


@dataclass(frozen=True)
class LoadOptions:
    """How to build a model.

    Args:
        device: Name of a device that is here.
        dtype: Number format to compute in, "auto" for the model's own choice.
        model_dir: Folder with weights, for a class that looks for them itself.
        allow_local_code: Whether a package may run its own code.
        model_kwargs: The model's own options.
    """

    device: str
    dtype: str = "auto"
    model_dir: str | Path | None = None
    allow_local_code: bool = False
    model_kwargs: dict[str, Any] = field(default_factory=dict)


def load_first(target: Target, candidates: Sequence[Candidate], options: LoadOptions) -> Any:
    """Build the first candidate that works.

    Two threads that load the same package wait for each other.

    Args:
        target: The model and its package.
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
        for candidate in candidates:
            name = f"{candidate.class_name} ({candidate.backend})"
            try:
                return _build(target, candidate, options)
            except Exception as error:
                _logger.info("%s could not be loaded with %s: %s", target.card.model_id, name, error)
                errors[name] = error
    first = next(iter(errors.values()))
    if len(errors) == 1 and isinstance(first, WorkbenchError):
        raise first
    summary = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in errors.items())
    raise ModelPackageAlternativesExhaustedError(
        f"{target.card.model_id!r} could not be loaded. {summary}", alternatives_errors=errors
    ) from first


def _build(target: Target, candidate: Candidate, options: LoadOptions) -> Any:
    """Build one candidate and see that it is what its package promises."""
    package = target.package
    if package is not None:
        package.verify()
    model_class = _class_of(target, candidate, options)
    directory = _directory(target, options)
    if directory is not None and callable(getattr(model_class, "from_pretrained", None)):
        model = _from_pretrained(model_class, directory, options)
    else:
        model = _construct(model_class, target.card.model_id, options)
    _describe_itself(model, target)
    if package is not None:
        _check_known_answers(model, package, options)
    return model


def _class_of(target: Target, candidate: Candidate, options: LoadOptions) -> type:
    """Import the class of a candidate."""
    if target.code is not None:
        return target.code.load_class(allowed=options.allow_local_code)
    rows = implementations(target.card.architecture, target.card.task_type)
    return rows[BackendType(candidate.backend)].resolve()


def _directory(target: Target, options: LoadOptions) -> Path | None:
    """Folder to hand to ``from_pretrained``; None for a class that builds itself."""
    if target.code is not None:
        return target.code.directory
    if target.package is not None:
        return target.package.directory
    return None if options.model_dir is None else Path(options.model_dir).expanduser()


def _from_pretrained(model_class: Any, directory: Path, options: LoadOptions) -> Any:
    """Call ``from_pretrained`` with what it takes of our options and all of the model's own."""
    build = model_class.from_pretrained
    ours = _taken(build, {"device": options.device, "dtype": options.dtype}, keywords=True)
    return build(str(directory), **{**ours, **options.model_kwargs})


def _construct(model_class: type, model_id: str, options: LoadOptions) -> Any:
    """Call the constructor and ``setup``; say which options a constructor misses."""
    ours = {"device": options.device, "dtype": options.dtype}
    if options.model_dir is not None or _requires(model_class, "model_dir"):
        ours["model_dir"] = str(models_root(options.model_dir))
    arguments = {**_taken(model_class, ours, keywords=False), **options.model_kwargs}
    try:
        inspect.signature(model_class).bind(**arguments)
    except TypeError as error:
        raise InvalidParameterError(
            f"{model_class.__name__} cannot be built: {error}.",
            next_step=f"Pass its options: AutoModel.from_pretrained({model_id!r}, name=value)"
            + (", or model_dir= its folder." if hasattr(model_class, "from_pretrained") else "."),
        ) from error
    model = model_class(**arguments)
    if callable(getattr(model, "setup", None)):
        model.setup()
    return model


def _describe_itself(model: Any, target: Target) -> None:
    """Tell the model which one it is; a class that keeps its own counsel is left alone."""
    told = {"model_id": target.card.model_id, "revision": target.card.revision}
    if target.package is not None:
        told["known_answers"] = target.package.manifest.known_answers
    for name, value in told.items():
        with suppress(AttributeError):
            if value or not hasattr(model, name):
                setattr(model, name, value)


def _check_known_answers(model: Any, package: ModelPackage, options: LoadOptions) -> None:
    """Compare the model with the vectors that its package recorded."""
    answers = package.manifest.known_answers
    low_precision = options.dtype not in ("auto", "float32")
    drifted = known_answer_drift(model, answers, low_precision=low_precision)
    if drifted:
        raise CorruptedModelPackageError(
            f"{package.name} does not give the vectors that were recorded with it: {' '.join(drifted)}",
            next_step="Weights, preprocessing or a library changed; put a fresh copy of the package there.",
        )
    with suppress(AttributeError):
        model.known_answers_verified = bool(answers)


def _taken(function: Callable[..., Any], offered: dict[str, Any], *, keywords: bool) -> dict[str, Any]:
    """Keep the options that a function takes; with ``keywords`` a ``**kwargs`` takes all."""
    parameters = inspect.signature(function).parameters
    if keywords and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return offered
    return {name: value for name, value in offered.items() if name in parameters}


def _requires(function: Callable[..., Any], name: str) -> bool:
    """Tell whether a function has an option of that name without a default."""
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.default is parameter.empty


def _lock_of(target: Target) -> threading.RLock:
    """The lock of a package, or of a model without one."""
    key = str(target.package.directory) if target.package is not None else target.card.model_id
    with _locks_guard:
        return _locks[key]

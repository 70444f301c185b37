"""Several packages of one large model are here: the fastest is taken, as measured once and remembered.

Only packages on this machine take part, on the best device, and only large ones: small models are
fast with any backend. Until they were measured, ``BACKEND_ORDER`` decides.
"""

import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models import probes
from models.measurements import computing_on, recall, remember
from models.pace import LARGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.loader.filters import Demands
    from models.loader.negotiation import Candidate
    from models.loader.targets import Target
    from models.packaging.files import ModelPackage

__all__ = ["fastest_first", "with_paces"]


_LIBRARIES = {"onnx": "onnxruntime", "openvino": "openvino", "hugging-face": "transformers"}
_logger = logging.getLogger("models")


def with_paces(target: "Target", candidates: "Sequence[Candidate]", demands: "Demands") -> "list[Candidate]":
    """Note the remembered pace of each candidate that takes part; of all, or of none. Measures nothing.

    Args:
        target: The model and its packages.
        candidates: All candidates.
        demands: What the caller insists on.

    Returns:
        The candidates, in the same order.
    """
    keys = _keys(target, candidates, demands)
    paces = [recall(*key) if key else None for key in keys]
    rivals = [pace for key, pace in zip(keys, paces, strict=True) if key]
    if len(rivals) < 2 or not all(isinstance(pace, int | float) for pace in rivals):
        return list(candidates)
    return [replace(one, pace=pace) for one, pace in zip(candidates, paces, strict=True)]


def fastest_first(
    target: "Target",
    candidates: "Sequence[Candidate]",
    demands: "Demands",
    measure: "Callable[[Candidate], float | None]",
) -> "list[Candidate]":
    """Measure the candidates that take part, unless that was done before, and put the fastest first.

    Args:
        target: The model and its packages.
        candidates: Accepted candidates, in the order to try them.
        demands: What the caller insists on.
        measure: Loads a candidate and gives its frames a second; 0.0 when it fails, None when it is no
            model whose pace can be measured.

    Returns:
        The candidates, in the order to try them.
    """
    keys = _keys(target, candidates, demands)
    wanted = [(one, key) for one, key in zip(candidates, keys, strict=True) if key]
    if len(wanted) > 1 and any(one.pace is None for one, _ in wanted):
        for one, key in wanted:
            pace = measure(one)
            if pace is None:
                return list(candidates)
            _logger.info("%s: %.3g frames/s with %s", target.card.model_id, pace, one.name)
            remember(float(f"{pace:.4g}"), *key)
    known = with_paces(target, candidates, demands)
    return sorted(known, key=lambda one: 1.0 if one.pace is None else -one.pace)


def _keys(
    target: "Target", candidates: "Sequence[Candidate]", demands: "Demands"
) -> list[tuple[str, ...] | None]:
    """What each candidate's pace is remembered by; None for one that does not take part."""
    packages: dict[str, Any] = {str(package.directory): package for package in target.packages}
    packages = {place: one for place, one in packages.items() if one.size_bytes >= LARGE_BYTES}
    here = [one for one in candidates if one.accepted and one.location in packages]
    best = min((one.device == "cpu" for one in here), default=True)  # an accelerator, where one has it
    return [
        _key(one, packages[one.location], demands) if one in here and (one.device == "cpu") == best else None
        for one in candidates
    ]


def _key(one: "Candidate", package: "ModelPackage", demands: "Demands") -> tuple[str, ...]:
    """Files, class, library, number format and part that a pace was measured with."""
    library = _LIBRARIES.get(one.backend, "torch")
    version = dict(probes.libraries()).get(library, "")
    return (
        "pace",
        _identity(package),
        one.class_name,
        f"{library} {version}",
        demands.dtype,
        *computing_on(one.device),
    )


def _identity(package: "ModelPackage") -> str:
    """Name the files as they lie there: a package that was repaired is measured again."""
    paths = [package.directory / file.path for file in package.manifest.files]
    times = [path.stat().st_mtime_ns if path.is_file() else 0 for path in paths]
    facts = (package.manifest.package_hash, str(package.directory), times)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

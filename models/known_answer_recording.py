"""Known answers for a package that came without: recorded when it is first loaded and verified.

From then on every load is held to them. What is recorded is what the model answers today, so a
model that fails even quick sanity (finite unit rows, the same twice) is not recorded.
"""

import contextlib
import logging
import math
import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import CorruptedModelPackageError, InvalidParameterError, WorkbenchError
from models.known_answers import computes_low, known_answer_drift, record_known_answers
from models.packaging.manifest import read_manifest, save_manifest

if TYPE_CHECKING:
    from models.packages import ModelPackage

TEXT = "a red ball rolls over green grass"
HEIGHT, WIDTH = 64, 96
HEAVY = 2 * 2**30  # bytes of weights from which a clip takes long on a processor
_MOST_FRAMES = 64
_logger = logging.getLogger("models")


@dataclass(frozen=True)
class Recording:
    """What came of recording known answers.

    Args:
        answers: The answers that the manifest has now.
        recorded: Whether they were written by this call.
        reason: Why not, in one sentence; "" when they were.
        meaningless: Whether the vectors are no numbers or all zero: the weights cannot be right.
    """

    answers: tuple[dict[str, Any], ...]
    recorded: bool
    reason: str = ""
    meaningless: bool = False


class MeaninglessVectorsError(InvalidParameterError):
    """A model whose vectors are no numbers, or all zero.

    Occurs: weights that are NaN, infinite or zero, or numbers of another kind than the network takes.
    What to do: put other weights there; ``check_model(model)`` says more.
    """


def usual_answers(model: Any) -> list[dict[str, Any]]:
    """Record two or three known answers that fit what a model embeds.

    Args:
        model: A loaded embedding model.

    Returns:
        Records for ``write_manifest(known_answers=...)``: a text, a clip and an image as far as
        the model takes them, else two images. Cheap for models of any size.

    Raises:
        InvalidParameterError: If it embeds nothing, or its vectors are not finite unit rows
            that come out the same twice.
    """
    answers = record_known_answers(model, **_inputs_for(model))
    if not answers:
        raise InvalidParameterError(f"{type(model).__name__} embeds nothing, so it has no known answers.")
    values = np.array([number for answer in answers for number in answer["vector_head"]])
    length = _length(model) if np.isfinite(values).all() else math.nan
    problem = _length_problem(length) or " ".join(known_answer_drift(model, answers))
    if problem:
        kind = InvalidParameterError if 0 < length < math.inf else MeaninglessVectorsError
        raise kind(
            f"Known answers of {type(model).__name__} are not recorded: {problem}",
            next_step="check_model(model) says what is wrong with it.",
        )
    return answers


def record_in_package(model: Any, package: "ModelPackage", *, replace_old: bool = False) -> Recording:
    """Write known answers of a loaded model into the manifest of its package.

    The manifest is replaced whole or not at all; of several processes one writes.

    Args:
        model: The model, loaded from that package.
        package: The package.
        replace_old: Record again although there are answers.

    Returns:
        What the manifest has now, and why nothing was written.
    """
    if package.manifest.known_answers and not replace_old:
        return Recording(package.manifest.known_answers, recorded=False, reason="It has known answers.")
    if not os.access(package.directory, os.W_OK):
        return Recording((), recorded=False, reason=f"{package.directory} cannot be written to.")
    if computes_low(model):
        return Recording((), recorded=False, reason="It computes in 16 bits; load it in float32 to record.")
    try:
        answers = tuple(usual_answers(model))
        with _locked(package.directory):
            return _write(package, answers, replace_old=replace_old)
    except (WorkbenchError, OSError) as error:
        meaningless = isinstance(error, MeaninglessVectorsError)
        return Recording((), recorded=False, reason=str(error), meaningless=meaningless)
    except Exception as error:
        reason = f"Asked for a vector, it raised {type(error).__name__}: {error}"
        return Recording((), recorded=False, reason=reason)


def record_first_answers(model: Any, package: "ModelPackage", *, own_code: bool) -> None:
    """Record known answers on the first load of a package that has none; says what came of it in the log.

    Args:
        model: The model as it was loaded; its ``known_answers`` are set.
        package: Its package, verified.
        own_code: Whether the package ran code of its own; then nothing is written into it.

    Raises:
        CorruptedModelPackageError: If its vectors are no numbers, or all zero.
    """
    if own_code or not any(hasattr(model, name) for name in ("embed_text", "embed_images", "embed_videos")):
        return
    recording = record_in_package(model, package)
    if recording.meaningless:
        raise CorruptedModelPackageError(
            f"{package.name} gives vectors that are no numbers or all zero: its weights cannot be right.",
            next_step="Put other weights there; nothing computed with these would mean anything.",
        )
    if not recording.recorded:
        _logger.warning("No known answers of %s were recorded. %s", package.name, recording.reason)
    else:
        _logger.info("Known answers of %s were recorded; later loads are held to them.", package.name)
    with contextlib.suppress(AttributeError):
        model.known_answers = recording.answers


def _inputs_for(model: Any) -> dict[str, Any]:
    """Two or three inputs that a model takes."""
    text, clip, image = (hasattr(model, f"embed_{kind}") for kind in ("text", "videos", "images"))
    frames = min(max(int(getattr(model, "num_frames", 0) or 8), 1), _MOST_FRAMES)
    if image and clip and _weights(model) > HEAVY and str(getattr(model, "device", "cpu")) == "cpu":
        clip = False  # seconds a clip, at every load; an image goes through the same weights
    patterns = ["ramp"] if text or clip else ["ramp", "moving-square"]
    return {
        "texts": [TEXT] if text else [],
        "clips": [("moving-square", (frames, HEIGHT, WIDTH, 3))] if clip else [],
        "images": [(pattern, (HEIGHT, WIDTH, 3)) for pattern in patterns] if image else [],
    }


def _weights(model: Any) -> int:
    """Bytes of weights that a model holds."""
    from models.checks.memory import held, weight_bytes

    return sum(weight_bytes(value) for value, _ in held(model).values())


def _length(model: Any) -> float:
    """Length of a row; no number when the row has some that are none."""
    from models.known_answers import known_answer_frames

    inputs = _inputs_for(model)
    if inputs["texts"]:
        rows = model.embed_text(inputs["texts"])
    elif inputs["images"]:
        rows = model.embed_images([known_answer_frames("ramp", (1, HEIGHT, WIDTH, 3))[0]])
    else:
        rows = model.embed_videos([known_answer_frames(*inputs["clips"][0])])
    return float(np.linalg.norm(rows.detach().cpu().double().numpy()))


def _length_problem(length: float) -> str:
    """Say what is wrong with the length of a row; "" when it is 1."""
    if not math.isfinite(length):
        return "its vectors are not finite."
    return "" if abs(length - 1.0) < 1e-2 else f"its rows have length {length:.3g}, not 1."


def _write(package: "ModelPackage", answers: tuple[dict[str, Any], ...], *, replace_old: bool) -> Recording:
    """Put answers into the manifest, unless it changed or got some meanwhile."""
    manifest = read_manifest(package.directory)
    if manifest.known_answers and not replace_old:
        return Recording(manifest.known_answers, recorded=False, reason="Another process has recorded some.")
    if replace(manifest, known_answers=()) != replace(package.manifest, known_answers=()):
        return Recording((), recorded=False, reason="The package was changed while it was loaded.")
    save_manifest(package.directory, replace(manifest, known_answers=answers))
    return Recording(answers, recorded=True)


@contextlib.contextmanager
def _locked(directory: Path) -> Generator[None]:
    """Hold a folder against other processes that record, where the system has such locks."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system; the write is still whole or not at all
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

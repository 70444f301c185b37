"""Known answers: vectors recorded with a package that every later load must reproduce.

The inputs are texts and synthetic clips drawn with integer arithmetic, so they are the same
bytes on every machine and need no file. A model whose answers drifted has other weights,
another preprocessing or a broken library, and is not used.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from models.errors import CorruptedModelPackageError, InvalidParameterError

HEAD = 8  # this many leading numbers of a vector are recorded
TOLERANCE = 1e-3  # of a record that states none
PRECISION = 5e-3  # of a usual number: other processors and libraries round that much at most
LOW_PRECISION_TOLERANCE = 0.05  # for bfloat16 and float16 compute, whose vectors differ that much


def known_answer_frames(pattern: str, shape: Sequence[int]) -> np.ndarray:
    """Draw a synthetic clip, the same bytes on every machine.

    Args:
        pattern: "ramp" (red grows to the right, green downwards, blue with time),
            "moving-square" (an orange square crosses dark blue from left to right),
            "checker" (magenta and green fields that trade places each frame) or
            "noise" (a fixed hash of the position).
        shape: (T, H, W, 3).

    Returns:
        RGB uint8 of that shape.

    Raises:
        InvalidParameterError: If the pattern is unknown or the shape is no clip's.

    Example:
        >>> known_answer_frames("ramp", (2, 1, 3, 3))[1, 0].tolist()
        [[0, 0, 255], [127, 0, 255], [255, 0, 255]]
    """
    if pattern not in _PATTERNS:
        raise InvalidParameterError(f"Unknown pattern {pattern!r}; there are {', '.join(_PATTERNS)}.")
    if len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
        raise InvalidParameterError(f"The shape of a clip is (T, H, W, 3); {tuple(shape)} came.")
    axes = [np.arange(size, dtype=np.int64) for size in shape[:3]]
    return _PATTERNS[pattern](*np.meshgrid(*axes, indexing="ij")).astype(np.uint8)


def record_known_answers(
    model: Any,
    *,
    texts: Iterable[str] = (),
    clips: Iterable[tuple[str, Sequence[int]]] = (),
    images: Iterable[tuple[str, Sequence[int]]] = (),
    tolerance: float | None = None,
) -> list[dict[str, Any]]:
    """Record what a model answers, for ``write_manifest(known_answers=...)``.

    Args:
        model: A loaded embedding model that is known to be right.
        texts: Texts to record.
        clips: Synthetic clips to record, each a pattern and its shape (T, H, W, 3).
        images: Synthetic images to record, each a pattern and its shape (H, W, 3).
        tolerance: How far a number may be off later; None takes half a percent of what is
            usual in a vector of that length, ten times that when recorded on an accelerator,
            and half of what is usual when recorded in 16 bits.

    Returns:
        One JSON-ready record per input.
    """
    records: list[dict[str, Any]] = [{"kind": "text", "input": text} for text in texts]
    records += [{"kind": "frames", "input": _picture(pattern, shape)} for pattern, shape in clips]
    records += [{"kind": "image", "input": _picture(pattern, (1, *shape))} for pattern, shape in images]
    return [{**record, **_recorded(model, record, tolerance)} for record in records]


def known_answer_drift(
    model: Any,
    answers: Sequence[dict[str, Any]],
    *,
    low_precision: bool = False,
    swap_red_and_blue: bool = False,
) -> list[str]:
    """Ask a model its known answers again.

    Args:
        model: A loaded embedding model. Its ``device`` and ``dtype`` say how exact it can be:
            an accelerator is allowed ten times more than a processor.
        answers: Records as ``record_known_answers`` makes them.
        low_precision: Allow what bfloat16 or float16 compute changes, whatever the model says.
        swap_red_and_blue: Show the pictures with these two swapped, to find out whether the
            model swaps them.

    Returns:
        One sentence per answer that differs; empty when all are right.

    Raises:
        CorruptedModelPackageError: If a record is malformed.
    """
    low = low_precision or computes_low(model)
    drifted = []
    for answer in answers:
        expected, tolerance = _expected(answer)
        allowed = _allowed(model, expected, tolerance, low=low)
        vector = _answer(model, answer, swapped=swap_red_and_blue)
        got = vector[: len(expected)]
        off = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
        if len(vector) != answer.get("dim", len(vector)):
            drifted.append(f"{_name(answer)} has {len(vector)} numbers, not {answer['dim']}.")
        elif not off <= allowed:
            drifted.append(f"{_name(answer)} is off by {off:.2g} (at most {allowed:.2g} is allowed).")
    return drifted


def computes_low(model: Any) -> bool:
    """Tell whether a model says, or its weights show, that it computes in 16 bits.

    Args:
        model: A loaded model.

    Returns:
        True when its ``dtype`` names a 16-bit format, or a weight has one.
    """
    stated = str(getattr(model, "dtype", ""))
    parameters = getattr(getattr(model, "_model", None), "parameters", tuple)
    return "16" in stated or any("16" in str(p.dtype) for p in parameters())


def _picture(pattern: str, shape: Sequence[int]) -> dict[str, Any]:
    """Spell a synthetic clip for the manifest."""
    return {"pattern": pattern, "shape": [int(size) for size in shape]}


def _recorded(model: Any, record: dict[str, Any], tolerance: float | None) -> dict[str, Any]:
    """The leading numbers of an answer, the length of its vector, and how far it may be off later."""
    vector = _answer(model, record)
    head = _round(vector[:HEAD])
    if tolerance is None:
        usual = _usual(vector[:HEAD], len(vector))
        tolerance = PRECISION * usual * (1 if _on_cpu(model) else 10)
        if computes_low(model):  # models in full precision will be held to these too
            tolerance = _allowed_low(usual)
    return {"vector_head": head, "dim": len(vector), "tolerance": float(f"{max(tolerance, 1e-5):.2g}")}


def _allowed(model: Any, expected: np.ndarray, tolerance: float, *, low: bool) -> float:
    """How far a number may be off where the model runs."""
    usual = _usual(expected, len(expected))
    if low:
        return max(tolerance, _allowed_low(usual))
    return tolerance if _on_cpu(model) else max(tolerance, min(10 * tolerance, 0.1 * usual))


def _allowed_low(usual: float) -> float:
    """How far a number may be off that was computed in 16 bits."""
    return min(LOW_PRECISION_TOLERANCE, 0.5 * usual)


def _usual(head: np.ndarray, dim: int) -> float:
    """Size of a usual number of a unit vector."""
    return max(float(np.sqrt(np.square(head).mean())), 1.0 / np.sqrt(max(dim, 1)) if dim > HEAD else 0.0)


def _on_cpu(model: Any) -> bool:
    """Tell whether a model computes on the processor."""
    return str(getattr(model, "device", "cpu")) == "cpu"


def _answer(model: Any, record: dict[str, Any], *, swapped: bool = False) -> np.ndarray:
    """Ask the model for one vector, as float64."""
    if record["kind"] == "text":
        rows = model.embed_text([record["input"]])
    else:
        frames = known_answer_frames(record["input"]["pattern"], record["input"]["shape"])
        frames = frames[..., ::-1].copy() if swapped else frames
        if record["kind"] == "image":
            rows = model.embed_images([frames[0]])
        elif hasattr(model, "embed_videos"):
            rows = model.embed_videos([frames])
        else:
            rows = model.embed_preprocessed([model.preprocess_clip(frames)])
    return rows[0].detach().cpu().double().numpy()


def _expected(answer: Any) -> tuple[np.ndarray, float]:
    """Read the recorded numbers of one answer."""
    try:
        {"text": str, "frames": dict, "image": dict}[answer["kind"]](answer["input"])
        head = np.array(answer["vector_head"], dtype=np.float64)
        return head, float(answer.get("tolerance", TOLERANCE))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptedModelPackageError(
            f"A known answer of the manifest is malformed: {answer!r}."
        ) from error


def _name(answer: dict[str, Any]) -> str:
    """Name an answer in a sentence."""
    if answer["kind"] == "text":
        return f"The vector of the text {answer['input']!r}"
    kind = "image" if answer["kind"] == "image" else "clip"
    return f"The vector of the {kind} {answer['input']['pattern']!r} {answer['input']['shape']}"


def _round(vector: np.ndarray) -> list[float]:
    """Six digits are plenty beside the tolerance and keep the manifest readable."""
    return [round(float(value), 6) for value in vector]


def _ramp(times: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Red grows to the right, green downwards, blue with time."""
    return np.stack([_spread(columns, 2), _spread(rows, 1), _spread(times, 0)], axis=-1)


def _spread(index: np.ndarray, axis: int) -> np.ndarray:
    """Spread an index over 0..255 along its axis; 0 where there is only one place."""
    return index * 255 // max(index.shape[axis] - 1, 1)


def _moving_square(times: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """An orange square crosses dark blue from left to right."""
    num_frames, height, width = times.shape
    side = max(min(height, width) // 3, 1)
    left = times * (width - side) // max(num_frames - 1, 1)
    top = (height - side) // 2
    inside = (columns >= left) & (columns < left + side) & (rows >= top) & (rows < top + side)
    return np.where(inside[..., None], (255, 128, 0), (16, 24, 64))


def _checker(times: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Magenta and green fields of 8 pixels that trade places each frame."""
    odd = (columns // 8 + rows // 8 + times) % 2 == 1
    return np.where(odd[..., None], (224, 32, 224), (32, 200, 64))


def _noise(times: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A fixed hash of the position, one per colour."""
    mixed = ((columns * 73856093) ^ (rows * 19349663) ^ (times * 83492791)) & 0xFFFFFF
    return np.stack([(mixed * factor >> 11) % 256 for factor in (40503, 30011, 52711)], axis=-1)


_PATTERNS = {"ramp": _ramp, "moving-square": _moving_square, "checker": _checker, "noise": _noise}

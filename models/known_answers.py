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
TOLERANCE = 1e-3
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
    model: Any, *, texts: Iterable[str] = (), clips: Iterable[tuple[str, Sequence[int]]] = ()
) -> list[dict[str, Any]]:
    """Record what a model answers, for ``write_manifest(known_answers=...)``.

    Args:
        model: A loaded embedding model.
        texts: Texts to record.
        clips: Synthetic clips to record, each a pattern and its shape (T, H, W, 3).

    Returns:
        One JSON-ready record per input.
    """
    records: list[dict[str, Any]] = [{"kind": "text", "input": text} for text in texts]
    records += [
        {"kind": "frames", "input": {"pattern": pattern, "shape": [int(size) for size in shape]}}
        for pattern, shape in clips
    ]
    return [
        {**record, "vector_head": _round(_answer(model, record)), "tolerance": TOLERANCE}
        for record in records
    ]


def known_answer_drift(
    model: Any, answers: Sequence[dict[str, Any]], *, low_precision: bool = False
) -> list[str]:
    """Ask a model its known answers again.

    Args:
        model: A loaded embedding model.
        answers: Records as ``record_known_answers`` makes them.
        low_precision: Allow what bfloat16 or float16 compute changes.

    Returns:
        One sentence per answer that differs; empty when all are right.

    Raises:
        CorruptedModelPackageError: If a record is malformed.
    """
    drifted = []
    for answer in answers:
        expected, tolerance = _expected(answer)
        tolerance = max(tolerance, LOW_PRECISION_TOLERANCE) if low_precision else tolerance
        got = _answer(model, answer)[: len(expected)]
        off = float(np.abs(got - expected).max()) if got.shape == expected.shape else float("inf")
        if not off <= tolerance:
            drifted.append(f"{_name(answer)} is off by {off:.2g} (at most {tolerance:g} is allowed).")
    return drifted


def _answer(model: Any, record: dict[str, Any]) -> np.ndarray:
    """Ask the model for one vector; the leading numbers as float64."""
    if record["kind"] == "text":
        rows = model.embed_text([record["input"]])
    else:
        frames = known_answer_frames(record["input"]["pattern"], record["input"]["shape"])
        if hasattr(model, "embed_videos"):
            rows = model.embed_videos([frames])
        else:
            rows = model.embed_preprocessed([model.preprocess_clip(frames)])
    return rows[0].detach().cpu().double().numpy()[:HEAD]


def _expected(answer: Any) -> tuple[np.ndarray, float]:
    """Read the recorded numbers of one answer."""
    try:
        {"text": str, "frames": dict}[answer["kind"]](answer["input"])
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
    return f"The vector of the clip {answer['input']['pattern']!r} {answer['input']['shape']}"


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

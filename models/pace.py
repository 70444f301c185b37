"""How fast a loaded model is on this machine, and what it answers: a few pictures and a text, timed."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.known_answers import known_answer_frames

__all__ = ["LARGE_BYTES", "Pace", "lowest_cosine", "measure_pace"]

LARGE_BYTES = 80_000_000  # of weights: 20 million in float32. Smaller models are fast anyway
_PATTERNS = ("noise", "moving-square")
_PICTURE = (240, 320, 3)
_MOST_FRAMES = 8
_TEXTS = ["a red ball rolls over green grass", "two dogs"]
_ENOUGH_S = 1.0  # timed runs end after this, or after _MOST_RUNS
_MOST_RUNS = 4


@dataclass(frozen=True)
class Pace:
    """What was measured of one model.

    Args:
        frames_per_s: Frames a second through the image tower, the best of some runs.
        rows: float64 (N, D), its vectors of the clips and texts that it was shown.
    """

    frames_per_s: float
    rows: np.ndarray


def measure_pace(model: Any) -> Pace:
    """Show a model two clips, and two texts if it reads any; time the clips.

    Args:
        model: A loaded embedding model of this package.

    Returns:
        Its pace and its vectors.
    """
    frames = min(max(int(model.num_frames), 1), _MOST_FRAMES)
    clips = [model.preprocess_clip(known_answer_frames(one, (frames, *_PICTURE))) for one in _PATTERNS]
    rows = [_array(model.embed_preprocessed(clips))]  # the first run makes buffers, and is not timed
    if callable(getattr(model, "embed_text", None)):
        rows.append(_array(model.embed_text(_TEXTS)))
    return Pace(frames * len(clips) / _best_seconds(model, clips), np.concatenate(rows))


def lowest_cosine(pace: Pace, other: Pace) -> float:
    """Compare the vectors of two models; -1.0 when they are no numbers or of other shapes.

    Args:
        pace: What was measured of one.
        other: And of the other.
    """
    if pace.rows.shape != other.rows.shape:
        return -1.0
    lengths = np.linalg.norm(pace.rows, axis=1) * np.linalg.norm(other.rows, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (pace.rows * other.rows).sum(axis=1) / lengths
    return float(np.nan_to_num(cosines, nan=-1.0).min())


def _best_seconds(model: Any, clips: list[Any]) -> float:
    """The shortest of some runs; few of a slow model."""
    spent: list[float] = []
    while not spent or (len(spent) < _MOST_RUNS and sum(spent) < _ENOUGH_S):
        start = time.perf_counter()
        model.embed_preprocessed(clips)
        spent.append(time.perf_counter() - start)
    return max(min(spent), 1e-9)


def _array(rows: Any) -> np.ndarray:
    """A tensor of any device as float64."""
    return rows.detach().cpu().double().numpy()

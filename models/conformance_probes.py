"""What ``check_model`` shows to a model: pictures, clips and texts, good ones and bad ones."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import ModelNotReadyError
from models.known_answers import known_answer_frames

HEIGHT, WIDTH = 48, 64
PATTERNS = ("ramp", "moving-square", "checker", "noise")
TEXTS = ("a red ball", "a large blue star moving to the left", "green")
LONG_TEXT = " ".join(["a small yellow ring that spins over a grey background"] * 3)


class NotApplicableError(Exception):
    """The model lacks what a check looks at."""


@dataclass(frozen=True)
class Side:
    """One thing that a model embeds.

    Args:
        name: "images", "clips" or "texts".
        embed: The model's method.
        inputs: Good inputs, all different.
        bad: What must be refused, each with its name.
    """

    name: str
    embed: Callable[[Any], Any]
    inputs: list[Any]
    bad: list[tuple[str, Any]]

    def rows(self, inputs: Sequence[Any] | None = None) -> np.ndarray:
        """Embed inputs (all of them by default): float64 [N, D]."""
        return as_numpy(self.embed(list(self.inputs if inputs is None else inputs)))


@dataclass(frozen=True)
class Probe:
    """A model with everything that can be shown to it.

    Args:
        model: The model.
        name: What to call it.
        num_frames: T, the frames it sees of a clip.
        sides: What it embeds.
        tolerance: How far two runs of the same input may differ.
    """

    model: Any
    name: str
    num_frames: int
    sides: tuple[Side, ...]
    tolerance: float

    @classmethod
    def of(cls, model: Any) -> "Probe":
        """Look at what a model can do.

        Args:
            model: The model.

        Returns:
            The probe; models that are not set up yet are set up.
        """
        num_frames = _num_frames(model)
        sides = []
        if callable(getattr(model, "embed_images", None)):
            sides.append(Side("images", model.embed_images, images(), _bad_images()))
        if callable(getattr(model, "embed_videos", None)):
            sides.append(Side("clips", model.embed_videos, clips(num_frames), _bad_clips(num_frames)))
        if callable(getattr(model, "embed_text", None)):
            sides.append(Side("texts", model.embed_text, list(TEXTS), _bad_texts()))
        _make_ready(model, sides)
        name = getattr(model, "model_id", "") or type(model).__name__
        return cls(model, str(name), num_frames, tuple(sides), _tolerance(model))

    def side(self, name: str) -> Side | None:
        """One side by its name; None when the model lacks it."""
        return next((side for side in self.sides if side.name == name), None)

    @property
    def pictures(self) -> Side | None:
        """Clips if it embeds clips, else images."""
        return self.side("clips") or self.side("images")


def images() -> list[np.ndarray]:
    """Four different colour pictures, RGB uint8 (H, W, 3)."""
    return [known_answer_frames(pattern, (1, HEIGHT, WIDTH, 3))[0] for pattern in PATTERNS]


def clips(num_frames: int) -> list[np.ndarray]:
    """Four different clips, RGB uint8 (T, H, W, 3)."""
    return [known_answer_frames(pattern, (num_frames, HEIGHT, WIDTH, 3)) for pattern in PATTERNS]


def as_numpy(rows: Any) -> np.ndarray:
    """Bring a tensor, or anything like one, to float64."""
    if hasattr(rows, "detach"):
        rows = rows.detach().cpu().double().numpy()
    return np.asarray(rows, dtype=np.float64)


def distance(rows: np.ndarray, others: np.ndarray) -> float:
    """Largest difference of two arrays; infinite when they cannot be compared."""
    if rows.shape != others.shape or not (np.isfinite(rows).all() and np.isfinite(others).all()):
        return float("inf")
    return float(np.abs(rows - others).max())


def _num_frames(model: Any) -> int:
    """T of a model; 8 for one that does not say, or not before it is set up."""
    stated = None
    with suppress(Exception):
        stated = model.num_frames
    return stated if isinstance(stated, int) and stated > 0 else 8


def _make_ready(model: Any, sides: Sequence[Side]) -> None:
    """Set a model up that is not; any other trouble will show in the checks."""
    ready = getattr(model, "_model", model) is not None
    with suppress(Exception):
        try:
            if ready and sides:
                sides[0].embed(sides[0].inputs[:1])
        except ModelNotReadyError:
            ready = False
        if not ready:
            model.setup()


def _tolerance(model: Any) -> float:
    """Equal inputs agree closely in float32 on a processor, less so elsewhere."""
    parameters = getattr(getattr(model, "_model", None), "parameters", tuple)
    if any("16" in str(tensor.dtype) for tensor in parameters()):
        return 2e-2
    return 1e-4 if str(getattr(model, "device", "cpu")) == "cpu" else 2e-3


def _bad_images() -> list[tuple[str, Any]]:
    """Inputs that are no RGB images."""
    good = images()[0]
    floats = good.astype(np.float32)
    return [
        ("a grey picture", [good[..., 0]]),
        ("an RGBA picture", [np.concatenate([good, good[..., :1]], axis=-1)]),
        ("floats in 0..255", [floats]),
        ("NaN", [np.where(floats > 128, np.float32("nan"), floats / 255)]),
        ("an empty list", []),
        ("a path", "picture.jpg"),
        ("None", None),
    ]


def _bad_clips(num_frames: int) -> list[tuple[str, Any]]:
    """Inputs that are no list of RGB clips."""
    good = clips(num_frames)[0]
    floats = good.astype(np.float32)
    return [
        ("grey frames", [good[..., 0]]),
        ("RGBA frames", [np.concatenate([good, good[..., :1]], axis=-1)]),
        ("float frames in 0..255", [floats]),
        ("frames with NaN", [np.where(floats > 128, np.float32("nan"), floats / 255)]),
        ("a clip without frames", [good[:0]]),
        ("an empty list", []),
        ("a path", "clip.mp4"),
        ("None", None),
    ]


def _bad_texts() -> list[tuple[str, Any]]:
    """Inputs that are no texts."""
    return [("an empty list", []), ("a number", [3]), ("None", None)]

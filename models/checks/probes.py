"""What ``check_model`` shows to a model: pictures, clips and texts, and what it knows of the model."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from models.checks.memory import held, networks, weight_bytes
from models.errors import ModelInputError, ModelNotReadyError
from models.known_answers import computes_low, known_answer_frames

HEIGHT, WIDTH = 48, 64
PATTERNS = ("ramp", "moving-square", "checker", "noise")
TEXTS = ("a red ball", "a large blue star moving to the left", "green")
LONG_TEXT = " ".join(["a small yellow ring that spins over a grey background"] * 3)
_NOISE = 3e-4  # how far two computations of one row may lie apart (float32 on a processor)
_DEVICE_NOISE = 1e-2  # TF32 and other shortcuts of accelerators
_LOW_NOISE = 0.12  # bfloat16 and float16: a cosine of 0.993


class NotApplicableError(Exception):
    """The model lacks what a check looks at; a message says what the reader should know of it."""


@dataclass(eq=False)
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

    @cached_property
    def answer(self) -> Any:
        """What the model returns for all inputs in one call, as it comes; asked once."""
        return self.embed(list(self.inputs))

    @cached_property
    def together(self) -> np.ndarray:
        """Rows of all inputs, embedded in one call."""
        return as_numpy(self.answer)

    @cached_property
    def alone(self) -> np.ndarray:
        """Rows of all inputs, embedded one by one; asked once."""
        return np.concatenate([self.rows([item]) for item in self.inputs])


@dataclass
class Probe:
    """A model with everything that can be shown to it.

    Args:
        model: The model.
        name: What to call it.
        num_frames: T, the frames it sees of a clip.
        sides: What it embeds.
        tolerance: How far two computations of the same row may lie apart.
        low_precision: Whether it computes in 16 bits somewhere.
        weights: Bytes of tensors and arrays that it holds.
        answers_hold: Whether its known answers came out; None when it has none.
        when_unloaded: Name of the error that it raised when it was unloaded, "" when it answered;
            None as long as nobody has looked.
    """

    model: Any
    name: str
    num_frames: int
    sides: tuple[Side, ...]
    tolerance: float = _NOISE
    low_precision: bool = False
    weights: int = 0
    answers_hold: bool | None = None
    when_unloaded: str | None = None

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
        if _has(model, "embed_images"):
            sides.append(Side("images", model.embed_images, images(), _bad_images()))
        if _has(model, "embed_videos"):
            sides.append(Side("clips", model.embed_videos, clips(num_frames), _bad_clips(num_frames)))
        if _has(model, "embed_text"):
            sides.append(Side("texts", model.embed_text, list(TEXTS), _bad_texts()))
        _make_ready(model, sides)
        name = "" if isinstance(model, type) else _text(model, "model_id")
        name = name or _text(model, "__name__") or type(model).__name__
        low = any(_computes_low(model, side) for side in sides)
        size = sum(weight_bytes(value) for value, _ in held(model).values())
        return cls(model, name, num_frames, tuple(sides), _tolerance(model, low=low), low, size)

    def side(self, name: str) -> Side | None:
        """One side by its name; None when the model lacks it."""
        return next((side for side in self.sides if side.name == name), None)

    @property
    def pictures(self) -> Side | None:
        """Clips if it embeds clips, else images."""
        return self.side("clips") or self.side("images")

    @property
    def known_answers(self) -> Sequence[Any]:
        """What was recorded with the model's package; empty when nothing was."""
        return getattr(self.model, "known_answers", ()) or ()


def images() -> list[np.ndarray]:
    """Four different colour pictures, RGB uint8 (H, W, 3)."""
    return [known_answer_frames(pattern, (1, HEIGHT, WIDTH, 3))[0] for pattern in PATTERNS]


def clips(num_frames: int) -> list[np.ndarray]:
    """Four different clips, RGB uint8 (T, H, W, 3)."""
    return [known_answer_frames(pattern, (num_frames, HEIGHT, WIDTH, 3)) for pattern in PATTERNS]


def plain_pictures(side: Side, num_frames: int, colors: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Pictures, or still clips, of one colour each."""
    shape = (num_frames, HEIGHT, WIDTH, 3) if side.name == "clips" else (HEIGHT, WIDTH, 3)
    return [np.broadcast_to(np.array(color, np.uint8), shape).copy() for color in colors]


def as_numpy(rows: Any) -> np.ndarray:
    """Bring a tensor, or anything like one, to float64."""
    if hasattr(rows, "detach"):
        rows = rows.detach().cpu().double().numpy()
    return np.asarray(rows, dtype=np.float64)


def distance(rows: np.ndarray, others: np.ndarray) -> float:
    """Largest distance between two rows of the same place; infinite when they cannot be compared."""
    if rows.shape != others.shape or not (np.isfinite(rows).all() and np.isfinite(others).all()):
        return float("inf")
    return float(np.linalg.norm(np.atleast_2d(rows - others), axis=-1).max())


def _text(model: Any, name: str) -> str:
    """A text that a model states; "" when it cannot say."""
    with suppress(Exception):
        return str(getattr(model, name, "") or "")
    return ""


def _has(model: Any, name: str) -> bool:
    """Tell whether a model offers a method; one that cannot say yet will say when it is called."""
    if isinstance(model, type):
        return False
    try:
        return callable(getattr(model, name, None))
    except Exception:
        return callable(getattr(type(model), name, None))


def _num_frames(model: Any) -> int:
    """T of a model; 8 for one that does not say, or not before it is set up."""
    for name in ("num_frames", "get_target_num_frames"):
        with suppress(Exception):
            stated = getattr(model, name)
            stated = int(stated() if callable(stated) else stated)
            if stated > 0:
                return stated
    return 8


def _make_ready(model: Any, sides: Sequence[Side]) -> None:
    """Set a model up that is not; any other trouble will show in the checks."""
    ready = getattr(model, "_model", model) is not None
    with suppress(Exception):
        try:
            if ready and sides:
                sides[0].embed(sides[0].inputs[:1])
        except ModelInputError:
            ready = True
        except ModelNotReadyError:
            ready = False
        except Exception:
            ready = bool(held(model))  # with weights it is the model that fails, not its setup
        if not ready:
            model.setup()


def _computes_low(model: Any, side: Side) -> bool:
    """Tell whether 16-bit numbers take part: in the weights, as stated, or inside the network (autocast)."""
    if computes_low(model):
        return True
    seen: set[str] = set()

    def look(_module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Note the number formats that go through one layer."""
        seen.update(str(getattr(value, "dtype", "")) for value in (*inputs, output))

    hooks = []
    for module in networks(model):
        with suppress(Exception):
            hooks.append(module.register_forward_hook(look))
    try:
        side.embed(side.inputs[:1])
    except Exception:
        return False
    finally:
        for hook in hooks:
            hook.remove()
    return bool(seen & {"torch.bfloat16", "torch.float16"})


def _tolerance(model: Any, *, low: bool) -> float:
    """Equal inputs agree closely in float32 on a processor, less so elsewhere."""
    if low:
        return _LOW_NOISE
    return _NOISE if str(getattr(model, "device", "cpu")) == "cpu" else _DEVICE_NOISE


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
        ("a path in a list", ["picture.jpg"]),
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
        ("a path in a list", ["clip.mp4"]),
        ("None", None),
    ]


def _bad_texts() -> list[tuple[str, Any]]:
    """Inputs that are no texts."""
    return [("an empty list", []), ("a number", [3]), ("None in a list", ["red", None]), ("None", None)]

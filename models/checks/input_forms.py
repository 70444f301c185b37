"""The checks of ``check_model`` on what a model accepts: good inputs in every form, bad ones refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.checks.contract import need, sides_of
from models.checks.probes import NotApplicableError, Probe, Side, as_numpy, distance
from models.errors import ModelInputError

_READERS = {"images": "as_rgb_images", "clips": "as_rgb_clips", "texts": "as_texts"}


def forms_problems(probe: Probe) -> list[str]:
    """All accepted forms of one input give one vector."""
    problems = []
    for side in sides_of(probe):
        for name, expected, value in _forms(side):
            try:
                off = distance(as_numpy(side.embed(value)), expected)
            except Exception as error:
                problems.append(f"{side.name}: {name}: it raised {type(error).__name__}: {error}.")
                continue
            if not off <= probe.tolerance:
                problems.append(f"{side.name}: {name} differ by {off:.2g}.")
        if problems:
            problems.append(f"Read them with models.inputs.{_READERS[side.name]}.")
    return problems


def steps_problems(probe: Probe) -> list[str]:
    """``preprocess_clip`` and ``embed_preprocessed`` give what the one call gives."""
    side, model = need(probe.pictures), probe.model
    if not all(callable(getattr(model, name, None)) for name in ("preprocess_clip", "embed_preprocessed")):
        raise NotApplicableError
    clips = side.inputs if side.name == "clips" else [image[None] for image in side.inputs]
    rows = as_numpy(model.embed_preprocessed([model.preprocess_clip(clip) for clip in clips]))
    off = distance(_directions(rows), _directions(side.together))  # lengths are looked at elsewhere
    return [] if off <= probe.tolerance else [f"The two steps and the one call differ by {off:.2g}."]


def bad_input_problems(probe: Probe) -> list[str]:
    """What is no image, clip or text is refused with ``ModelInputError``."""
    problems = []
    for side in sides_of(probe):
        wrong = [f"{name} {outcome}" for name, value in side.bad if (outcome := _refusal(side, value))]
        if wrong:
            reader = f"models.inputs.{_READERS[side.name]}"
            problems.append(f"{side.name}: {', '.join(wrong)}. Read them with {reader}.")
    return problems


def _directions(rows: np.ndarray) -> np.ndarray:
    """Rows brought to length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _forms(side: Side) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Other forms of the good inputs: name, expected rows, value."""
    import torch
    from PIL import Image

    rows = side.together
    if side.name == "texts":
        yield "a bare text and a list of one", rows[:1], side.inputs[0]
        return
    stack = np.stack(side.inputs)
    tensors = torch.from_numpy(np.moveaxis(stack, -1, -3).copy())
    smaller = side.inputs[1][..., ::2, ::2, :].copy()
    sizes = np.concatenate([rows[:1], side.rows([smaller])])
    if side.name == "images":
        yield "a stack and a list", rows, stack
        yield "one bare image and a list of one", rows[:1], side.inputs[0]
        yield "PIL images and arrays", rows, [Image.fromarray(image) for image in side.inputs]
        yield "uint8 tensors and arrays", rows, tensors
        yield "float tensors and arrays", rows, tensors.float() / 255
        yield "images of two sizes, together and alone,", sizes, [side.inputs[0], smaller]
        return
    yield "lists of frames and arrays", rows, [list(clip) for clip in side.inputs]
    yield "tensors and arrays", rows, list(tensors)
    yield "clips of two sizes, together and alone,", sizes, [side.inputs[0], smaller]


def _refusal(side: Side, value: Any) -> str:
    """What is wrong with how an input is refused; "" when it is refused as it should be."""
    try:
        side.embed(value)
    except ModelInputError:
        return ""
    except Exception as error:
        return f"raises {type(error).__name__} instead of ModelInputError"
    return "is accepted"

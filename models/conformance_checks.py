"""The checks of ``check_model``: each takes a probe and returns the problems it saw.

An empty list means that the check holds. For a property the "problem" says what is not so.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from models.base import model_ids
from models.conformance_probes import (
    HEIGHT,
    LONG_TEXT,
    WIDTH,
    NotApplicableError,
    Probe,
    Side,
    as_numpy,
    distance,
)
from models.errors import ModelInputError
from models.known_answers import known_answer_drift, known_answer_frames

UNIT_TOLERANCE = 1e-3
SAME = 1e-4  # two rows closer than this are the same vector
_READERS = {"images": "as_rgb_images", "clips": "as_rgb_clips", "texts": "as_texts"}


def ids_problems(probe: Probe) -> list[str]:
    """The ids can be read and are strings."""
    model_ids(probe.model)
    return []


def abilities_problems(probe: Probe) -> list[str]:
    """It embeds images, clips or texts."""
    return [] if probe.sides else ["It has no embed_images, embed_videos or embed_text to look at."]


def shape_problems(probe: Probe) -> list[str]:
    """One row of D numbers per input, the same D everywhere, as the model states it."""
    problems, dims = [], {}
    for side in _sides(probe):
        shape = tuple(side.embed(side.inputs).shape)
        if len(shape) != 2 or shape[0] != len(side.inputs):
            problems.append(f"{side.name}: {len(side.inputs)} inputs gave shape {shape}, not [N, D].")
        else:
            dims[side.name] = shape[1]
    stated = getattr(probe.model, "embedding_dim", None)
    if isinstance(stated, int):
        dims["embedding_dim"] = stated
    if len(set(dims.values())) > 1:
        problems.append("D differs: " + ", ".join(f"{name} {dim}" for name, dim in dims.items()) + ".")
    return problems


def dtype_problems(probe: Probe) -> list[str]:
    """Vectors are torch tensors of float32."""
    problems = []
    for side in _sides(probe):
        rows = side.embed(side.inputs)
        found = f"{type(rows).__module__.partition('.')[0]} {getattr(rows, 'dtype', type(rows).__name__)}"
        if found != "torch torch.float32":
            problems.append(f"{side.name}: {found} came, a float32 tensor is expected.")
    return problems


def unit_problems(probe: Probe) -> list[str]:
    """Rows are finite and of length 1."""
    problems = []
    for side in _sides(probe):
        lengths = np.linalg.norm(side.rows(), axis=1)
        off = np.abs(lengths - 1.0).max()
        if not off <= UNIT_TOLERANCE:
            problems.append(f"{side.name}: lengths are {lengths.min():.4g} to {lengths.max():.4g}, not 1.")
    return [*problems, "Return models.base.unit_rows(vectors)."] if problems else []


def inputs_matter_problems(probe: Probe) -> list[str]:
    """Different inputs get different vectors."""
    return [
        f"{side.name}: {len(side.inputs)} different inputs got one vector."
        for side in _sides(probe)
        if np.ptp(side.rows(), axis=0).max() <= SAME
    ]


def order_problems(probe: Probe) -> list[str]:
    """Row i belongs to input i."""
    problems = []
    for side in _sides(probe):
        turned = side.rows(side.inputs[::-1])[::-1]
        alone = np.concatenate([side.rows([item]) for item in side.inputs])
        rows = side.rows()
        for name, other in (("turned round", turned), ("one by one", alone)):
            nearest = ((rows[:, None] - other[None]) ** 2).sum(axis=2).argmin(axis=1)
            if nearest.tolist() != list(range(len(rows))) and distance(rows, other) > probe.tolerance:
                problems.append(f"{side.name}: rows are not in the order of the inputs ({name}).")
                break
    return problems


def batch_problems(probe: Probe) -> list[str]:
    """A vector does not depend on what is embedded beside it."""
    problems = []
    for side in _sides(probe):
        alone = np.concatenate([side.rows([item]) for item in side.inputs])
        off = distance(side.rows(), alone)
        if not off <= probe.tolerance:
            problems.append(f"{side.name}: alone and in a batch differ by {off:.2g}.")
    return problems


def padding_problems(probe: Probe) -> list[str]:
    """A short text keeps its vector beside a long one."""
    side = _need(probe.side("texts"))
    alone, beside = side.rows([side.inputs[0]])[0], side.rows([side.inputs[0], LONG_TEXT])[0]
    off = distance(alone, beside)
    return [] if off <= probe.tolerance else [f"Beside a long text it moves by {off:.2g}: padding leaks in."]


def repeat_problems(probe: Probe) -> list[str]:
    """The same input gives the same vector again."""
    return [
        f"{side.name}: two runs differ by {off:.2g}."
        for side in _sides(probe)
        if not (off := distance(side.rows(), side.rows())) <= probe.tolerance
    ]


def forms_problems(probe: Probe) -> list[str]:
    """All accepted forms of one input give one vector."""
    problems = []
    for side in _sides(probe):
        for name, expected, value in _forms(side):
            off = distance(as_numpy(side.embed(value)), expected)
            if not off <= probe.tolerance:
                problems.append(f"{side.name}: {name} differ by {off:.2g}.")
    return problems


def steps_problems(probe: Probe) -> list[str]:
    """``preprocess_clip`` and ``embed_preprocessed`` give what the one call gives."""
    side, model = _need(probe.pictures), probe.model
    if not callable(getattr(model, "embed_preprocessed", None)):
        raise NotApplicableError
    clips = side.inputs if side.name == "clips" else [image[None] for image in side.inputs]
    rows = as_numpy(model.embed_preprocessed([model.preprocess_clip(clip) for clip in clips]))
    off = distance(rows, side.rows())
    return [] if off <= probe.tolerance else [f"The two steps and the one call differ by {off:.2g}."]


def color_problems(probe: Probe) -> list[str]:
    """Trading red and blue changes the vector."""
    side = _need(probe.pictures)
    off = distance(side.rows(), side.rows([picture[..., ::-1].copy() for picture in side.inputs]))
    return [] if off > SAME else ["Red and blue may be traded without any effect."]


def color_names_problems(probe: Probe) -> list[str]:
    """Plain red is nearer to the text "red" than to "blue", and blue the other way round."""
    side, texts = _need(probe.pictures), _need(probe.side("texts"))
    plain = np.zeros((2, probe.num_frames, HEIGHT, WIDTH, 3), np.uint8)
    plain[0, ..., 0] = plain[1, ..., 2] = 255
    pictures = list(plain if side.name == "clips" else plain[:, 0])
    (red_red, red_blue), (blue_red, blue_blue) = side.rows(pictures) @ texts.rows(["red", "blue"]).T
    return [] if red_red + blue_blue > red_blue + blue_red else ["It cannot name red and blue."]


def frame_order_problems(probe: Probe) -> list[str]:
    """A clip played backwards has another vector."""
    side = _need(probe.side("clips"))
    moving = [known_answer_frames("moving-square", (probe.num_frames, HEIGHT, WIDTH, 3))]
    off = distance(side.rows(moving), side.rows([clip[::-1].copy() for clip in moving]))
    return [] if off > SAME else ["A clip and its reverse have the same vector."]


def bad_input_problems(probe: Probe) -> list[str]:
    """What is no image, clip or text is refused with ``ModelInputError``."""
    problems = []
    for side in _sides(probe):
        wrong = [f"{name} {outcome}" for name, value in side.bad if (outcome := _refusal(side, value))]
        if wrong:
            reader = f"models.inputs.{_READERS[side.name]}"
            problems.append(f"{side.name}: {', '.join(wrong)}. Read them with {reader}.")
    return problems


def known_answer_problems(probe: Probe) -> list[str]:
    """The vectors recorded with the package come out again."""
    answers = getattr(probe.model, "known_answers", ())
    if not answers:
        raise NotApplicableError
    return known_answer_drift(probe.model, answers, low_precision=probe.tolerance > 1e-2)


CHECKS: tuple[tuple[str, str, Callable[[Probe], list[str]]], ...] = (
    ("ids", "fault", ids_problems),
    ("embeds something", "property", abilities_problems),
    ("shape", "fault", shape_problems),
    ("float32", "fault", dtype_problems),
    ("unit rows", "fault", unit_problems),
    ("inputs matter", "fault", inputs_matter_problems),
    ("order", "fault", order_problems),
    ("batch of one", "fault", batch_problems),
    ("text padding", "fault", padding_problems),
    ("repeatable", "fault", repeat_problems),
    ("input forms", "fault", forms_problems),
    ("two steps", "fault", steps_problems),
    ("bad inputs", "fault", bad_input_problems),
    ("known answers", "fault", known_answer_problems),
    ("sees colour", "property", color_problems),
    ("names colours", "property", color_names_problems),
    ("sees frame order", "property", frame_order_problems),
)


def _sides(probe: Probe) -> tuple[Side, ...]:
    """All sides; without any there is nothing to check."""
    if not probe.sides:
        raise NotApplicableError
    return probe.sides


def _need(side: Side | None) -> Side:
    """A side that the check cannot do without."""
    if side is None:
        raise NotApplicableError
    return side


def _forms(side: Side) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Other forms of the good inputs: name, expected rows, value."""
    import torch
    from PIL import Image

    rows = side.rows()
    if side.name == "texts":
        yield "a bare text and a list of one", rows[:1], side.inputs[0]
        return
    stack = np.stack(side.inputs)
    tensors = torch.from_numpy(np.moveaxis(stack, -1, -3).copy())
    if side.name == "images":
        yield "a stack and a list", rows, stack
        yield "one bare image and a list of one", rows[:1], side.inputs[0]
        yield "PIL images and arrays", rows, [Image.fromarray(image) for image in side.inputs]
        yield "uint8 tensors and arrays", rows, tensors
        yield "float tensors and arrays", rows, tensors.float() / 255
        return
    yield "lists of frames and arrays", rows, [list(clip) for clip in side.inputs]
    yield "tensors and arrays", rows, list(tensors)
    smaller = side.inputs[1][:, ::2, ::2].copy()
    expected = np.concatenate([rows[:1], side.rows([smaller])])
    yield "clips of two sizes, together and alone,", expected, [side.inputs[0], smaller]


def _refusal(side: Side, value: Any) -> str:
    """What is wrong with how an input is refused; "" when it is refused as it should be."""
    try:
        side.embed(value)
    except ModelInputError:
        return ""
    except Exception as error:
        return f"raises {type(error).__name__} instead of ModelInputError"
    return "is accepted"

"""Two compiled graphs as the towers of a model: the part that onnxruntime and OpenVINO share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from models.counts import check_count
from models.errors import CorruptedModelPackageError, ModelNotReadyError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from models.exported.record import ExportRecord

__all__ = [
    "ExportedTowers",
    "Graph",
    "GraphInput",
    "check_graphs",
    "last_words",
    "thread_count",
    "tower_path",
]

PIXELS, IDS, MASK = "pixels", "input_ids", "attention_mask"
EXPORT_AGAIN = "Put a fresh copy of the package there, or export the model again."


@dataclass(frozen=True)
class GraphInput:
    """One input of a graph: name, element type ("float32", "int64") and shape, None where it may vary."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Graph(Protocol):
    """One compiled tower."""

    inputs: tuple[GraphInput, ...]
    output_shape: tuple[int | None, ...]

    def run(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """Compute the rows [N, D] of one batch; safe to call from several threads."""
        ...


class ExportedTowers:
    """The towers of an exported package.

    Args:
        image: Graph of the image tower, with the input "pixels".
        text: Graph of the text tower, with "input_ids" and, if it looks at it, "attention_mask".
        device: Where they compute.
    """

    def __init__(self, image: Graph, text: Graph, *, device: str = "cpu") -> None:
        self.device = device
        self._image: Graph | None = image
        self._text: Graph | None = text

    @property
    def graphs(self) -> tuple[Graph, Graph]:
        """Image and text tower.

        Raises:
            ModelNotReadyError: If they were unloaded.
        """
        return _loaded(self._image), _loaded(self._text)

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode normalised pixels float32 [N, 3, h, w]: float32 [N, D] on the CPU."""
        return _rows(_loaded(self._image), {PIXELS: pixels})

    def encode_text(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode token numbers int64 [P, L] with their mask: float32 [P, D] on the CPU."""
        return _rows(_loaded(self._text), {IDS: input_ids, MASK: attention_mask})

    def unload(self) -> None:
        """Drop both graphs and the memory of their engines."""
        self._image = self._text = None


def _loaded(graph: Graph | None) -> Graph:
    """The graph, if it is still there."""
    if graph is None:
        raise ModelNotReadyError("The towers were unloaded.", next_step="Call the model's setup() first.")
    return graph


def _rows(graph: Graph, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """Run a graph on what it asks for of some tensors."""
    feeds = {one.name: tensors[one.name].contiguous().cpu().numpy() for one in graph.inputs}
    return torch.from_numpy(graph.run(feeds))


def tower_path(directory: Path, relative: str) -> Path:
    """Find the file of a tower.

    Args:
        directory: The package folder.
        relative: Name of the file, as the record has it.

    Returns:
        Its path.

    Raises:
        CorruptedModelPackageError: If it is missing, empty, or leaves the folder through a link.
    """
    path = directory / relative
    if not path.is_file() or path.stat().st_size == 0:
        what = "is empty" if path.is_file() else "is missing"
        raise CorruptedModelPackageError(f"The tower {path} {what}.", next_step=EXPORT_AGAIN)
    if not path.resolve().is_relative_to(directory.resolve()):
        raise CorruptedModelPackageError(f"The tower {path} is a link that leaves the package folder.")
    return path


def check_graphs(image: Graph, text: Graph, record: ExportRecord) -> None:
    """See that two graphs are the towers that a record describes, before anything is computed.

    Args:
        image: The image tower.
        text: The text tower.
        record: What the package says.

    Raises:
        CorruptedModelPackageError: If an input or output has another name, type or shape.
    """
    height, width = record.image_preprocessing().output_size
    pixels = GraphInput(PIXELS, "float32", (None, 3, height, width))
    tokens = [GraphInput(name, "int64", (None, record.text_length)) for name in (IDS, MASK)]
    _check_inputs(record.image_tower, image, {pixels.name: pixels}, required=PIXELS)
    _check_inputs(record.text_tower, text, {one.name: one for one in tokens}, required=IDS)
    for name, graph in ((record.image_tower, image), (record.text_tower, text)):
        if len(graph.output_shape) != 2 or graph.output_shape[1] not in (None, record.embedding_dim):
            raise CorruptedModelPackageError(
                f"{name} gives {graph.output_shape}; rows of {record.embedding_dim} numbers are expected.",
                next_step=EXPORT_AGAIN,
            )


def _check_inputs(name: str, graph: Graph, allowed: dict[str, GraphInput], *, required: str) -> None:
    """See that a graph asks for what we have, in the shape that we have."""
    for one in graph.inputs:
        if allowed.get(one.name) != one:
            expected = allowed.get(one.name) or " and ".join(allowed)
            raise CorruptedModelPackageError(
                f"{name} asks for {one}; {expected} is expected.", next_step=EXPORT_AGAIN
            )
    if required not in {one.name for one in graph.inputs}:
        raise CorruptedModelPackageError(f"{name} does not look at {required!r}.", next_step=EXPORT_AGAIN)


def thread_count(threads: int | None) -> int:
    """How many threads an engine may use: torch's number, never more than this process has processors.

    Args:
        threads: The number that was asked for; None for the default.

    Returns:
        The number.

    Raises:
        InvalidParameterError: If it is no whole number from 1.
    """
    check_count("threads", threads, None)
    from models.runtime import describe_runtime

    return threads or max(1, min(torch.get_num_threads(), describe_runtime().cpu_count))


def last_words(error: Exception) -> str:
    """What an engine says is wrong, shortly: the end of its message, behind its own source lines.

    Args:
        error: An error of an engine.

    Returns:
        One line.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else f"...{text[-240:]}"

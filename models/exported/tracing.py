"""The towers of a torch model as ONNX files.

torch has two exporters. The one that traces is used: it needs the library onnx and no other, says
nothing, and was as exact and as fast to run as the newer one, in less time.
"""

from __future__ import annotations

import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.encoders.packed_linear import unpacked
from models.errors import MissingDependencyError, ModelExportError
from models.exported.towers import IDS, MASK, PIXELS, last_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.encoders.dual_encoder import Towers

__all__ = ["OPSET", "gather", "write_image_tower", "write_text_tower"]

OPSET = 17  # the first in which attention needs no operator of its own; every onnxruntime from 1.12 has it
_tracing = threading.Lock()  # the exporter keeps its state in globals


class _Tower(torch.nn.Module):
    """One tower as a module, so that the exporter finds its weights."""

    def __init__(self, towers: Towers, encode: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        for name, value in vars(towers).items():
            if isinstance(value, torch.nn.Module):
                self.add_module(name, value)
        self._encode = encode

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Rows of a batch."""
        return self._encode(*inputs)


def write_image_tower(towers: Towers, pixels: torch.Tensor, path: Path) -> None:
    """Write the image tower; its batch may have any size.

    Args:
        towers: Towers of torch, in float32 on the CPU.
        pixels: Example batch float32 [N, 3, h, w], N from 2.
        path: The ``.onnx`` file to write.

    Raises:
        MissingDependencyError: If onnx is not installed.
        ModelExportError: If torch cannot express the tower in ONNX.
    """
    _write(_Tower(towers, towers.encode_images), (pixels,), [PIXELS], path)


def write_text_tower(towers: Towers, input_ids: torch.Tensor, mask: torch.Tensor, path: Path) -> None:
    """Write the text tower; its batch may have any size, its texts have the length of the example.

    Args:
        towers: Towers of torch, in float32 on the CPU.
        input_ids: Example batch int64 [P, L], P from 2.
        mask: Its mask int64 [P, L]. A tower that does not look at it gets no such input.
        path: The ``.onnx`` file to write.

    Raises:
        MissingDependencyError: If onnx is not installed.
        ModelExportError: If torch cannot express the tower in ONNX.
    """
    _write(_Tower(towers, towers.encode_text), (input_ids, mask), [IDS, MASK], path)


def _write(tower: _Tower, example: tuple[torch.Tensor, ...], names: Sequence[str], path: Path) -> None:
    """Trace a tower on its example and write the file."""
    _require_onnx()
    axes: Any = {name: {0: "batch"} for name in (*names, "rows")}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tracing-") as folder:
        traced = Path(folder) / path.name
        try:
            with _tracing, unpacked(tower), torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about being the older exporter, and about traced constants
                torch.onnx.export(
                    tower.eval(),
                    example,
                    str(traced),
                    dynamo=False,
                    opset_version=OPSET,
                    input_names=list(names),
                    output_names=["rows"],
                    dynamic_axes=axes,
                )
        except Exception as error:  # the exporter raises whatever its parts raise
            raise ModelExportError(f"torch cannot write {path.name}: {last_words(error)}") from error
        gather(traced, path)


def gather(traced: Path, path: Path) -> None:
    """Bring what the exporter wrote to its place: one file, and a second one for weights above 2 GB.

    The format holds at most 2 GB. For larger towers the exporter writes a file for every weight,
    by names that no package may have; they become one file beside the graph, ``<name>.data``.

    Args:
        traced: The ``.onnx`` file, alone in its folder but for its weights.
        path: Where it shall lie.
    """
    if len(list(traced.parent.iterdir())) == 1:
        traced.rename(path)
        return
    import onnx

    onnx.save_model(
        onnx.load(traced),
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{path.name}.data",
    )


def _require_onnx() -> None:
    """The exporter needs the library onnx, for every backend."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("Exporting needs the library onnx.", extra="onnx") from error

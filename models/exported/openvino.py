"""Exported packages on OpenVINO, on the CPU; the one place that imports it."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from models.encoders.number_format import NumberFormat
from models.errors import CorruptedModelPackageError, InvalidParameterError, MissingDependencyError
from models.exported.model import ExportedDualEncoder
from models.exported.record import read_record
from models.exported.towers import (
    EXPORT_AGAIN,
    IDS,
    MASK,
    PIXELS,
    ExportedTowers,
    GraphInput,
    last_words,
    thread_count,
    tower_path,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import numpy as np

    from models.exported.record import ExportRecord

__all__ = ["OpenVINODualEncoder", "OpenVINOGraph", "computes_bfloat16", "convert_onnx"]

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_TYPES = {"f32": "float32", "i64": "int64"}
_TELEMETRY = "openvino_telemetry"
_importing = threading.Lock()


class OpenVINODualEncoder(ExportedDualEncoder):
    """An exported package of an image-text model on OpenVINO.

    Args:
        model_dir: The package folder.
        device: "cpu".
        dtype: "float32"; "bfloat16" where the processor has it; "auto" is bfloat16 for a package that
            was exported for it, and for a large one where it was measured to be faster and as good.
        num_frames: T, how many frames the workbench takes of a clip.
        threads: Threads of one call; None is torch's number.
        cache_dir: Folder where OpenVINO may keep compiled graphs (as large as the package); None
            compiles them each time, which takes a fraction of a second.
    """

    backend = "openvino"

    def _fixed_format(self, folder: Path) -> NumberFormat | None:
        """A package that was exported for bfloat16, and compared in it, computes in it where it can."""
        asked = super()._fixed_format(folder)
        if asked is not None or read_record(folder, self.backend).dtype == "float32":
            return asked
        if computes_bfloat16():
            return NumberFormat("bfloat16", "the package was exported for it")
        return NumberFormat("float32", "this processor has no instructions for bfloat16")

    def _open_towers(self, folder: Path, record: ExportRecord) -> ExportedTowers:
        """Compile both towers."""
        if self.device != "cpu":
            raise InvalidParameterError(
                f"Device {self.device!r} came; OpenVINO packages run on 'cpu'.", next_step="Use device='cpu'."
            )
        dtype = str(self._dtype).removeprefix("torch.")
        image, text = (
            OpenVINOGraph(
                tower_path(folder, name), dtype=dtype, threads=self.threads, cache_dir=self.cache_dir
            )
            for name in (record.image_tower, record.text_tower)
        )
        return ExportedTowers(image, text)


class OpenVINOGraph:
    """One graph, compiled for this processor.

    Args:
        path: The ``.xml`` file; its weights lie beside it as ``.bin``.
        dtype: Number format to compute in: "float32" or "bfloat16".
        threads: Threads of one call; None is torch's number.
        cache_dir: Folder for compiled graphs; None keeps none.

    Raises:
        MissingDependencyError: If OpenVINO is not installed.
        InvalidParameterError: If it cannot compute in that number format here.
        CorruptedModelPackageError: If the files are damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        dtype: str = "float32",
        threads: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        openvino = _openvino()
        _check_dtype(dtype)
        tower_path(path.parent, path.with_suffix(".bin").name)
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[dtype],  # the default is bfloat16 where the processor has it
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": thread_count(threads),
            "ENABLE_CPU_PINNING": False,  # decoding and other models run beside it
        }
        if cache_dir is not None:
            settings["CACHE_DIR"] = str(cache_dir)
        try:
            self._compiled = openvino.Core().compile_model(str(path), "CPU", settings)
            self._request = self._compiled.create_infer_request()
            self.inputs = tuple(_input(one) for one in self._compiled.inputs)
            self.output_shape = _shape(self._compiled.outputs[0])
        except RuntimeError as error:
            said = last_words(error)
            raise CorruptedModelPackageError(
                f"{path} cannot be read: {said}", next_step=EXPORT_AGAIN
            ) from error
        self._lock = threading.Lock()  # a request serves one call at a time

    def run(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """Compute the rows of one batch; calls of several threads wait for each other."""
        with self._lock:
            return self._request.infer(feeds)[0].copy()


def computes_bfloat16() -> bool:
    """Tell whether this processor has instructions for bfloat16.

    Raises:
        MissingDependencyError: If OpenVINO is not installed.
    """
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def convert_onnx(source: Path, target: Path) -> None:
    """Turn an ONNX file into OpenVINO's two files, weights in full precision.

    Args:
        source: The ``.onnx`` file.
        target: The ``.xml`` file; a ``.bin`` is written beside it.

    Raises:
        MissingDependencyError: If OpenVINO is not installed.
    """
    openvino = _openvino()
    openvino.save_model(openvino.Core().read_model(str(source)), str(target), compress_to_fp16=False)


def _check_dtype(dtype: str) -> None:
    """Refuse a number format that OpenVINO would silently replace."""
    if dtype not in _HINTS:
        raise InvalidParameterError(f"dtype {dtype!r} came; OpenVINO packages take {', '.join(_HINTS)}.")
    if dtype == "bfloat16" and not computes_bfloat16():
        raise InvalidParameterError(
            "This processor has no instructions for bfloat16.", next_step="Use dtype='float32' or 'auto'."
        )


def _openvino() -> Any:
    """Import OpenVINO, without its telemetry: importing it would send an event to a server."""
    try:
        with _importing, _without_telemetry():
            import openvino
    except ImportError as error:
        raise MissingDependencyError("OpenVINO is not installed.", extra="openvino") from error
    return openvino


@contextmanager
def _without_telemetry() -> Generator[None]:
    """Hide the telemetry package during the import: OpenVINO then uses its own empty stand-in."""
    if "openvino" in sys.modules or _TELEMETRY in sys.modules:
        yield  # somebody else imported it before: their choice stands
        return
    sys.modules[_TELEMETRY] = None  # ty: ignore[invalid-assignment]  (Python's sign for "not to be imported")
    try:
        yield
    finally:
        sys.modules.pop(_TELEMETRY, None)


def _input(value: Any) -> GraphInput:
    """Read name, type and shape of an input."""
    kind = value.get_element_type().get_type_name()
    known = value.get_names() & {PIXELS, IDS, MASK}  # folded nodes leave their names on an input too
    name = min(known) if len(known) == 1 else ", ".join(sorted(value.get_names()))
    return GraphInput(name, _TYPES.get(kind, kind), _shape(value))


def _shape(value: Any) -> tuple[int | None, ...]:
    """Shape of an input or output, None where it may vary."""
    return tuple(size.get_length() if size.is_static else None for size in value.get_partial_shape())

"""Exported packages on onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from models.encoders.number_format import NumberFormat
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    MissingDependencyError,
    ModelLoadingError,
)
from models.exported.model import ExportedDualEncoder
from models.exported.towers import (
    EXPORT_AGAIN,
    ExportedTowers,
    GraphInput,
    last_words,
    thread_count,
    tower_path,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from models.exported.record import ExportRecord

__all__ = ["OnnxDualEncoder", "OnnxGraph", "execution_providers"]

_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64"}
_ERRORS_ONLY = 3


class OnnxDualEncoder(ExportedDualEncoder):
    """An exported package of an image-text model on onnxruntime, in float32.

    Args:
        model_dir: The package folder.
        device: "cpu", or "cuda" where onnxruntime was installed with it.
        dtype: "auto" or "float32".
        num_frames: T, how many frames the workbench takes of a clip.
        threads: Threads of one call; None is torch's number.
    """

    backend = "onnx"

    def _fixed_format(self, folder: Path) -> NumberFormat | None:
        """There is one number format only."""
        only = NumberFormat("float32", "onnxruntime computes these packages in float32")
        return super()._fixed_format(folder) or only

    def _open_towers(self, folder: Path, record: ExportRecord) -> ExportedTowers:
        """Open both sessions."""
        if self._dtype != torch.float32:
            raise InvalidParameterError(
                f"dtype {self._asked_dtype!r} came; onnxruntime computes these packages in float32.",
                next_step="Export with backend='openvino' for bfloat16, or leave dtype at 'auto'.",
            )
        image, text = (
            OnnxGraph(tower_path(folder, name), device=self.device, threads=self.threads)
            for name in (record.image_tower, record.text_tower)
        )
        return ExportedTowers(image, text, device=self.device)


class OnnxGraph:
    """One ONNX file, ready to run. Nothing but standard operators: no code comes from the file.

    Args:
        path: The file.
        device: "cpu", "cuda" or "cuda:1".
        threads: Threads of one call; None is torch's number.

    Raises:
        MissingDependencyError: If onnxruntime is not installed.
        InvalidParameterError: If it cannot compute on that device.
        CorruptedModelPackageError: If the file is damaged.
        ModelLoadingError: If it needs a newer onnxruntime.
    """

    def __init__(self, path: Path, *, device: str = "cpu", threads: int | None = None) -> None:
        onnxruntime = _onnxruntime()
        providers = execution_providers(device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = thread_count(threads), 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # its own classes share no useful root
            raise _opening_error(path, error) from error
        _check_provider(self._session, providers, device)
        self.inputs = tuple(_input(one) for one in self._session.get_inputs())
        self.output_shape = _shape(self._session.get_outputs()[0].shape)

    def run(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """Compute the rows of one batch; safe to call from several threads."""
        return self._session.run(None, feeds)[0]


def execution_providers(device: str) -> list[Any]:
    """Choose onnxruntime's providers for a device.

    Args:
        device: "cpu", "cuda" or "cuda:1".

    Returns:
        What ``InferenceSession`` takes, the wanted one first.

    Raises:
        MissingDependencyError: If onnxruntime is not installed.
        InvalidParameterError: If it cannot compute on that device here.

    Example:
        >>> execution_providers("cpu")
        ['CPUExecutionProvider']
    """
    kind, _, index = str(device).partition(":")
    if kind == "cpu":
        return ["CPUExecutionProvider"]
    available = _onnxruntime().get_available_providers()
    if kind != "cuda" or "CUDAExecutionProvider" not in available:
        raise InvalidParameterError(
            f"onnxruntime cannot compute on {device!r} here; it has {', '.join(available)}.",
            next_step="Use device='cpu', or install onnxruntime-gpu in place of onnxruntime for 'cuda'.",
        )
    return [("CUDAExecutionProvider", {"device_id": int(index or 0)}), "CPUExecutionProvider"]


def _onnxruntime() -> Any:
    """Import onnxruntime, without what it may send about its use."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("onnxruntime is not installed.", extra="onnx") from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _check_provider(session: Any, providers: list[Any], device: str) -> None:
    """See that the session computes where it was told to: what cannot start is skipped silently."""
    wanted = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if wanted not in session.get_providers():
        raise InvalidParameterError(
            f"onnxruntime could not start {wanted} for device {device!r}.",
            next_step="Its CUDA libraries are missing or too old; use device='cpu' until they are there.",
        )


def _opening_error(path: Path, error: Exception) -> Exception:
    """Tell a damaged file from one that is too new."""
    said = last_words(error)
    if any(sign in str(error).lower() for sign in ("opset", "ir version", "ir_version")):
        return ModelLoadingError(
            f"{path} needs a newer onnxruntime: {said}",
            next_step="pip install -U onnxruntime, or export the model again with this installation.",
        )
    return CorruptedModelPackageError(f"{path} cannot be read: {said}", next_step=EXPORT_AGAIN)


def _input(value: Any) -> GraphInput:
    """Read name, type and shape of an input."""
    return GraphInput(value.name, _TYPES.get(value.type, value.type), _shape(value.shape))


def _shape(sizes: list[Any]) -> tuple[int | None, ...]:
    """A size that has a name, or none, may vary."""
    return tuple(size if isinstance(size, int) else None for size in sizes)

"""``export.json``: what an exported package holds beside its two towers, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.json_text import read_json
from models.packaging.manifest import is_safe_path

if TYPE_CHECKING:
    from pathlib import Path

    from models.encoders.preprocessing import ImagePreprocessing

__all__ = ["RECORD_NAME", "ExportRecord", "read_record", "save_record"]

RECORD_NAME = "export.json"
_SCHEMA = 1
_AGAIN = "Export the model again: workbench models export ID --backend onnx|openvino."
_KINDS = {"str": str, "int": int, "float": (float, int), "dict[str, Any]": dict}


@dataclass(frozen=True)
class ExportRecord:
    """What an exported package holds: everything of the model that is not in the towers' graphs.

    Args:
        backend: What runs the towers: "onnx" or "openvino".
        architecture: Family of the model.
        task_type: What it does.
        home_backend: Backend of the class that it was exported from; that class reads the texts.
        dtype: Number format that they were checked in, and compute in by default.
        image_tower: File of the image tower.
        text_tower: File of the text tower.
        embedding_dim: D.
        text_length: L, number of tokens that the text tower reads.
        vocab_size: Number of tokens that the text tower knows.
        num_frames: T, frames that stand for a clip.
        logit_scale: Similarity * scale + bias = logit.
        logit_bias: See there.
        score_kind: "softmax" or "sigmoid".
        preprocessing: Fields of the ``ImagePreprocessing``.
        cosines: Lowest cosine to the torch model seen on export, by number format.
        made_with: Versions of the libraries that made it.
    """

    backend: str
    architecture: str
    task_type: str
    home_backend: str
    dtype: str
    image_tower: str
    text_tower: str
    embedding_dim: int
    text_length: int
    vocab_size: int
    num_frames: int
    logit_scale: float
    logit_bias: float
    score_kind: str
    preprocessing: dict[str, Any]
    cosines: dict[str, Any] = field(default_factory=dict)
    made_with: dict[str, Any] = field(default_factory=dict)

    def image_preprocessing(self) -> ImagePreprocessing:
        """How frames become pixels.

        Raises:
            CorruptedModelPackageError: If the record holds no valid settings.
        """
        from models.encoders.preprocessing import ImagePreprocessing

        try:
            return ImagePreprocessing(**{name: _pair(value) for name, value in self.preprocessing.items()})
        except (TypeError, ValueError) as error:
            raise CorruptedModelPackageError(
                f"{RECORD_NAME} has preprocessing {self.preprocessing!r}, which is none: {error}",
                next_step=_AGAIN,
            ) from error


def save_record(directory: Path, record: ExportRecord) -> None:
    """Write the record of a package that is being made.

    Args:
        directory: The package folder.
        record: What to write.
    """
    content = json.dumps({"schema": _SCHEMA, **asdict(record)}, indent=2, ensure_ascii=False)
    (directory / RECORD_NAME).write_text(f"{content}\n", encoding="utf-8")


def read_record(directory: Path, backend: str) -> ExportRecord:
    """Read and check the record of an exported package.

    Args:
        directory: The package folder.
        backend: The backend that is going to run it.

    Returns:
        The record.

    Raises:
        PackageNotFoundError: If the folder, or the record in it, is missing.
        CorruptedModelPackageError: If it is malformed, or of another backend.
    """
    path = directory / RECORD_NAME
    if not path.is_file():
        what = (
            f"{RECORD_NAME} is missing in {directory}" if directory.is_dir() else f"There is no {directory}"
        )
        raise PackageNotFoundError(f"{what}; it is no exported package.", next_step=_AGAIN)
    try:
        raw = read_json(path)
    except (ValueError, OSError) as error:
        raise _malformed(path, f"it cannot be read as JSON ({error})") from error
    if not isinstance(raw, dict) or raw.pop("schema", None) != _SCHEMA:
        raise _malformed(path, f"it is no JSON object of schema {_SCHEMA}")
    record = _record_of(raw, path)
    if record.backend != backend:
        raise _malformed(path, f"it is for backend {record.backend!r}, not {backend!r}")
    return record


def _record_of(raw: dict[str, Any], path: Path) -> ExportRecord:
    """Build the record; every field of the right kind, nothing else."""
    for one in fields(ExportRecord):
        value = raw.get(one.name)
        if not isinstance(value, _KINDS[str(one.type)]) or isinstance(value, bool):
            raise _malformed(path, f"{one.name!r} is {value!r}, {one.type} is expected")
    for name in ("image_tower", "text_tower"):
        if not is_safe_path(raw[name]):
            raise _malformed(path, f"the {name} {raw[name]!r} does not stay inside the package")
    return ExportRecord(**{one.name: raw[one.name] for one in fields(ExportRecord)})


def _pair(value: Any) -> Any:
    """Sizes and colours are tuples; JSON knows lists only."""
    return tuple(value) if isinstance(value, list) else value


def _malformed(path: Path, what: str) -> CorruptedModelPackageError:
    """Build the error for a record that says nothing usable."""
    return CorruptedModelPackageError(f"{path} is malformed: {what}.", next_step=_AGAIN)

"""Export: from an image-text model of torch to a package that onnxruntime or OpenVINO runs."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.backends import BackendType
from models.errors import InvalidParameterError, ModelExportError, ModelNotReadyError
from models.packaging.files import ModelPackage, write_manifest
from models.registry import resolve_model_class

if TYPE_CHECKING:
    from models.encoders.dual_encoder import DualEncoderModel
    from models.exported.record import ExportRecord

__all__ = ["EXPORT_BACKENDS", "check_backend", "export_package"]

EXPORT_BACKENDS = (BackendType.ONNX, BackendType.OPENVINO)
_SUFFIX = {BackendType.ONNX: ".onnx", BackendType.OPENVINO: ".xml"}
_DTYPES = {BackendType.ONNX: ("float32",), BackendType.OPENVINO: ("float32", "bfloat16")}
_KNOWN_TEXTS = ("a red ball", "a large blue star moving to the left")
_KNOWN_CLIPS = (("moving-square", (8, 48, 64, 3)), ("ramp", (1, 40, 56, 3)))


def export_package(
    model: Any,
    directory: str | Path | None = None,
    backend: str | BackendType = "onnx",
    *,
    dtype: str = "float32",
) -> ModelPackage:
    """Write a loaded model as a package of another backend, checked against the model itself.

    The package has both towers for batches of any size, the files that texts and pictures are
    read by, and known answers. It is the same model at the same revision with the same
    preprocessing, so its vectors live in the same embedding space.

    Args:
        model: An image-text model on the CPU in float32, loaded from a package.
        directory: Where to write. None is where ``AutoModel`` looks: beside the model's own
            package, ``<org>/<name>--<backend>``. An older export there is replaced.
        backend: "onnx" or "openvino".
        dtype: What the package computes in by default: "float32", or "bfloat16" with OpenVINO
            (several times as fast on processors with instructions for it).

    Returns:
        The package; nothing is left on disk when an error was raised.

    Raises:
        ModelExportError: If the model cannot be exported, if a vector differs from the model's
            (cosine below 0.9999 in float32, 0.9995 in bfloat16), or if the disk refuses.
        ModelImplementationNotFoundError: If nothing could run the package, as for "trt".
        MissingDependencyError: If a library is missing; ``extra`` names the extra.
        InvalidParameterError: If the backend has no exporter or not that number format.
        ModelNotReadyError: If the model is not loaded.

    Example:
        >>> from models import AutoModel
        >>> from models.families.clip.tiny import make_tiny_package
        >>> model = AutoModel.from_pretrained(make_tiny_package("tiny-clip").directory)
        >>> package = export_package(model, "tiny-clip-onnx", backend="onnx")
        >>> AutoModel.from_pretrained(package.directory).embed_text("a red ball").shape
        torch.Size([1, 24])
    """
    from models.exported.package import copy_readable_files, default_directory, in_place_of

    wanted = check_backend(backend, dtype)
    source = _source_of(model)
    manifest = source.manifest
    exported_class = resolve_model_class(manifest.architecture, manifest.task_type, wanted)
    _check_model(model, wanted)
    target = default_directory(source, wanted) if directory is None else Path(directory).expanduser()
    with in_place_of(target.absolute(), manifest, wanted) as folder:
        copy_readable_files(source, folder)
        record = _write_towers(model, source, wanted, dtype, folder)
        answers = _check(model, exported_class, record, folder, manifest.known_answers)
        write_manifest(
            folder,
            model_id=manifest.model_id,
            architecture=manifest.architecture,
            task_type=manifest.task_type,
            backend=wanted,
            revision=manifest.revision,
            known_answers=answers,
            card=manifest.card,
        ).verify()
    return ModelPackage.open(target)


def check_backend(backend: str | BackendType, dtype: str) -> BackendType:
    """Read a backend and see that there is an exporter for it and the number format.

    Args:
        backend: Its name, in any case.
        dtype: What the package shall compute in.

    Returns:
        The backend.

    Raises:
        UnknownBackendTypeError: If there is no such backend.
        InvalidParameterError: If it has no exporter, or not for that number format.

    Example:
        >>> check_backend("ONNX", "float32").value
        'onnx'
    """
    wanted = BackendType.parse(backend)
    if wanted not in EXPORT_BACKENDS:
        raise InvalidParameterError(
            f"There is no exporter for backend {wanted.value!r}.",
            next_step=f"Packages can be exported for {' and '.join(EXPORT_BACKENDS)}.",
        )
    if dtype not in _DTYPES[wanted]:
        raise InvalidParameterError(
            f"dtype {dtype!r} came; packages for {wanted.value} compute in {' or '.join(_DTYPES[wanted])}."
        )
    return wanted


def _source_of(model: Any) -> ModelPackage:
    """The package that a model was loaded from, verified."""
    folder = getattr(model, "model_dir", None)
    if folder is None:
        raise ModelExportError(
            f"This {type(model).__name__} was not loaded from a package folder.",
            next_step="Load it with AutoModel.from_pretrained, then export it.",
        )
    package = ModelPackage.open(folder)
    package.verify()
    return package


def _check_model(model: Any, backend: BackendType) -> None:
    """Refuse what has no two towers of torch in float32 on the CPU."""
    from models.encoders.dual_encoder import DualEncoderModel
    from models.exported.model import ExportedDualEncoder

    kind = type(model).__name__
    if isinstance(model, ExportedDualEncoder):
        raise ModelExportError(
            f"This {kind} is an exported package already.",
            next_step="Load the model with backend='hugging-face', then export that.",
        )
    if not isinstance(model, DualEncoderModel) or not callable(getattr(model, "read_tokens", None)):
        raise ModelExportError(
            f"{kind} cannot be exported: only image-text models of two towers that read their texts with "
            "read_tokens(folder, max_length=, vocab_size=) can."
        )
    pictures = model.image_preprocessing
    if pictures.size is None and pictures.crop is None:
        raise ModelExportError(
            f"This {kind} takes pictures of many shapes (NaFlex); only a tower for one size can be exported.",
            next_step="Export a checkpoint of fixed resolution.",
        )
    formats = {(str(weight.device), str(weight.dtype).removeprefix("torch.")) for weight in _weights(model)}
    if formats != {("cpu", "float32")}:
        raise ModelExportError(
            f"The weights are {', '.join(' '.join(one) for one in sorted(formats)) or 'not those of torch'}; "
            f"for an export to {backend.value} they must be on the CPU in float32.",
            next_step="Load it with device='cpu', dtype='float32'.",
        )


def _weights(model: DualEncoderModel) -> list[Any]:
    """All weights of the towers."""
    return [weight for module in _modules(model) for weight in module.parameters()]


def _modules(model: DualEncoderModel) -> list[Any]:
    """The networks of the towers."""
    import torch

    return [value for value in vars(model.parts.towers).values() if isinstance(value, torch.nn.Module)]


def _write_towers(
    model: DualEncoderModel, source: ModelPackage, backend: BackendType, dtype: str, folder: Path
) -> ExportRecord:
    """Write both graphs; the record that says what they are."""
    from models.exported.record import ExportRecord

    suffix = _SUFFIX[backend]
    record = ExportRecord(
        backend=backend.value,
        architecture=source.manifest.architecture,
        task_type=source.manifest.task_type,
        home_backend=source.manifest.backend,
        dtype=dtype,
        image_tower=f"image_tower{suffix}",
        text_tower=f"text_tower{suffix}",
        embedding_dim=_dimension(model),
        text_length=model.text_length,
        vocab_size=_vocabulary_size(model),
        num_frames=model.num_frames,
        logit_scale=model.logit_scale,
        logit_bias=model.logit_bias,
        score_kind=model.score_kind,
        preprocessing=asdict(model.image_preprocessing),
        made_with=_versions(),
    )
    if backend is BackendType.ONNX:
        _trace(model, folder / record.image_tower, folder / record.text_tower)
        return record
    from models.exported.openvino import convert_onnx

    with tempfile.TemporaryDirectory(dir=folder) as between:
        files = [(Path(between) / f"{name}.onnx") for name in ("image", "text")]
        _trace(model, *files)
        for file, name in zip(files, (record.image_tower, record.text_tower), strict=True):
            convert_onnx(file, folder / name)
    return record


def _trace(model: DualEncoderModel, image: Path, text: Path) -> None:
    """Write both towers as ONNX files."""
    import torch

    from models.exported.agreement import example_texts
    from models.exported.tracing import write_image_tower, write_text_tower

    towers = model.parts.towers
    height, width = model.image_preprocessing.output_size
    write_image_tower(towers, torch.zeros(2, 3, height, width), image)
    write_text_tower(towers, *model.tokenizer(example_texts(3)), text)


def _check(
    model: DualEncoderModel, exported_class: Any, record: ExportRecord, folder: Path, answers: Any
) -> list[dict[str, Any]]:
    """Compare what was written with the model; write the record; known answers for the manifest."""
    from models.exported.agreement import require_agreement
    from models.exported.record import save_record
    from models.known_answers import record_known_answers

    save_record(folder, record)
    exported = exported_class.from_pretrained(folder, device="cpu", dtype=record.dtype)
    try:
        found = require_agreement(model, exported, record.dtype)
    finally:
        exported.unload()
    save_record(folder, replace(record, cosines={record.dtype: round(found, 7)}))
    return list(answers) or record_known_answers(model, texts=_KNOWN_TEXTS, clips=_KNOWN_CLIPS)


def _dimension(model: DualEncoderModel) -> int:
    """D of a loaded model."""
    if model.embedding_dim is None:
        raise ModelNotReadyError(f"{type(model).__name__} does not know its embedding_dim.")
    return model.embedding_dim


def _vocabulary_size(model: DualEncoderModel) -> int:
    """Number of tokens that the text tower knows: the longest table of the network."""
    import torch

    tables = [part for module in _modules(model) for part in module.modules()]
    return max(table.num_embeddings for table in tables if isinstance(table, torch.nn.Embedding))


def _versions() -> dict[str, str]:
    """Versions of the libraries that make a package."""
    names = ("torch", "transformers", "onnx", "onnxruntime", "openvino")
    return {one.name: one.version for one in map(metadata.distribution, _installed(names))}


def _installed(names: tuple[str, ...]) -> list[str]:
    """Those of some libraries that are installed."""
    from importlib.util import find_spec

    return [name for name in names if find_spec(name) is not None]

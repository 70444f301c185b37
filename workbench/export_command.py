"""`workbench models export ID --backend onnx|openvino`: a package that runs faster on a processor."""

from pathlib import Path
from typing import Annotated, Any

import typer

from models.reprs import readable_size
from workbench.terminal import Terminal


def export(
    model_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a model, or ./folder of a model package.")
    ],
    *,
    backend: Annotated[str, typer.Option("--backend", help="onnx or openvino.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write.", show_default="beside the model's own package"),
    ] = None,
    dtype: Annotated[
        str, typer.Option("--dtype", help="What it computes in: float32, or bfloat16 with openvino.")
    ] = "float32",
    model_dir: Annotated[
        Path | None,
        typer.Option(
            "--model-dir",
            help="Folder for packages.",
            show_default="EMBEDDING_WORKBENCH_MODELS, else the cache",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
    ] = False,
) -> None:
    """Write a model for onnxruntime or OpenVINO, checked against the model itself."""
    from models.export import check_backend, export_package
    from models.exported.record import read_record

    terminal = Terminal(as_json=as_json)
    wanted = check_backend(backend, dtype)
    terminal.note(f"Loading {model_id} ...")
    model = _load_home(model_id, model_dir)
    terminal.note(f"Writing it for {wanted.value} and comparing the vectors ...")
    package = export_package(model, out, wanted, dtype=dtype)
    cosine = read_record(package.directory, wanted.value).cosines[dtype]
    terminal.say(
        f"{package.manifest.model_id} is exported for {wanted.value} in {dtype}: "
        f"{readable_size(package.size_bytes)} in {package.directory}",
        style="bold",
    )
    terminal.say(f"The lowest cosine to the model's own vectors is {cosine:.7f}.")
    terminal.json(
        {
            "model_id": package.manifest.model_id,
            "revision": package.manifest.revision,
            "backend": wanted.value,
            "dtype": dtype,
            "directory": str(package.directory),
            "size_bytes": package.size_bytes,
            "lowest_cosine": cosine,
        }
    )


def _load_home(model_id: str, model_dir: Path | None) -> Any:
    """Load the model in its own format, whatever exports of it there are already."""
    from models import AutoModel
    from models.export import EXPORT_BACKENDS

    found = AutoModel.describe(model_id, device="cpu", model_dir=model_dir).candidates
    own = [one.backend for one in found if one.backend not in EXPORT_BACKENDS]
    backend = own[0] if own else "auto"
    return AutoModel.from_pretrained(
        model_id, backend=backend, device="cpu", dtype="float32", model_dir=model_dir
    )

"""Options that several commands share, each spelt and explained once."""

from pathlib import Path
from typing import Annotated

import typer

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        help="Files, folders, patterns such as 'films/*.mp4', shards (.tar), or manifests (.csv, .jsonl, "
        ".parquet ...) with a path in each row.",
    ),
]
Samples = Annotated[bool, typer.Option("--samples", help="Take the bundled clips too.")]
Model = Annotated[str, typer.Option("--model", "-m", help="Id of a model, or ./folder of a model package.")]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
FramesPerClip = Annotated[
    int | None, typer.Option("--frames", min=1, help="Frames taken of each clip.", show_default="the model's")
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Clips per model call.", show_default="auto")
]
Store = Annotated[
    Path | None, typer.Option("--store", help="Folder that keeps vectors; made when it is not there.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 when a file could not be read.")]
Windows = Annotated[
    str | None,
    typer.Option(
        "--windows",
        metavar="LENGTH[:STRIDE]",
        help="Cut each video into windows of so many seconds, a new one every STRIDE seconds.",
        show_default="whole clips",
    ),
]

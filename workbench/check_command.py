"""`workbench models check`: hold a model against the contract, in a terminal."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from workbench.terminal import Terminal

FAULTS_FOUND = 1


def check(
    model_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a model, or ./folder of a model package.")
    ],
    *,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    model_dir: Annotated[
        Path | None, typer.Option("--model-dir", help="Folder for packages.", show_default="the cache")
    ] = None,
    allow_local_code: Annotated[
        bool, typer.Option("--allow-local-code", help="Run the code that a folder brings with it.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
    ] = False,
) -> None:
    """Hold a model against the contract of embedding models; exit code 1 when a fault is found."""
    from models import AutoModel, check_model

    terminal = Terminal(as_json=as_json)
    model = AutoModel.from_pretrained(
        model_id, device=device, model_dir=model_dir, allow_local_code=allow_local_code
    )
    report = check_model(model)
    terminal.say(str(report))
    checks = [{**asdict(one), "verdict": one.verdict} for one in report.checks]
    terminal.json({"model": report.model_id, "passed": report.passed, "checks": checks})
    if not report.passed:
        raise typer.Exit(FAULTS_FOUND)

"""The `workbench models` commands: list, show, download, verify, remove, check, export, new."""

from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.reprs import readable_size
from workbench.check_command import check
from workbench.export_command import export
from workbench.new_model import new
from workbench.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from models.cards import ModelCard
    from models.packaging.plan import DownloadPlan, DownloadProgress

FAILED, INTERRUPTED = 1, 130

models_app = typer.Typer(
    help="List the models; show, download, verify, remove, check or export one; begin your own.",
    rich_markup_mode="rich",
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
ModelId = Annotated[str, typer.Argument(metavar="ID", help="Id of a model, or ./folder of a model package.")]
ModelIds = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of models, org/name.")]
ModelDir = Annotated[
    Path | None,
    typer.Option(
        "--model-dir", help="Folder for packages.", show_default="EMBEDDING_WORKBENCH_MODELS, else the cache"
    ),
]


@models_app.callback(invoke_without_command=True)
def models(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the models, or do something with one of them."""
    if ctx.invoked_subcommand is None:
        show_models(Terminal(as_json=as_json))


@models_app.command("list")
def list_models(
    *,
    installed: Annotated[bool, typer.Option("--installed", help="Only what is on this machine.")] = False,
    model_dir: ModelDir = None,
    as_json: Json = False,
) -> None:
    """List the models that can be loaded by id, and which of them are here."""
    show_models(Terminal(as_json=as_json), model_dir, only_installed=installed)


@models_app.command("show")
def show(model_id: ModelId, *, as_json: Json = False) -> None:
    """Show one model: what it takes, what it would run on, and what was turned down."""
    show_model(Terminal(as_json=as_json), model_id)


@models_app.command("download")
def download(
    model_ids: ModelIds,
    *,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Commit, branch or tag.", show_default="the card's")
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option("--architecture", help="Family that runs it, for a model that is not in the list."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be fetched.")] = False,
    model_dir: ModelDir = None,
    as_json: Json = False,
) -> None:
    """Fetch models, or what is missing of them; the same command goes on after a break."""
    terminal = Terminal(as_json=as_json)
    done = []
    for model_id in model_ids:
        model = _card_of(model_id, architecture)
        if dry_run:
            done.append(_show_plan(terminal, model, model_dir, revision))
        else:
            done.append(_download(terminal, model, model_dir, revision))
    terminal.json(done)


@models_app.command("verify")
def verify(
    model_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Ids of models.", show_default="all that are here"),
    ] = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Read and hash every file.")] = False,
    model_dir: ModelDir = None,
    as_json: Json = False,
) -> None:
    """Compare packages with their manifests; exit code 1 when one is damaged."""
    from models.packages import installed_ids, verify_package

    terminal = Terminal(as_json=as_json)
    bundled = [card.model_id for card, _ in _cards(model_dir) if card.source == "bundled"]
    chosen = model_ids or [*bundled, *installed_ids(model_dir)]
    reports = [verify_package(model_id, model_dir, full=full) for model_id in chosen]
    for report in reports:
        problems = [f"{file.path}: {file.status}" for file in report.files if file.status != "ok"]
        verdict = "; ".join(problems) or "whole"
        terminal.say(f"{report.model_id}: {verdict}", style="" if report.ok else "bold red")
    terminal.json([{**asdict(report), "ok": report.ok} for report in reports])
    if not all(report.ok for report in reports):
        terminal.warn("`workbench models download ID` fetches what is damaged again.")
        raise typer.Exit(FAILED)


@models_app.command("remove")
def remove(model_ids: ModelIds, *, model_dir: ModelDir = None, as_json: Json = False) -> None:
    """Remove models from this machine, half a download too."""
    from models.packages import remove_package

    terminal = Terminal(as_json=as_json)
    freed = {model_id: remove_package(model_id, model_dir) for model_id in model_ids}
    for model_id, num_bytes in freed.items():
        terminal.say(f"{model_id} is removed: {readable_size(num_bytes)} are free again.")
    terminal.json([{"model_id": model_id, "freed_bytes": count} for model_id, count in freed.items()])


models_app.command("check")(check)
models_app.command("export")(export)
models_app.command("new")(new)


def show_models(terminal: Terminal, model_dir: Path | None = None, *, only_installed: bool = False) -> None:
    """List the models that can be asked for by id."""
    cards = [(card, here) for card, here in _cards(model_dir) if here or not only_installed]
    rows = [
        [
            (card.model_id, "bold"),
            ", ".join(card.modalities),
            str(card.embedding_dim or ""),
            str(card.num_frames),
            readable_size(card.size_bytes) if card.size_bytes else "",
            card.license + (" (gated)" if card.gated else ""),
            card.source,
            "yes" if here else "",
        ]
        for card, here in cards
    ]
    terminal.table(["model", "takes", "dims>", "frames>", "size>", "licence", "source", "here"], rows)
    terminal.json([{**asdict(card), "installed": here} for card, here in cards])


def show_model(terminal: Terminal, model_id: str) -> None:
    """Show a model's card, what would be loaded, and why the rest was turned down."""
    from models import AutoModel

    found = AutoModel.describe(model_id)
    terminal.table(["", ""], [[(title, "bold"), text] for title, text in found.card.rows()])
    for one in found.candidates:
        verdict = "would be loaded" if one is found.chosen else "; ".join(one.reasons) or "possible"
        terminal.say(f"{one.backend}: {one.class_name}: {verdict}")
    if found.problem:
        terminal.warn(found.problem)
    candidates = [
        {
            "backend": str(one.backend),
            "class": one.class_name,
            "accepted": one.accepted,
            "reasons": list(one.reasons),
        }
        for one in found.candidates
    ]
    terminal.json({"card": asdict(found.card), "candidates": candidates, "problem": found.problem})


def _cards(model_dir: Path | None) -> "list[tuple[ModelCard, bool]]":
    """All cards, each with whether it can be loaded without a download."""
    from models import AutoModel
    from models.packages import is_installed

    return [
        (card, card.source == "registered" or is_installed(card, model_dir))
        for card in AutoModel.list_available_models()
    ]


def _card_of(model_id: str, architecture: str | None) -> "str | ModelCard":
    """The id, or the card of a model that the catalogue does not have."""
    if architecture is None:
        return model_id
    from models import AutoModel

    return AutoModel.describe(model_id, architecture=architecture).card


def _show_plan(
    terminal: Terminal, model: "str | ModelCard", model_dir: Path | None, revision: str | None
) -> dict[str, Any]:
    """Say what would be fetched."""
    from models.packages import plan_download

    plan = plan_download(model, model_dir=model_dir, revision=revision)
    terminal.table(["", ""], [[(title, "bold"), text] for title, text in plan.rows()])
    return _plan_document(plan)


def _download(
    terminal: Terminal, model: "str | ModelCard", model_dir: Path | None, revision: str | None
) -> dict[str, Any]:
    """Fetch one model and show how far it is; Ctrl-C keeps what has arrived."""
    from models.packages import download_package

    name = model if isinstance(model, str) else model.model_id
    try:
        with _progress_line(terminal, name) as show:
            package = download_package(model, model_dir=model_dir, revision=revision, progress=show)
    except KeyboardInterrupt:
        terminal.warn("Interrupted: what has arrived is kept; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
    size = readable_size(package.size_bytes)
    terminal.say(f"{package.manifest.model_id} is here: {size} in {package.directory}", style="bold")
    return {
        "model_id": package.manifest.model_id,
        "revision": package.manifest.revision,
        "directory": str(package.directory),
        "size_bytes": package.size_bytes,
    }


def _plan_document(plan: "DownloadPlan") -> dict[str, Any]:
    """A plan for programs."""
    return {
        "model_id": plan.model_id,
        "revision": plan.revision,
        "directory": str(plan.directory),
        "total_bytes": plan.total_bytes,
        "present_bytes": plan.present_bytes,
        "files": [asdict(file) for file in plan.files],
        "companions": [_plan_document(one) for one in plan.companions],
    }


@contextmanager
def _progress_line(
    terminal: Terminal, name: str
) -> "Generator[Callable[[DownloadProgress], None], None, None]":
    """Show bytes, pace and time left where somebody looks; say little where nobody does."""
    if not terminal.errors.is_terminal:
        terminal.note(f"Downloading {name}")
        yield lambda _: None
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=terminal.errors) as bar:
        task = bar.add_task("asking the hub", total=None)

        def show(progress: "DownloadProgress") -> None:
            """Take over one number."""
            words = progress.file or name
            bar.update(task, completed=progress.done_bytes, total=progress.total_bytes, description=words)

        yield show

"""The `workbench` command: the main job, and what helps to get it going, in a terminal.

Results go to stdout, progress and warnings to stderr. Exit codes: 0 done; 1 failed, with a message
and the next step; 2 the command line was wrong; 3 done, but some files could not be read (with
``--strict`` only); 130 interrupted, what was finished is kept.
"""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from workbench import commands
from workbench.commands import DEFAULT_MODEL, FAILED, INTERRUPTED, Work
from workbench.embed_command import embed
from workbench.errors import WorkbenchError
from workbench.files import described_os_error
from workbench.models_commands import Json, models_app
from workbench.options import BatchSize, DeviceName, FramesPerClip, Model, Samples, Sources, Store, Strict
from workbench.store_commands import search, store_app
from workbench.terminal import Terminal

app = typer.Typer(
    name="workbench",
    help="Pick an embedding model, load clips, type prompts, see what it finds.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong command line, 3 some files could not be read (--strict), "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(models_app, name="models")
app.add_typer(store_app, name="store")


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line; errors become a message, a next step and an exit code.

    Args:
        argv: The words after `workbench`; None takes those of this process.

    Raises:
        SystemExit: Always, with the exit code.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    terminal = Terminal(as_json="--json" in args)
    try:
        app(args=[arg for arg in args if arg != "--debug"], prog_name="workbench")
    except WorkbenchError as error:
        if debug:
            raise
        terminal.error(error.message, error.next_step)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except SystemExit as left:
        interrupt = getattr(left.__context__, "__cause__", None)  # typer makes an exit of it, without a word
        if isinstance(interrupt, KeyboardInterrupt):
            terminal.warn(str(interrupt) or "Interrupted.")
        raise
    except OSError as error:  # of the machine: a full disk, a folder that may not be written
        if debug:
            raise
        terminal.error(*described_os_error(error))
    except Exception as error:  # the edge of the program: a defect gets a message, not a page of trace
        if debug:
            raise
        terminal.error(
            f"{type(error).__name__}: {error}",
            "This is a defect of the workbench; the same command with --debug shows where it happened.",
        )
    sys.exit(FAILED)


def run() -> NoReturn:
    """Run the command line as a program, and leave even where a thread is still in the middle of something.

    A job that was stopped while it loads a library cannot be waited for; the interpreter would end under it,
    and the process with an abort.
    """
    code: Any = FAILED
    try:
        main()
    except SystemExit as left:
        code = left.code
    job = sys.modules.get("workbench.engine.job")
    if job is not None and any(thread.name == job.JOB_THREAD for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code if isinstance(code, int) else FAILED if code else 0)
    sys.exit(code)


def _version(*, wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from importlib.metadata import version

        Terminal().say(f"workbench {version('embedding-workbench')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _version(wanted=value),
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full trace of an error.")] = False,
) -> None:
    """Pick an embedding model, load clips, type prompts, see what it finds."""


@app.command()
def lab(
    notebook: Annotated[
        Path | None,
        typer.Argument(metavar="NOTEBOOK", help="Notebook to open.", show_default="the first one"),
    ] = None,
    *,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Port.", show_default="a free one")
    ] = None,
    ip: Annotated[
        str, typer.Option("--ip", help="Address to listen on; 0.0.0.0 inside a container.")
    ] = "127.0.0.1",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    as_json: Json = False,
) -> None:
    """Open JupyterLab on a notebook; prints its address, with the token, where there is no display."""
    from workbench.lab import run_lab

    raise typer.Exit(run_lab(Terminal(as_json=as_json), notebook, port=port, ip=ip, browser=not no_browser))


@app.command()
def demo(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for heatmap.png and index.html.")] = Path(
        "demo"
    ),
    model: Model = DEFAULT_MODEL,
    as_json: Json = False,
) -> None:
    """Rank the bundled clips for the bundled prompts and write a page with clips that play."""
    from workbench.demo import run_demo

    run_demo(Terminal(as_json=as_json), out, model_id=model)


app.command("embed")(embed)  # here, since this is where it stands in the help


@app.command()
def rank(
    sources: Sources = None,
    *,
    prompt: Annotated[
        list[str] | None, typer.Option("--prompt", "-p", help="What to look for; may be repeated.")
    ] = None,
    prompts_file: Annotated[
        str | None, typer.Option("--prompts-file", help="Text file with one prompt a line; - is stdin.")
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="Text with {} for the prompt; several are averaged."),
    ] = None,
    negative: Annotated[
        list[str] | None, typer.Option("--negative", help="What should not be found; may be repeated.")
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="Clips shown for each prompt.")] = 3,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Also write: .csv (every score), .json or .html (clips that play)."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Id of a model, or ./folder.", show_default=DEFAULT_MODEL),
    ] = None,
    samples: Samples = False,
    store: Store = None,
    frames: FramesPerClip = None,
    batch_size: BatchSize = None,
    device: DeviceName = "auto",
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Rank clips, or a file of saved vectors, for prompts."""
    work = Work(sources or [], samples, model, device, frames, batch_size, strict, store)
    prompts = commands.read_prompts(prompt or [], prompts_file)
    code = commands.run_rank(
        Terminal(as_json=as_json), work, prompts, out, top=top, templates=template, negatives=negative
    )
    raise typer.Exit(code)


app.command("search")(search)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Say what this machine can run, what is missing, and how to get it."""
    from workbench.doctor import run_doctor

    if not run_doctor(Terminal(as_json=as_json)):
        raise typer.Exit(FAILED)

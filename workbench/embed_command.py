"""The `workbench embed` command: clips of any source into a file of vectors, a store, or both."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.commands import (
    DEFAULT_MODEL,
    VECTOR_ENDINGS,
    Work,
    check_ending,
    embed_work,
    exit_code,
    open_sources,
)
from workbench.errors import InvalidParameterError
from workbench.models_commands import Json
from workbench.options import (
    BatchSize,
    DeviceName,
    FramesPerClip,
    Model,
    Samples,
    Sources,
    Store,
    Strict,
    Windows,
)
from workbench.ranking_view import Reason, skipped_records
from workbench.terminal import Terminal

if TYPE_CHECKING:
    from workbench.engine.embeddings import Embeddings

__all__ = ["embed"]


class NumberFormat(StrEnum):
    """What the model computes in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Spread(StrEnum):
    """Where the work runs."""

    THREADS = "threads"
    RAY = "ray"


def embed(
    sources: Sources = None,
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write: .parquet or .npz.")] = None,
    store: Store = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--no-resume",
            help="A store always goes on where a killed run was; with --out alone, --resume keeps a hidden "
            "one beside the file until that is whole. --no-resume computes everything again.",
            show_default=False,
        ),
    ] = None,
    windows: Windows = None,
    model: Model = DEFAULT_MODEL,
    dtype: Annotated[
        NumberFormat,
        typer.Option(
            "--dtype",
            help="Number format to compute in; vectors that a store has stay, but with --no-resume.",
        ),
    ] = NumberFormat.AUTO,
    backend: Annotated[
        str, typer.Option("--backend", help="auto, or what has to run the model, such as onnx.")
    ] = "auto",
    executor: Annotated[
        Spread, typer.Option("--executor", help="threads of this process, or ray: a cluster (extra ray).")
    ] = Spread.THREADS,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Threads that decode; with ray, workers that embed.", show_default="auto"
        ),
    ] = None,
    samples: Samples = False,
    frames: FramesPerClip = None,
    batch_size: BatchSize = None,
    device: DeviceName = "auto",
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Turn clips into vectors and save them with all that says what they are.

    With --store, what is there already is not computed again, and a run that was killed goes on.
    """
    work = Work(
        sources or [],
        samples,
        model,
        device,
        frames,
        batch_size,
        strict,
        store,
        windows=windows,
        dtype=dtype.value,
        backend=backend,
        workers=workers,
    )
    code = run_embed(Terminal(as_json=as_json), work, out, resume=resume, spread=executor)
    raise typer.Exit(code)


def run_embed(
    terminal: Terminal,
    work: Work,
    out: Path | None,
    *,
    resume: bool | None = None,
    spread: Spread = Spread.THREADS,
) -> int:
    """Embed clips and save the vectors.

    Args:
        terminal: Where it is told.
        work: Which clips, and how.
        out: File to write; None when there is a store.
        resume: Whether what an earlier run left is used; None leaves it to the store.
        spread: Where the work runs.

    Returns:
        The exit code.

    Raises:
        WorkbenchError: If nothing could be embedded or saved.
    """
    if out is None and work.store is None:
        raise InvalidParameterError(
            "It was not said where the vectors go.",
            next_step="--out vectors.parquet writes a file, --store FOLDER keeps them for later runs.",
        )
    check_ending(out, VECTOR_ENDINGS)
    clips = open_sources(terminal, work)
    hidden = _hidden_store(out) if work.store is None and (resume or spread is Spread.RAY) else None
    if hidden is not None and not resume:
        shutil.rmtree(hidden, ignore_errors=True)
    folder = work.store or hidden
    afresh, computed = resume is False, 0
    if spread is Spread.RAY and folder is not None:
        from workbench.spread import embed_on_ray

        try:
            computed = embed_on_ray(work, clips, folder, afresh=afresh)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "Interrupted: what was finished is kept; the same command goes on."
            ) from None
        afresh = False  # what follows only reads, and says why a clip has no row
    vectors, skipped = embed_work(terminal, work, clips, folder, reuse=not afresh)
    if vectors.stopped:
        out = _partial(out, hidden)
    if out is not None:
        vectors.save(out)
    if hidden is not None and not vectors.stopped:
        shutil.rmtree(hidden, ignore_errors=True)
    _tell(terminal, work, out, vectors, skipped, on_cluster=computed)
    return exit_code(terminal, work, stopped=vectors.stopped, skipped=skipped, resume=hidden is not None)


def _hidden_store(out: Path | None) -> Path | None:
    """Name the folder that keeps what is finished until the file is whole."""
    return None if out is None else out.with_name(f".{out.name}.unfinished")


def _partial(out: Path | None, hidden: Path | None) -> Path | None:
    """Name the file for what a stopped run has: never one that is there, and none where --resume goes on."""
    if out is None or hidden is not None:
        return None
    return out.with_name(f"{out.stem}.partial{out.suffix}") if out.exists() else out


def _tell(
    terminal: Terminal,
    work: Work,
    out: Path | None,
    vectors: "Embeddings",
    skipped: Sequence[Reason],
    *,
    on_cluster: int = 0,
) -> None:
    """Say what there is now, and what it took; what a cluster computed was not there before."""
    stats = vectors.stats
    there = max(stats.reused - on_cluster, 0)
    parts = [stats.text] if stats.text else []
    parts += [f"{on_cluster:,} embedded on the cluster"] if on_cluster else []
    parts += [f"{there:,} of them were there"] if there else []
    places = [str(one) for one in (out, work.store) if one is not None]
    where = f" in {' and '.join(places)}" if places else ""
    said = " · ".join([f"{len(vectors):,} vectors of {vectors.dim} numbers{where}", *parts])
    terminal.say(said, style="bold")
    terminal.json(
        {
            "out": str(out) if out is not None else None,
            "store": str(work.store) if work.store is not None else None,
            "clips": len(vectors),
            "dim": vectors.dim,
            "space": asdict(vectors.space),
            "stopped": vectors.stopped,
            "stats": stats.as_dict(),
            "skipped": skipped_records(skipped),
        }
    )

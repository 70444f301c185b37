"""What `workbench rank` does, and what it shares with `workbench embed`."""

import math
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InvalidParameterError, JobStoppedError, NothingToEmbedError
from workbench.ranking_view import Reason, ranking_document, show_ranking, write_ranking
from workbench.terminal import Terminal

if TYPE_CHECKING:
    from workbench.engine.embeddings import Embeddings
    from workbench.media.clips import ClipSet

DEFAULT_MODEL = "workbench/spriteclip-tiny"
VECTOR_ENDINGS = (".parquet", ".npz")
TABLE_ENDINGS = (".csv", ".json", ".html")
FAILED, SOME_SKIPPED, INTERRUPTED = 1, 3, 130


@dataclass(frozen=True)
class Work:
    """Which clips, and how they become vectors.

    Args:
        sources: Files, folders and patterns; for a ranking also one file of saved vectors.
        samples: Whether the bundled clips are taken too.
        model: Id of a model or a package folder; None takes that of the saved vectors, else the default.
        device: As for ``AutoModel.from_pretrained``.
        frames: Frames per clip; None takes what the model wants.
        batch_size: Clips per model call; None finds one.
        strict: Whether files that could not be read change the exit code.
        store: Folder of an embedding store that vectors are reused from and put into.
        windows: Seconds, "LENGTH" or "LENGTH:STRIDE", that videos are cut into; None leaves them whole.
        dtype: Number format, as for ``AutoModel.from_pretrained``.
        backend: What has to run the model, likewise.
        workers: Threads that decode, or workers on a cluster; None finds a number.
    """

    sources: list[str]
    samples: bool = False
    model: str | None = None
    device: str = "auto"
    frames: int | None = None
    batch_size: int | None = None
    strict: bool = False
    store: Path | None = None
    windows: str | None = None
    dtype: str = "auto"
    backend: str = "auto"
    workers: int | None = None


def run_rank(
    terminal: Terminal, work: Work, prompts: list[str], out: Path | None, *, top: int, **texts: Any
) -> int:
    """Rank clips, or saved vectors, for prompts; ``texts`` are ``templates`` and ``negatives``.

    Returns:
        The exit code.

    Raises:
        WorkbenchError: If there is nothing to rank.
    """
    from workbench import Embeddings, rank

    check_ending(out, TABLE_ENDINGS)
    saved = _vectors_path(work.sources)
    if saved is not None:
        vectors = Embeddings.load(saved)
        model = load_model(replace(work, model=work.model or vectors.space.model_id))
        skipped = [(one.key, one.reason) for one in vectors.skipped]
    else:
        clips = open_sources(terminal, work)
        model = load_model(work)
        vectors, skipped = embed_work(terminal, work, clips, work.store, model)
    ranking = rank(model, vectors, prompts, progress=False, **texts)
    show_ranking(terminal, ranking, top)
    if out is not None:
        write_ranking(out, ranking, top, skipped)
        terminal.note(f"Written: {out}")
    terminal.json(ranking_document(ranking, top, skipped))
    return exit_code(terminal, work, stopped=vectors.stopped, skipped=skipped)


def load_model(work: Work) -> Any:
    """Load the model that was asked for."""
    from models import AutoModel

    return AutoModel.from_pretrained(
        work.model or DEFAULT_MODEL, device=work.device, dtype=work.dtype, backend=work.backend
    )


def _nameable(work: Work) -> str | None:
    """Name the model where its name says all; then a run whose vectors are all there never loads it."""
    plain = (work.device, work.dtype, work.backend) == ("auto", "auto", "auto")
    return (work.model or DEFAULT_MODEL) if plain else None


def open_sources(terminal: Terminal, work: Work) -> "ClipSet":
    """Load the clips that were named, and list what could not be opened."""
    from workbench import load_clips, sample_clips
    from workbench.media.clips import ClipSet

    if not work.sources and not work.samples:
        raise InvalidParameterError(
            "No clips were named.",
            next_step="Name a file, a folder or a pattern such as 'films/*.mp4', or take --samples.",
        )
    spans = parse_windows(work.windows) if work.windows is not None else None
    clips = sample_clips() if work.samples else ClipSet()
    if work.sources:
        clips += load_clips(work.sources)
    terminal.skipped([(error.path, error.reason) for error in clips.errors])
    if not clips:
        raise NothingToEmbedError(
            "No video or image could be opened.",
            next_step="Look at the path; `workbench rank --samples` shows how it looks.",
        )
    return clips.windows(*spans) if spans is not None else clips


def parse_windows(text: str) -> tuple[float, float]:
    """Read "LENGTH" or "LENGTH:STRIDE".

    Args:
        text: One or two positive numbers of seconds.

    Returns:
        Length and stride in seconds; without a stride, windows follow each other.

    Raises:
        InvalidParameterError: If it is something else.

    Example:
        >>> parse_windows("10"), parse_windows("10:2.5")
        ((10.0, 10.0), (10.0, 2.5))
    """
    length, _, stride = text.partition(":")
    try:
        seconds = float(length), float(stride or length)
    except ValueError:
        seconds = (0.0, 0.0)
    if not all(0 < one < math.inf for one in seconds):
        raise InvalidParameterError(
            f"--windows is {text!r}; it is one or two positive numbers of seconds.",
            next_step="--windows 10 cuts every 10 seconds, --windows 10:5 lets windows overlap by half.",
        )
    return seconds


def embed_work(
    terminal: Terminal, work: Work, clips: "ClipSet", store: Any, model: Any = None, *, reuse: bool = True
) -> "tuple[Embeddings, list[Reason]]":
    """Embed with a progress line; Ctrl-C ends the run, and what is done is returned, ``stopped``.

    Args:
        terminal: Where what broke is listed.
        work: How.
        clips: The clips.
        store: Where vectors are found and kept; None keeps none.
        model: The model, when it is loaded already.
        reuse: Whether vectors that are in the store are taken from it.

    Returns:
        The vectors, and everything that has none with its reason.
    """
    from workbench import submit_embed
    from workbench.engine.progress import wait_showing

    job = submit_embed(
        model or _nameable(work) or load_model(work),
        clips,
        store=store,
        reuse=reuse,
        num_frames=work.frames,
        batch_size=work.batch_size or "auto",
        workers=work.workers,
    )
    with suppress(KeyboardInterrupt):
        wait_showing(job, wanted=True)
    try:
        vectors = job.result()
    except JobStoppedError:
        raise KeyboardInterrupt("Interrupted before the first clip was embedded.") from None
    broke_later = [(one.key, one.reason) for one in vectors.skipped]
    terminal.skipped(broke_later)
    return vectors, [(error.path, error.reason) for error in clips.errors] + broke_later


def _vectors_path(sources: Sequence[str]) -> Path | None:
    """Return the file of saved vectors, if that is what was named."""
    if not any(source.lower().endswith(VECTOR_ENDINGS) for source in sources):
        return None  # without importing what reads them
    from workbench.engine.files import may_hold_embeddings

    saved = [Path(source) for source in sources if may_hold_embeddings(Path(source))]
    if saved and len(sources) > 1:
        raise InvalidParameterError(
            f"{saved[0].name} holds saved vectors; it is ranked alone.", next_step="Name only that file."
        )
    return saved[0] if saved else None


def read_prompts(prompts: Sequence[str], prompts_file: str | None) -> list[str]:
    """Join the prompts of the command line and of a file with one a line ("-" is stdin)."""
    lines: list[str] = []
    if prompts_file == "-":
        lines = sys.stdin.read().splitlines()
    elif prompts_file is not None:
        try:
            lines = Path(prompts_file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidParameterError(
                f"The prompts file {prompts_file} could not be read: {error}.",
                next_step="Give a text file in UTF-8 with one prompt a line.",
            ) from error
    wanted = [*prompts, *(line.strip() for line in lines if line.strip())]
    if not wanted:
        raise InvalidParameterError(
            "There is no prompt.", next_step='Say what to look for: --prompt "a red star".'
        )
    return wanted


def check_ending(path: Path | None, endings: Iterable[str]) -> None:
    """Refuse a file name before the work is done rather than after it."""
    if path is None:
        return
    endings = tuple(endings)
    if path.suffix.lower() not in endings:
        raise InvalidParameterError(
            f"{path.name} ends in none of {', '.join(endings)}.", next_step="The ending chooses the format."
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InvalidParameterError(
            f"There is no folder {folder} to write {path.name} to.", next_step="Make it, or name another."
        )
    if not os.access(folder, os.W_OK):
        raise InvalidParameterError(
            f"Nothing may be written to {folder}.",
            next_step="Change its permissions, or name another.",
        )


def exit_code(
    terminal: Terminal, work: Work, *, stopped: bool, skipped: "Sequence[Reason]", resume: bool = False
) -> int:
    """Say how it went; with ``resume`` a stopped run has kept what it did for the next one."""
    if stopped:
        goes_on = "; the same command with --resume goes on from there" if resume else ""
        terminal.warn(f"Interrupted: what was finished is kept{goes_on}.")
        return INTERRUPTED
    return SOME_SKIPPED if work.strict and skipped else 0

"""What `workbench embed` and `workbench rank` do, apart from reading their options."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InvalidParameterError, NothingToEmbedError
from workbench.ranking_view import Reason, ranking_document, show_ranking, skipped_records, write_ranking
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
    """

    sources: list[str]
    samples: bool = False
    model: str | None = None
    device: str = "auto"
    frames: int | None = None
    batch_size: int | None = None
    strict: bool = False
    store: Path | None = None


def run_embed(terminal: Terminal, work: Work, out: Path | None) -> int:
    """Embed clips and save the vectors.

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
    clips = _open_sources(terminal, work)
    vectors, skipped = _embed(terminal, _load_model(work), clips, work)
    if out is not None:
        vectors.save(out)
    rate = f", {vectors.stats.rate:,.0f} clips/s" if vectors.stats.rate else ""
    reused = f", {vectors.stats.reused:,} of them were there" if vectors.stats.reused else ""
    place = " and ".join(str(one) for one in (out, work.store) if one is not None)
    terminal.say(f"{len(vectors):,} vectors of {vectors.dim} numbers in {place}{rate}{reused}", style="bold")
    terminal.json(
        {
            "out": str(out) if out is not None else None,
            "store": str(work.store) if work.store is not None else None,
            "clips": len(vectors),
            "dim": vectors.dim,
            "space": asdict(vectors.space),
            "stopped": vectors.stopped,
            "stats": vectors.stats.as_dict(),
            "skipped": skipped_records(skipped),
        }
    )
    return _exit_code(terminal, work, stopped=vectors.stopped, skipped=skipped)


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
        model = _load_model(replace(work, model=work.model or vectors.space.model_id))
        skipped = [(one.key, one.reason) for one in vectors.skipped]
    else:
        clips = _open_sources(terminal, work)
        model = _load_model(work)
        vectors, skipped = _embed(terminal, model, clips, work)
    ranking = rank(model, vectors, prompts, progress=False, **texts)
    show_ranking(terminal, ranking, top)
    if out is not None:
        write_ranking(out, ranking, top, skipped)
        terminal.note(f"Written: {out}")
    terminal.json(ranking_document(ranking, top, skipped))
    return _exit_code(terminal, work, stopped=vectors.stopped, skipped=skipped)


def _load_model(work: Work) -> Any:
    """Load the model that was asked for."""
    from models import AutoModel

    return AutoModel.from_pretrained(work.model or DEFAULT_MODEL, device=work.device)


def _open_sources(terminal: Terminal, work: Work) -> "ClipSet":
    """Load the clips that were named, and list what could not be opened."""
    from workbench import load_clips, sample_clips
    from workbench.media.clips import ClipSet

    if not work.sources and not work.samples:
        raise InvalidParameterError(
            "No clips were named.",
            next_step="Name a file, a folder or a pattern such as 'films/*.mp4', or take --samples.",
        )
    clips = sample_clips() if work.samples else ClipSet()
    if work.sources:
        clips += load_clips(work.sources)
    terminal.skipped([(error.path, error.reason) for error in clips.errors])
    if not clips:
        raise NothingToEmbedError(
            "No video or image could be opened.",
            next_step="Look at the path; `workbench rank --samples` shows how it looks.",
        )
    return clips


def _embed(terminal: Terminal, model: Any, clips: "ClipSet", work: Work) -> "tuple[Embeddings, list[Reason]]":
    """Embed with a progress line; Ctrl-C ends the run, and what is done is returned, ``stopped``."""
    from workbench import submit_embed
    from workbench.engine.progress import wait_showing

    job = submit_embed(
        model, clips, store=work.store, num_frames=work.frames, batch_size=work.batch_size or "auto"
    )
    with suppress(KeyboardInterrupt):
        wait_showing(job, wanted=True)
    vectors = job.result()
    broke_later = [(one.key, one.reason) for one in vectors.skipped]
    terminal.skipped(broke_later)
    return vectors, [(error.path, error.reason) for error in clips.errors] + broke_later


def _vectors_path(sources: Sequence[str]) -> Path | None:
    """Return the file of saved vectors, if that is what was named."""
    saved = [Path(source) for source in sources if source.lower().endswith(VECTOR_ENDINGS)]
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
    if not path.absolute().parent.is_dir():
        raise InvalidParameterError(f"There is no folder {path.absolute().parent} to write {path.name} to.")


def _exit_code(terminal: Terminal, work: Work, *, stopped: bool, skipped: "Sequence[Reason]") -> int:
    """Say how it went."""
    if stopped:
        terminal.warn("Interrupted: what was finished is kept.")
        return INTERRUPTED
    return SOME_SKIPPED if work.strict and skipped else 0

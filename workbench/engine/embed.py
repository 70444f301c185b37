"""Embed clips: wait for the vectors, or get a job."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models.counts import check_count
from models.probes import cpu_count
from workbench.engine.adapter import adapt, load_if_named
from workbench.engine.clip_ids import as_clips
from workbench.engine.job import Job
from workbench.engine.loop import StopSignal
from workbench.engine.progress import shown_progress, wait_showing
from workbench.engine.records import EmbedProgress
from workbench.engine.replay import ReplayRun, replay
from workbench.engine.run import EmbedRun
from workbench.engine.sizing import BatchSizer
from workbench.engine.store import VectorStore, open_store
from workbench.media.hardware import DECODERS, takes_part

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.engine.embeddings import Embeddings


class EmbedJob(Job["Embeddings"]):
    """A job that embeds clips; its progress is an ``EmbedProgress``, its result ``Embeddings``."""


def embed(
    model: Any,
    clips: Any,
    *,
    store: "VectorStore | str | Path | None" = None,
    reuse: bool = True,
    batch_size: int | str = "auto",
    num_frames: int | None = None,
    progress: bool = True,
    workers: int | None = None,
) -> "Embeddings":
    """Turn clips into vectors and wait for them.

    Clips are decoded and preprocessed in threads ahead of the model; memory does not grow with
    their number. A clip that cannot be read is listed in ``.skipped``. Ctrl-C stops the run; what
    was done is in the ``store``, so the next call goes on from there.

    Args:
        model: An embedding model, or the id of one, which is then loaded.
        clips: A ClipSet, or anything ``load_clips`` takes: a file, a folder, a glob, a list.
        store: Vectors that are in it are reused, new ones are put there, batch by batch. A folder is
            opened as an ``EmbeddingStore``.
        reuse: False computes the vectors that are in the store again, and replaces them.
        batch_size: Clips per model call; "auto" follows the device and the model's pace. Halved
            when memory runs out.
        num_frames: T, the frames taken of each clip; None takes what the model wants.
        progress: Whether to show a progress line, in a notebook or a terminal.
        workers: Threads that decode; None takes one per CPU core, at most 4 unless an accelerator computes.

    Returns:
        The vectors, aligned with ``.keys``.

    Raises:
        NothingToEmbedError: If there is no clip.
        InvalidParameterError: If an option is out of range, or two clips share a key.
        ModelOutputError: If the model does not return one finite unit row per clip.

    Example:
        >>> import workbench
        >>> from models import AutoModel
        >>> model = AutoModel.from_pretrained("workbench/spriteclip-tiny")
        >>> embeddings = workbench.embed(model, workbench.sample_clips(), progress=False)
        >>> len(embeddings) == len(workbench.sample_clips())
        True
    """
    job = submit_embed(
        model,
        clips,
        store=store,
        reuse=reuse,
        batch_size=batch_size,
        num_frames=num_frames,
        workers=workers,
    )
    wait_showing(job, wanted=progress)
    return job.result()


def submit_embed(
    model: Any,
    clips: Any,
    *,
    store: "VectorStore | str | Path | None" = None,
    reuse: bool = True,
    batch_size: int | str = "auto",
    num_frames: int | None = None,
    progress: bool = False,
    workers: int | None = None,
    on_progress: Callable[[EmbedProgress], None] | None = None,
) -> "EmbedJob":
    """Start turning clips into vectors in the background.

    Args:
        model: As for ``embed``; a model named by its id is loaded in the background too.
        clips: As for ``embed``.
        store: As for ``embed``.
        reuse: As for ``embed``.
        batch_size: As for ``embed``.
        num_frames: As for ``embed``.
        progress: Whether to show a progress line, in a notebook or a terminal, while the job runs.
        workers: As for ``embed``.
        on_progress: Called with every new ``EmbedProgress``, in the job's thread; the last call
            has a final state.

    Returns:
        The job: ``progress``, ``stop()``, ``result()``; or ``await`` it.

    Raises:
        InvalidParameterError: If an option is out of range or the model is none. What is found
            out later surfaces from ``result()``.
    """
    check_count("batch_size", batch_size, "auto")
    check_count("num_frames", num_frames, None)
    check_count("workers", workers, None)
    if not isinstance(model, str):
        adapt(model)
    kept = open_store(store)
    stop = StopSignal()

    def prepare(job: "Job[Embeddings]") -> EmbedRun | ReplayRun:
        listed = as_clips(clips)
        stored = replay(model, listed, kept, num_frames) if reuse else None
        if stored is not None:
            return stored
        adapted = adapt(load_if_named(model))
        return EmbedRun(
            adapted,
            listed,
            num_frames=num_frames or adapted.num_frames,
            store=kept,
            reuse=reuse,
            sizer=BatchSizer(batch_size, device=adapted.device),
            workers=workers or default_workers(adapted.device),
            stop=stop,
            on_change=job.tell,
            at_end=_unload_of(adapted.model) if isinstance(model, str) else lambda: None,
        )

    if progress:
        on_progress = shown_progress(on_progress)
    job = EmbedJob(
        prepare, stop=stop, unprepared=lambda state: EmbedProgress(state=state), on_progress=on_progress
    )
    job.start()
    return job


def _unload_of(model: Any) -> Callable[[], object]:
    """What lets go of a model that was loaded for one job only."""
    unload = getattr(model, "unload", None)
    return unload if callable(unload) else lambda: None


def default_workers(device: str = "cpu") -> int:
    """Threads that decode: one per CPU core that this process may use.

    Args:
        device: Where the model computes; on the CPU there are at most 4, which share it with the model. On a
            card whose video decoders take part there are as many more as it has.

    Returns:
        Their number.
    """
    if device.startswith("cpu"):
        return min(4, cpu_count())
    return min(32, cpu_count() + (DECODERS if takes_part(device) else 0))  # waiting for a card takes no core

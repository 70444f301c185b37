"""One embedding run: from clips to rows, in whatever thread calls it."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from models.errors import ModelInputError
from workbench.engine.adapter import AdaptedModel
from workbench.engine.clip_ids import sharing_content, stored_id
from workbench.engine.loop import Batch, Prepared, StopSignal, chunks, run_batches
from workbench.engine.provenance import provenance_of
from workbench.engine.records import EmbedProgress
from workbench.engine.sizing import BatchSizer
from workbench.engine.store import VectorStore, tidy_up
from workbench.engine.tally import Tally
from workbench.engine.units import FilmPass, Unit, in_parts, in_units
from workbench.errors import InvalidClipError, MediaError
from workbench.media.hardware import decoding_on
from workbench.media.sampling import frame_times

if TYPE_CHECKING:
    from workbench.engine.embeddings import Embeddings
    from workbench.media.clips import Clip
    from workbench.media.frames import Frames

# What may be wrong with one clip. Every other exception is a bug, here or in the model, and surfaces.
CLIP_PROBLEMS = (MediaError, InvalidClipError, OSError)
LOOKUP_SIZE = 1024  # ids asked of a store at once


class EmbedRun:
    """The work of one job.

    Args:
        model: The engine's view of the model.
        clips: Clips with keys of their own.
        num_frames: T, the frames to take of each.
        store: Where finished vectors are found and kept, or None.
        reuse: Whether those that are there are taken.
        sizer: Decides the batch size.
        workers: Threads that decode and preprocess.
        stop: Ends the run.
        on_change: Called in this thread whenever there is progress.
        at_end: Called in this thread when the work has ended, however.
    """

    def __init__(
        self,
        model: AdaptedModel,
        clips: "Sequence[Clip]",
        *,
        num_frames: int,
        store: VectorStore | None,
        reuse: bool,
        sizer: BatchSizer,
        workers: int,
        stop: StopSignal,
        on_change: Callable[[], None],
        at_end: Callable[[], object] = lambda: None,
    ) -> None:
        self.model = model
        self.source = clips
        self.clips = list(clips)  # a ClipSet may grow while the run goes on
        self.space = model.space(num_frames)
        self.tally = Tally([clip.key for clip in self.clips], model.embedding_dim or 0)
        self.notes: dict[str, str] = {}
        self.provenance = provenance_of(model, self.space, num_frames)
        self._num_frames = num_frames
        self._store = store
        self._reuses = reuse
        self._sizer = sizer
        self._workers = workers
        self._decoder_threads = 1
        self._reused: list[Clip] = []
        self._stop = stop
        self._on_change = on_change
        self._at_end = at_end

    def progress(self, state: str) -> EmbedProgress:
        """How far the run is."""
        return self.tally.progress(state)

    def close(self) -> None:
        """Take no more rows."""
        self.tally.close()

    def outcome(self, *, stopped: bool) -> "Embeddings":
        """The vectors that are there."""
        from workbench.engine.embeddings import Embeddings

        return Embeddings.of_run(self, stopped=stopped)

    def execute(self) -> None:
        """Reuse what the store has, compute the rest; returns early when stopped."""
        try:
            with decoding_on(self.model.device):
                self._work()
        finally:
            self._at_end()

    def _work(self) -> None:
        """Do it."""
        missing = self._reuse()
        outcomes = run_batches(
            self._units(missing),
            self._prepare,
            self.model.start_items,
            sizer=self._sizer,
            workers=self._workers,
            stop=self._stop,
            overlap=not self.model.device.startswith("cpu"),
        )
        for outcome in outcomes:
            if isinstance(outcome, Batch):
                self._take(outcome)
            else:
                self.tally.skip(outcome.item, outcome.problem)
                self.tally.spend(outcome.seconds)
            self._on_change()
        if self._store is not None:
            copies = sharing_content(self.clips[place] for place in missing)
            space = self.model.store_space(self.space)
            tidy_up(self._store, space, self._reused + copies, is_new=bool(missing))

    def _reuse(self) -> list[int]:
        """Take what the store has; return the places of the other clips."""
        places = list(range(len(self.clips)))
        if self._store is None or not self._reuses:
            return places
        missing: list[int] = []
        for chunk in chunks(places, LOOKUP_SIZE):
            if self._stop.is_set:
                return []
            missing += self._look_up(self._store, chunk)
            self._on_change()
        return missing

    def _look_up(self, store: VectorStore, places: list[int]) -> list[int]:
        """Take the stored vectors of some clips; return the places without one."""
        began = time.perf_counter()
        ids = {place: stored_id(self.clips[place]) for place in places}
        found = store.get(self.model.store_space(self.space), list(ids.values()))
        there = [place for place in places if ids[place] in found]
        if there:
            rows = np.stack([found[ids[place]] for place in there])
            self.tally.add_rows(there, self.model.checked(rows, len(there)), reused=True)
            self._reused += [self.clips[place] for place in there]
        self.tally.spend({"write_s": time.perf_counter() - began})
        return [place for place in places if ids[place] not in found]

    def _units(self, places: list[int]) -> Iterator[Unit]:
        """Group windows of one film, in so many parts that every worker has one of some length."""
        parts = in_parts(places, self.clips, share=-(-len(places) // self._workers))
        first = list(islice(parts, self._workers))
        # Few films take the threads that others do not need.
        self._decoder_threads = max(self._workers // max(len(first), 1), 1)
        passes = (FilmPass(part, partial(self._decoded, part)) for part in chain(first, parts))
        return in_units(passes, lambda: self._sizer.together(self._workers), self._workers)

    def _prepare(self, unit: Unit) -> list[Prepared[int]]:
        """Decode and preprocess clips, in a worker thread; of each the pixels go before the next."""
        done: list[Prepared[int]] = []
        with unit.film.turn(unit.number):
            for place in unit:
                began = time.perf_counter()
                problem = "The job was stopped." if self._stop.is_set else ""
                frames = None
                try:
                    frames = None if problem else unit.film.frames()
                except CLIP_PROBLEMS as error:
                    problem = str(error)
                seconds = {"decode_s": time.perf_counter() - began}
                done.append(
                    self._preprocess(place, frames, seconds)
                    if frames is not None
                    else Prepared(place, problem=problem, seconds=seconds)
                )
                del frames  # else its pixels stay while the next are decoded
        return done

    def _decoded(self, places: Sequence[int]) -> "Generator[Frames]":
        """Decode the frames of each clip: several are spans of one film and take one pass."""
        clips = [self.clips[place] for place in places]
        if len(clips) == 1:
            yield clips[0].frames(self._num_frames, threads=self._decoder_threads)
            return
        from workbench.media.spans import frames_of_spans

        times = [frame_times(clip.start_s, clip.stop_s, self._num_frames) for clip in clips]
        yield from frames_of_spans(clips[0].path, times, threads=self._decoder_threads)

    def _preprocess(self, place: int, frames: "Frames", seconds: dict[str, float]) -> Prepared[int]:
        """Turn the pixels of one clip into what the model takes."""
        began = time.perf_counter()
        if self._stop.is_set:
            return Prepared(place, problem="The job was stopped.")
        try:
            value = self.model.preprocess(frames.data)
        except ModelInputError as error:
            return Prepared(place, problem=str(error), seconds=seconds)
        if getattr(frames, "note", ""):
            self.notes[self.clips[place].key] = frames.note
        seconds["preprocess_s"] = time.perf_counter() - began
        return Prepared(place, value, seconds=seconds, counts={"frames": len(frames.data)})

    def _take(self, batch: "Batch[int]") -> None:
        """Keep the rows of one batch, in the result and in the store."""
        places = [one.item for one in batch.items]
        self.tally.add_rows(places, batch.rows)
        for one in batch.items:
            self.tally.spend(one.seconds, one.counts)
        began = time.perf_counter()
        if self._store is not None:
            self._keep(self._store, [self.clips[place] for place in places], batch.rows)
        self.tally.spend({"model_s": batch.model_s, "write_s": time.perf_counter() - began})

    def _keep(self, store: VectorStore, clips: "list[Clip]", rows: np.ndarray) -> None:
        """Put rows into the store; of clips with one content the first stands for all."""
        first = {stored_id(clip): place for place, clip in reversed(list(enumerate(clips)))}
        places = sorted(first.values())
        store.put(
            self.model.store_space(self.space),
            [stored_id(clips[place]) for place in places],
            rows[places],
            clips=[clips[place] for place in places],
            provenance=self.provenance,
        )

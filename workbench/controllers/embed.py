"""Embed the session's clips: what will be done, start, progress, stop, go on."""

from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Float, TraitType, Unicode

from models.packaging.hub_errors import DownloadStoppedError
from models.vectors import EmbeddingSpace
from workbench.controllers.base import Controller
from workbench.controllers.models import ModelController
from workbench.errors import InvalidParameterError, JobStoppedError, NothingToEmbedError
from workbench.session import Session
from workbench.wording import counted

__all__ = ["EmbedController"]

LOADING = "loading the model"


class EmbedController(Controller):
    """One embedding job at a time; what is finished is kept, so the next one goes on from there.

    Attributes:
        plan_text: What a press on Embed would do, such as "24 clips x 8 frames".
        progress: The job's last `EmbedProgress`, or None before the first job.
        fraction: How far the job is, 0 to 1.
        progress_text: Count, rate and time left, for reading.
        skipped: The clips that the last job had to leave out, each with its reason.
        stopping: Whether Stop was pressed and the job has not ended yet.
    """

    plan_text = Unicode("")
    progress: TraitType = AnyTrait(None, allow_none=True)
    fraction = Float(0.0)
    progress_text = Unicode("")
    skipped: TraitType = AnyTrait(())
    stopping = Bool(default_value=False)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.models = ModelController.of(session)
        self._job: Any = None
        self._keys: set[str] = set()  # of the clips that the running job embeds
        self._stop: Future[None] = Future()
        session.observe(self._plan, names=["clips", "model", "model_id", "embeddings"])
        session.observe(self._on_clips, names="clips")
        session.observe(self._on_choice, names="model_id")
        self._plan()

    def start(self) -> "Future[Any]":
        """Embed the clips in a thread, loading the model first when need be.

        A second call while the job runs does nothing but return the same future.

        Returns:
            A future of the `Embeddings`.
        """
        with self._lock:
            if self._work is None or self._work.done():
                self._stop = Future()
                self.stopping = False
            return self._start(self._embed, "embedding the clips")

    def stop(self) -> None:
        """End the running job soon; what is embedded is kept. Without a job nothing happens."""
        with self._lock:
            if not self.busy or self._stop.done():
                return
            self._stop.set_result(None)
            self.stopping = True
            job = self._job
        self.session.say("busy", "Stopping …")
        if job is not None:
            job.stop()

    def needs_embedding(self) -> bool:
        """Whether the vectors at hand are not those of the chosen model and all clips.

        What a stopped job left is good enough to rank.
        """
        found = self.session.embeddings
        if found is None or not len(found) or self.session.clips_arrive:
            return True
        if not self._same_space(found.space):
            return True
        seen = set(found.keys) | {skip.key for skip in found.skipped}
        return not found.stopped and not set(self.session.clips.keys) <= seen

    def _same_space(self, space: Any) -> bool:
        """Whether the chosen model makes vectors of this space."""
        model = self.session.model
        if model is None:
            return self.session.model_id in ("", space.model_id)
        return EmbeddingSpace.of(model, space.sampling) == space

    def close(self) -> None:
        """End the job, if one runs."""
        self.stop()
        super().close()

    def bar_style(self) -> str:
        """Say how the progress bar looks: plain while running, then "success" or "warning"."""
        if self.busy:
            return ""
        return "success" if self.fraction == 1.0 and not self.skipped else "warning"

    def _embed(self) -> Any:
        """Load, embed, hand over: the body of the job."""
        session = self.session
        if session.arriving is not None:
            wait_for([session.arriving, self._stop], return_when=FIRST_COMPLETED)
        if self._stop.done():
            return self._end(None)
        clips = session.clips
        if not len(clips):
            raise NothingToEmbedError(
                "There are no clips to embed.", next_step="Open a folder, upload files or press Samples."
            )
        self._keys = set(clips.keys)
        if session.model is None and not session.model_id:
            raise InvalidParameterError("No model is chosen.", next_step="Choose one in the model list.")
        self.fraction, self.progress_text, self.skipped = 0.0, LOADING, ()
        while (model := self._loaded_model()) is not None:
            with self.models.residence.hold(model):
                if session.model is model:  # else another was chosen before this one could be held
                    return self._run_job(model, clips)
        return self._end(None)

    def _run_job(self, model: Any, clips: Any) -> Any:
        """Embed the clips with a loaded model, and hand the vectors over."""
        from workbench.engine.embed import submit_embed

        self.session.say("busy", f"Embedding {len(clips)} clips …")
        job = submit_embed(model, clips, store=self.session.store, on_progress=self._show)
        with self._lock:
            self._job = job
            stopped = self._stop.done()
        if stopped:
            job.stop()
        try:
            return self._end(job.result())
        except JobStoppedError:
            return self._end(None)
        finally:
            self._job = None

    def _loaded_model(self) -> Any:
        """Return the model, loading it when need be; None when Stop was pressed first."""
        loading = self.models.load()
        wait_for([loading, self._stop], return_when=FIRST_COMPLETED)
        if self._stop.done():
            self.models.stop_fetching()
            return None
        try:
            return loading.result()
        except DownloadStoppedError:
            return None

    def _show(self, progress: Any) -> None:
        """Take over what the job tells about itself."""
        self.progress = progress
        self.fraction = progress.fraction
        self.progress_text = progress.text

    def _end(self, embeddings: Any) -> Any:
        """Hand the vectors over and say how it went."""
        stopped = self._stop.done()
        self.stopping = False
        if embeddings is None:
            self.progress_text = "stopped"
            self.session.say("warning", "Stopped before the first clip.", "Press Embed to start again.")
            return None
        self.skipped = tuple(embeddings.skipped)
        if not set(embeddings.keys) <= set(self.session.clips.keys):
            self.progress_text = ""
            self.session.say("warning", "Other clips were opened meanwhile.", "Press Embed to embed them.")
            return embeddings
        self.progress_text = describe_end(embeddings, stopped=stopped)
        self.fraction = 1.0 if not stopped else self.fraction
        self._tell(embeddings, stopped=stopped)
        if len(embeddings):
            self.session.embeddings = embeddings
        return embeddings

    def _tell(self, embeddings: Any, *, stopped: bool) -> None:
        """Say in the status line how the job ended."""
        count, total, bad = len(embeddings), len(self.session.clips), len(embeddings.skipped)
        if stopped:
            text = f"Stopped: {count} of {total} clips are embedded and kept."
            self.session.say("warning", text, "Press Embed to go on from there.")
        elif bad:
            text = f"{count} clips are embedded; {bad} could not be."
            self.session.say("warning", text, "The skipped list says why for each.")
        else:
            self.session.say("ok", f"{count} clips are embedded.", "Type prompts and press Rank.")

    def _failed(self, error: BaseException, doing: str) -> None:
        """Show what went wrong; nothing is being loaded any more."""
        if self.progress_text == LOADING:
            self.progress_text = ""
        super()._failed(error, doing)

    def _on_clips(self, _: Any) -> None:
        """A job for clips that are gone is of no use."""
        self.skipped = ()
        if not self.busy:
            self._forget_job()
        elif not self._keys <= set(self.session.clips.keys):
            self.stop()

    def _on_choice(self, _: Any) -> None:
        """What the last job did was done with another model."""
        if not self.busy:
            self.skipped = ()
            self._forget_job()

    def _forget_job(self) -> None:
        """Show an empty bar."""
        self.fraction, self.progress_text = 0.0, ""

    def _plan(self, _: Any = None) -> None:
        """Say what Embed would do now."""
        model = self.session.model or self.models.card()
        if not len(self.session.clips) or model is None:
            self.plan_text = "No clips yet" if model is not None else "No model is chosen"
            return
        from workbench.engine.plan import plan_embed

        self.plan_text = plan_embed(model, self.session.clips, store=self.session.store).text


def describe_end(embeddings: Any, *, stopped: bool) -> str:
    """Put the end of a job into words.

    Args:
        embeddings: What it brought.
        stopped: Whether it was stopped.

    Returns:
        Such as "24 clips in 0.8 s · 30.0 clips/s · decode 45 % · model 55 %".
    """
    stats = embeddings.stats
    parts = ["stopped"] if stopped else []
    parts += [f"{counted(len(embeddings), 'clip')} in {stats.seconds:.1f} s"]
    parts += [f"{stats.reused:,} reused"] if stats.reused else []
    parts += [stats.text] if stats.text else []
    return " · ".join(parts)

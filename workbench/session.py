"""The observable state that every panel shares: one model, one set of clips, one selection."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from traitlets import Any as AnyTrait
from traitlets import HasTraits, Instance, TraitType, Unicode, default, observe, validate

from models.errors import InvalidParameterError, WorkbenchError
from workbench.media.clips import ClipSet

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["NoneIsEmpty", "Session", "Status"]

logger = logging.getLogger("workbench")

T = TypeVar("T")
Level = Literal["info", "busy", "ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Status:
    """The last thing that a user should know, and what to do about it.

    Args:
        level: How it is shown: neutral, working, done, careful, failed.
        text: What happened, one sentence.
        next_step: What to do now; empty when nothing is needed.
        trace: The full Python trace of an error, shown one click away; empty otherwise.

    Example:
        >>> Status("ok", "24 clips are embedded.").level
        'ok'
    """

    level: Level = "info"
    text: str = ""
    next_step: str = ""
    trace: str = ""

    @classmethod
    def from_error(cls, error: BaseException, doing: str = "") -> "Status":
        """Turn an exception into what the panel shows.

        Args:
            error: What was raised. Our own errors bring their message and next step; any other is a
                bug, and says so.
            doing: What was being done, such as "loading the model".

        Returns:
            A status of level "error" with the whole trace.
        """
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, WorkbenchError):
            return cls("error", error.message, error.next_step, trace)
        where = f" while {doing}" if doing else ""
        text = f"{type(error).__name__}{where}: {error}"
        return cls("error", text, "This was not expected: open the trace, and report it.", trace)


class NoneIsEmpty(Unicode):
    """A text; None is taken as the empty one."""

    def validate(self, obj: Any, value: Any) -> str:
        """Take a text or None."""
        return super().validate(obj, "" if value is None else value)


class Session(HasTraits):
    """What the panels and Python look at together.

    Every part takes a session; parts that share one stay in step. All values may be read, set and
    observed from Python. Worker threads set them too, so an observer may run in any thread.

    Attributes:
        model_id: The chosen model, loaded or not; empty when none is chosen.
        model: The loaded model, or None.
        clips: The clips to work on, a `ClipSet`.
        embeddings: The clips' vectors, or None.
        ranking: The last ranking of the clips for prompts, or None.
        classification: The last label probabilities of the clips, or None.
        compare_with: The id of a second model to rank the same clips with; empty for none. It is
            loaded beside the first one, and unloaded when this becomes empty or another id.
        compared: What the second model has, a session of its own with the same clips: its
            `model`, `embeddings`, `ranking` and `classification`. None without a second model.
        selection: The key of the selected clip, or empty.
        status: The last message or error.
        store: Vectors kept for resuming and for coming back to a model.

    Example:
        >>> session = Session()
        >>> session.observe(lambda change: print(change.new.text), names="status")
        >>> session.say("ok", "Ready.")
        Ready.
    """

    model_id = Unicode("")
    model: TraitType = AnyTrait(None, allow_none=True)
    clips: TraitType = AnyTrait()
    embeddings: TraitType = AnyTrait(None, allow_none=True)
    ranking: TraitType = AnyTrait(None, allow_none=True)
    classification: TraitType = AnyTrait(None, allow_none=True)
    compare_with = NoneIsEmpty("")
    compared: TraitType = AnyTrait(None, allow_none=True)
    selection = Unicode("")
    status = Instance(Status, args=())
    store: TraitType = AnyTrait()

    def __init__(self, **values: Any) -> None:
        self.arriving: Future[Any] | None = None  # clips that are being read; whoever needs clips waits
        self.parent: Session | None = None  # the session that this one is compared with
        self._shared: dict[Any, Any] = {}
        self._shared_lock = threading.RLock()
        super().__init__(**values)

    @default("clips")
    def _no_clips(self) -> ClipSet:
        """Start with an empty set."""
        return ClipSet()

    @default("store")
    def _new_store(self) -> Any:
        """Keep vectors in memory unless told otherwise."""
        from workbench.engine.store import MemoryStore

        return MemoryStore()

    @validate("clips")
    def _only_clip_sets(self, proposal: dict[str, Any]) -> ClipSet:
        """Refuse what is not a set of clips."""
        if not isinstance(proposal["value"], ClipSet):
            raise InvalidParameterError(
                f"Session.clips holds a ClipSet, not {type(proposal['value']).__name__}.",
                next_step="Make one with load_clips(folder).",
            )
        return proposal["value"]

    @validate("compare_with")
    def _only_another_model(self, proposal: dict[str, Any]) -> str:
        """Refuse to compare a model with itself."""
        model_id = proposal["value"]
        if model_id and model_id == self.model_id:
            raise InvalidParameterError(
                f"{model_id!r} is the chosen model already; it cannot be compared with itself.",
                next_step="Name another model, or '' to end the comparison.",
            )
        return model_id

    @validate("selection")
    def _only_known_keys(self, proposal: dict[str, Any]) -> str:
        """Refuse a key that no clip has."""
        key = proposal["value"]
        if key and key not in set(self.clips.keys):
            raise InvalidParameterError(
                f"No clip has the key {key!r}.", next_step=_known_keys_hint(self.clips.keys)
            )
        return key

    @observe("clips")
    def _drop_what_no_longer_holds(self, change: dict[str, Any]) -> None:
        """Forget results whose clips are gone."""
        known = {clip.key: clip.content_id for clip in change["new"]}
        if self.selection not in known:  # first: whoever hears of the rest looks up the selected clip
            self.selection = ""
        if self.embeddings is not None and not _still_holds(self.embeddings, known):
            self.embeddings = None
        for name in ("ranking", "classification"):
            result = getattr(self, name)
            if result is not None and (self.embeddings is None or not set(result.keys) <= known.keys()):
                setattr(self, name, None)

    def shared(self, kind: Callable[["Session"], T]) -> T:
        """Return the one object of a kind that all parts of this session use.

        Args:
            kind: A class (or function) that takes the session, such as `ModelController`. It is called
                the first time only.

        Returns:
            The object; the same one each time.
        """
        with self._shared_lock:
            if kind not in self._shared:
                self._shared[kind] = kind(self)
            return self._shared[kind]

    def close(self) -> None:
        """End everything that the parts of this session share; jobs are stopped."""
        with self._shared_lock:
            shared, self._shared = list(self._shared.values()), {}
        for thing in shared:
            if hasattr(thing, "close"):
                thing.close()

    @property
    def rankings(self) -> dict[str, Any]:
        """The rankings there are, by the id of the model that made each: at most two."""
        lanes = [self] if self.compared is None else [self, self.compared]
        made = [(lane.model_id, lane.ranking) for lane in lanes if lane.ranking is not None]
        return {found.space.model_id if found.space else name: found for name, found in made}

    @property
    def clips_arrive(self) -> bool:
        """Whether clips are being read right now."""
        return self.arriving is not None and not self.arriving.done()

    def say(self, level: Level, text: str, next_step: str = "") -> None:
        """Show a message.

        Args:
            level: "info", "busy", "ok", "warning" or "error".
            text: What happened.
            next_step: What to do now.
        """
        self.status = Status(level, text, next_step)

    def report(self, error: BaseException, doing: str = "") -> None:
        """Show an error with its next step, and write its trace to the log.

        Args:
            error: What was raised.
            doing: What was being done, such as "opening the clips".
        """
        self.status = Status.from_error(error, doing)
        known = isinstance(error, WorkbenchError)
        logger.log(
            logging.WARNING if known else logging.ERROR,
            "%s",
            self.status.text,
            exc_info=None if known else error,
        )


def _known_keys_hint(keys: Iterable[str]) -> str:
    """Say which keys there are, few of them."""
    known = list(keys)
    if not known:
        return "Load clips first."
    shown = ", ".join(repr(key) for key in known[:3])
    return f"There are {len(known)} clips, such as {shown}; see session.clips.keys."


def _still_holds(embeddings: Any, known: dict[str, str]) -> bool:
    """Whether each embedded clip is still there with the same content."""
    if not set(embeddings.keys) <= known.keys():
        return False
    if embeddings.clips is None:
        return True
    before = {clip.key: clip.content_id for clip in embeddings.clips}
    return all(before.get(key, known[key]) == known[key] for key in embeddings.keys)

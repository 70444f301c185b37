"""Rank the clips for prompts, or the prompts as labels for each clip."""

from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Enum, Int, TraitType, Unicode, observe

from workbench.controllers.base import Controller
from workbench.controllers.cards import (
    NO_HEAT,
    classification_groups,
    classification_heat,
    ranking_groups,
    ranking_heat,
)
from workbench.controllers.embed import EmbedController
from workbench.controllers.models import ModelController
from workbench.session import Session

__all__ = ["MODES", "RankController"]

MODES = ("clips for each prompt", "labels for each clip")
MAX_NAMED = 8  # unknown words in one message; the results name them all
TYPE_PROMPTS = "Type one a line, such as: a red circle moving left"


class RankController(Controller):
    """Prompts in, ranked clips out.

    Attributes:
        prompts_text: The prompts, one a line.
        templates_text: Templates such as "a video of {}", one a line; empty for none.
        negatives_text: What to steer away from, one a line; empty for nothing.
        top_k: How many cards a prompt gets, or labels a clip.
        mode: One of `MODES`.
        groups: What the gallery shows.
        heat: What the heat map shows: scores, rows, columns, left_out.
        unknown: Words that the model does not know, by prompt.
        stale: Whether the prompts changed since they were ranked.
        hint: What to do when there is nothing to show.
    """

    prompts_text = Unicode("")
    templates_text = Unicode("")
    negatives_text = Unicode("")
    top_k = Int(4, min=1)
    mode = Enum(MODES, MODES[0])
    groups: TraitType = AnyTrait(())
    heat: TraitType = AnyTrait(NO_HEAT)
    unknown = Dict()
    stale = Bool(default_value=False)
    hint = Unicode("")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.models = ModelController.of(session)
        self.embed = EmbedController.of(session)
        self._again = False
        self._offered: list[str] = []
        self._ranked_with = ""
        session.observe(self._on_embeddings, names="embeddings")
        session.observe(self._show, names=["ranking", "classification", "clips"])
        session.observe(self._on_choice, names="model_id")
        self._show()

    @property
    def prompts(self) -> list[str]:
        """The prompts: each line that is not blank, once."""
        return lines_of(self.prompts_text)

    @prompts.setter
    def prompts(self, prompts: list[str]) -> None:
        self.prompts_text = "\n".join(prompts)

    def rank(self) -> None:
        """Rank in a thread; embeds first when there are no vectors of the chosen model. Returns at once."""
        if not self.prompts:
            self.session.say("warning", "There is no prompt to rank.", TYPE_PROMPTS)
            return
        if self.embed.needs_embedding():
            self.embed.start()  # the ranking follows when the vectors arrive
            return
        self._rank_soon()

    def offer(self, prompts: list[str]) -> None:
        """Fill the empty prompt box with prompts that suit the clips.

        What somebody typed is never touched; what was offered before and left as it was is replaced.

        Args:
            prompts: What to offer; none takes an earlier offer back.
        """
        if not self.prompts or self.prompts == self._offered:
            self._offered = list(prompts)
            self.prompts = self._offered

    def left_out_text(self) -> str:
        """Say how many clips the heat map does not show."""
        count = self.heat["left_out"]
        return f"{count} clips with lower scores are not shown in the heat map." if count else ""

    def _rank_soon(self) -> None:
        """Rank now, or once more when the running ranking is through."""
        with self._lock:
            running = self._work is not None and not self._work.done()
            self._again = running
            if not running:
                self._start(self._rank, "ranking")

    def _rank(self) -> None:
        """Rank until no newer wish is waiting."""
        while True:
            model = self.models.load().result()
            with self.models.residence.hold(model):
                if self.session.model is model:
                    self._rank_once(model)
                else:  # another was chosen before this one could be held
                    self.embed.start()
            with self._lock:
                if not self._again:
                    return
                self._again = False

    def _rank_once(self, model: Any) -> None:
        """Rank what the boxes say now."""
        from workbench.zeroshot import classify, rank

        session, prompts = self.session, self.prompts
        templates = lines_of(self.templates_text) or None
        embeddings = session.embeddings
        if embeddings is None:  # other clips were opened meanwhile
            return
        if self.mode == MODES[0]:
            negatives = lines_of(self.negatives_text) or None
            name = "ranking"
            result = rank(model, embeddings, prompts, templates=templates, negatives=negatives)
        else:
            name = "classification"
            result = classify(model, embeddings, prompts, templates=templates)
        if session.embeddings is not embeddings:
            return
        self.unknown, self._ranked_with = result.unknown_words, session.model_id
        setattr(session, name, result)
        self.stale = prompts != self.prompts
        self._tell(len(prompts), embeddings)

    def _tell(self, prompts: int, embeddings: Any) -> None:
        """Say what was ranked, and which words mean nothing to the model."""
        if self.unknown:
            words = sorted({word for words in self.unknown.values() for word in words})
            names = ", ".join(repr(word) for word in words[:MAX_NAMED])
            names += f" and {len(words) - MAX_NAMED} more" if len(words) > MAX_NAMED else ""
            self.session.say(
                "warning",
                f"The model does not know: {names}.",
                "It ranked by the other words; try a word it knows.",
            )
            return
        what = f"{prompts} prompt{'s' * (prompts != 1)}"
        clips, total = len(embeddings), len(self.session.clips)
        if embeddings.stopped and clips < total:
            text = f"Stopped: {clips} of {total} clips are embedded; these are ranked for {what}."
            self.session.say("warning", text, "Press Embed to go on with the others.")
            return
        self.session.say("ok", f"Ranked {clips} clips for {what}.")

    def _on_embeddings(self, change: dict[str, Any]) -> None:
        """New vectors: rank them for the prompts that are there."""
        if change["new"] is not None and self.prompts:
            self._rank_soon()

    @observe("prompts_text", "templates_text", "negatives_text")
    def _on_text(self, _: Any) -> None:
        """What is shown is no longer what is asked."""
        self.stale = bool(self.groups)
        self.hint = self._hint()

    def _on_choice(self, _: Any) -> None:
        """Say whose result is shown while another model is chosen."""
        self.stale = bool(self.groups)
        self._show()

    @observe("mode")
    def _on_mode(self, _: Any) -> None:
        """Show the other view; compute it when it is not there yet."""
        self._show()
        if self.prompts and self.session.embeddings is not None:
            self.rank()

    @observe("top_k")
    def _show(self, _: Any = None) -> None:
        """Lay out the result of the current mode."""
        clips = self.session.clips
        by_prompt = self.mode == MODES[0]
        result = self.session.ranking if by_prompt else self.session.classification
        if result is None:
            self.groups, self.heat = (), NO_HEAT
        elif by_prompt:
            self.groups, self.heat = ranking_groups(result, clips, self.top_k), ranking_heat(result)
        else:
            self.groups = classification_groups(result, clips, self.top_k)
            self.heat = classification_heat(result)
        if self._ranked_with not in ("", self.session.model_id):
            whose = f"ranked with {self._ranked_with}"
            self.groups = tuple({**group, "subtitle": whose} for group in self.groups)
        self.hint = self._hint()

    def _hint(self) -> str:
        """Say what to do next when nothing is ranked."""
        if not len(self.session.clips):
            return "No clips yet. Press Samples, open a folder or upload files on the left."
        if not self.prompts:
            return "Type prompts above, one a line, then press Rank."
        return "Press Rank: the clips are embedded first, then the best for each prompt appear here."


def lines_of(text: str) -> list[str]:
    r"""Split a text box into its lines.

    Args:
        text: What was typed.

    Returns:
        The lines that are not blank, without spaces around them, each once, in order.

    Example:
        >>> lines_of("a red circle\n\n a blue star \na red circle")
        ['a red circle', 'a blue star']
    """
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

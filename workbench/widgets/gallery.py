"""Ranked cards in groups: a picture first, the clip on hover, one selection."""

from typing import Any, ClassVar

from traitlets import Int, List, TraitError, Unicode, validate

from workbench.widgets.assets import script, style
from workbench.widgets.finite import finite
from workbench.widgets.media_channel import MediaChannel, Provider


class Gallery(MediaChannel):
    """Cards with a picture, a name and a score, in groups (one for each prompt).

    Pictures are fetched when they come into view (``"poster"``), clips when the pointer rests on
    a card or it is clicked (``"clip"``). New ``groups`` change only the cards that differ. With
    focus inside: arrows move the selection, space plays, ``?`` shows all keys.

    Args:
        provider: ``provider(what, key) -> [(bytes, mime)]``, see `MediaChannel`.
        kwargs: Traits, such as ``groups=...``.

    A group is ``{"title", "note", "note_level", "cards"}``: the note stands below the title, as a
    warning unless its level is ``"info"``. It may have a ``"subtitle"``, such as whose ranking it
    is, and a ``"detail"`` beside that. A card is ``{"key", "title", "caption", "score",
    "score_text", "bar", "rank", "kind", "badge"}``; only ``key`` is needed. ``bar`` is the length
    of the bar in 0..1, ``kind`` is ``"image"`` for what has nothing to play, ``badge`` is a short
    text on the picture such as ``"2.0 s"``. It may have a ``"change"``, such as ``"▲3"``, with a
    ``"change_kind"`` ("up", "down", "same", "new") and a ``"change_title"`` that says it in words.

    Example:
        >>> gallery = Gallery(lambda what, key: [(b"...", "image/jpeg")])
        >>> card = {"key": "ball.mp4", "score": 0.31, "bar": 0.9}
        >>> gallery.groups = [{"title": "a red ball", "cards": [card]}]
        >>> gallery.groups[0]["cards"][0]["score_text"]
        '0.310'
        >>> gallery.observe(lambda change: print("selected", change.new), "selection")
        >>> gallery.selection = "ball.mp4"
        selected ball.mp4
    """

    _esm = script("media.js", "gallery_card.js", "gallery_group.js", "gallery.js")
    _css = style("gallery.css")

    groups = List(help="The groups of cards, as the class says.").tag(sync=True, echo_update=False)
    selection = Unicode("", help="Key of the selected clip, or empty.").tag(sync=True)
    empty_text = Unicode("Nothing to show yet.", help="What to do, when there are no cards.").tag(sync=True)
    side_by_side = Int(1, min=1, help="Groups in a row, where there is room.").tag(sync=True)
    columns = Int(0, min=0, help="Cards in a row; 0: as many as fit.").tag(sync=True)

    _card_defaults: ClassVar[dict[str, Any]] = {
        "title": "",
        "caption": "",
        "score": None,
        "score_text": "",
        "bar": None,
        "rank": None,
        "kind": "video",
        "badge": "",
    }

    def __init__(self, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(provider, **kwargs)

    @validate("groups")
    def _check_groups(self, proposal: Any) -> list[dict[str, Any]]:
        """Complete the groups with defaults; refuse what the front end could not show."""
        return [self._complete_group(group) for group in proposal.value]

    def _complete_group(self, group: Any) -> dict[str, Any]:
        """Return a group with all its fields."""
        if not isinstance(group, dict):
            raise TraitError(f"A group is a dict with a title and cards; got {type(group).__name__}.")
        extra = {name: str(group[name]) for name in ("subtitle", "detail") if group.get(name)}
        return {
            **extra,
            "title": str(group.get("title", "")),
            "note": str(group.get("note", "")),
            "note_level": "info" if group.get("note_level") == "info" else "warning",
            "cards": [self._complete_card(card) for card in group.get("cards", [])],
        }

    def _complete_card(self, card: Any) -> dict[str, Any]:
        """Return a card with all its fields, numbers plain and finite."""
        if not isinstance(card, dict) or not isinstance(card.get("key"), str) or not card["key"]:
            raise TraitError(f"A card is a dict with a key that is a text; got {card!r:.200}.")
        full = {**self._card_defaults, **card}
        full["title"] = str(full["title"]) or full["key"]
        full["score"] = finite(full["score"])
        full["score_text"] = full["score_text"] or ("" if full["score"] is None else f"{full['score']:.3f}")
        bar = finite(full["bar"])
        full["bar"] = None if bar is None else min(max(bar, 0.0), 1.0)
        full["rank"] = None if full["rank"] is None else int(full["rank"])
        return full

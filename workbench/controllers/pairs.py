"""Two rankings of the same clips side by side, and how each clip's place differs. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Side", "change_of", "label_places", "paired_groups", "ranking_places"]

Group = dict[str, Any]
Places = Mapping[str, Callable[[str], int | None]]  # prompt or label -> a clip's key -> its place, from 1


@dataclass(frozen=True)
class Side:
    """What one of two models found.

    Args:
        name: The model's id.
        kind: What its scores are, such as "cosine".
        groups: Its groups of cards, as for the gallery; empty while there is no result.
        places: The place of every clip, by prompt or label; None while there is no result.
        waiting: What to say where it has no result.
    """

    name: str
    kind: str
    groups: Sequence[Group] = ()
    places: Places | None = None
    waiting: str = ""


def paired_groups(first: Side, second: Side) -> tuple[Group, ...]:
    """Lay out two results, prompt by prompt: a group of the first model, then one of the second.

    Args:
        first: Decides which prompts are shown, in which order.
        second: Its groups are found by their titles.

    Returns:
        The groups; each says whose it is, each card how its place differs from the other model's.
    """
    found = {group["title"]: group for group in second.groups}
    pairs = []
    for group in first.groups:
        title = group["title"]
        missing = {"title": title, "note": second.waiting, "note_level": "info", "cards": []}
        pairs.append(_marked(group, first, second))
        pairs.append(_marked(found.get(title, missing), second, first))
    return tuple(pairs)


def ranking_places(ranking: Any) -> Places:
    """Look up the place of a clip in a ranking.

    Args:
        ranking: A `Ranking`.

    Returns:
        By prompt, a function from a clip's key to its place from 1; None for a clip without one.
    """
    columns = {key: column for column, key in enumerate(ranking.keys)}

    def place(order: Any, key: str) -> int | None:
        return None if key not in columns else int(np.flatnonzero(order == columns[key])[0]) + 1

    rows = zip(ranking.prompts, ranking.order, strict=True)
    return {prompt: lambda key, order=order: place(order, key) for prompt, order in rows}


def label_places(groups: Sequence[Group]) -> Places:
    """Look up the place of a clip among those with the same likeliest label.

    Args:
        groups: Groups of cards of a classification, which hold every clip once.

    Returns:
        As `ranking_places`, by label.
    """
    found = {group["title"]: {card["key"]: card["rank"] for card in group["cards"]} for group in groups}
    return {title: places.get for title, places in found.items()}


def change_of(place: int, other: int | None, name: str) -> dict[str, str]:
    """Say how a clip's place differs from that with the other model.

    Args:
        place: Its place, from 1.
        other: Its place with the other model; None when it has none there.
        name: The other model.

    Returns:
        `change` (short), `change_kind` ("up", "down", "same" or "new") and `change_title` (in words).

    Example:
        >>> change_of(2, 5, "b")["change"], change_of(2, 1, "b")["change"], change_of(2, None, "b")["change"]
        ('▲3', '▼1', 'new')
    """
    if other is None:
        return {"change": "new", "change_kind": "new", "change_title": f"not there with {name}"}
    if other == place:
        return {"change": "=", "change_kind": "same", "change_title": f"the same place with {name}"}
    sign, kind = ("▲", "up") if other > place else ("▼", "down")
    title = f"place {other} with {name}"
    return {"change": f"{sign}{abs(other - place)}", "change_kind": kind, "change_title": title}


def _marked(group: Group, mine: Side, other: Side) -> Group:
    """Say whose a group is, and mark its cards once the other model has a result."""
    named = {**group, "subtitle": mine.name, "detail": mine.kind}
    if other.places is None or group["title"] not in other.places:
        return named
    places = other.places[group["title"]]
    cards = [{**card, **change_of(card["rank"], places(card["key"]), other.name)} for card in group["cards"]]
    return {**named, "cards": cards}

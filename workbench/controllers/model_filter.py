"""Which models the picker lists: by words, by what they take, installed or not, by licence. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "INSTALLED_CHOICES",
    "MODALITY_CHOICES",
    "NO_LICENCE",
    "ModelFilter",
    "filter_cards",
    "licence_choices",
]

Choices = tuple[tuple[str, str], ...]  # pairs (label, value); the value "" lets everything pass

MODALITY_CHOICES: Choices = (("All inputs", ""), ("Video", "video"), ("Images", "image"), ("Text", "text"))
INSTALLED_CHOICES: Choices = (("All models", ""), ("Installed", "yes"), ("Not installed", "no"))
ALL_LICENCES = ("All licences", "")
NO_LICENCE = "not stated"


@dataclass(frozen=True)
class ModelFilter:
    """What a card must have to be listed; empty texts ask for nothing.

    Args:
        text: Words that the card must contain, whatever their case.
        modality: "video", "image", "text" or "".
        installed: "yes", "no" or "".
        licence: The name of a licence, "not stated" or "".
    """

    text: str = ""
    modality: str = ""
    installed: str = ""
    licence: str = ""


def filter_cards(
    cards: Iterable[Any], wanted: ModelFilter, *, installed: Collection[str], keep: str = ""
) -> tuple[Any, ...]:
    """Keep the cards that pass.

    Args:
        cards: Cards of models.
        wanted: What they must have.
        installed: Ids of the models that are on this machine.
        keep: The id of the chosen model, which stays listed.

    Returns:
        The cards, in their order.
    """
    return tuple(
        card
        for card in cards
        if card.model_id == keep or _passes(card, wanted, is_installed=card.model_id in installed)
    )


def licence_choices(cards: Iterable[Any]) -> Choices:
    """List the licences that there are.

    Args:
        cards: Cards of models.

    Returns:
        Pairs (label, value), all licences first, then by name.
    """
    names = sorted({card.license or NO_LICENCE for card in cards}, key=str.lower)
    return (ALL_LICENCES, *((name, name) for name in names))


def _passes(card: Any, wanted: ModelFilter, *, is_installed: bool) -> bool:
    """Whether one card has everything."""
    if wanted.modality and wanted.modality not in card.modalities:
        return False
    if wanted.installed and (wanted.installed == "yes") != is_installed:
        return False
    if wanted.licence and (card.license or NO_LICENCE) != wanted.licence:
        return False
    return _has_words(card, wanted.text.lower().split())


def _has_words(card: Any, words: Sequence[str]) -> bool:
    """Whether a card contains every word."""
    parts = (card.model_id, card.architecture, card.task_type, card.license, card.source, card.description)
    everything = " ".join([*parts, *card.modalities, *card.backends]).lower()
    return all(word in everything for word in words)

"""What a registration brings with it: checks of the class, and the card the picker shows."""

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.catalog import CATALOG, SCORE_KINDS, ModelCard
from models.errors import InvalidParameterError

if TYPE_CHECKING:
    from models.registry import RegistryEntry, RegistryKey

_MODALITY_METHODS = {"text": "embed_text", "image": "embed_images", "video": "embed_videos"}


def check_card(key: "RegistryKey", given: Any) -> ModelCard:
    """Check a card that came with a registration.

    Args:
        key: The row of the table.
        given: The card.

    Returns:
        The card.

    Raises:
        InvalidParameterError: If it is of another architecture or task, or takes the id of a
            model of the catalogue.
    """
    if not isinstance(given, ModelCard):
        raise InvalidParameterError(f"card must be a ModelCard; {type(given).__name__} came.")
    if (given.architecture, given.task_type) != key[:2]:
        raise InvalidParameterError(
            f"The card is for {given.architecture}/{given.task_type}, the registration for {key[0]}/{key[1]}."
        )
    if given.model_id in CATALOG:
        raise InvalidParameterError(
            f"The id {given.model_id!r} belongs to a model of the catalogue.", next_step="Choose another id."
        )
    return given


def made_card(key: "RegistryKey", entry: "RegistryEntry") -> ModelCard | None:
    """Make a card from what a class says; of a class that is only named, from its name.

    Args:
        key: The row of the table.
        entry: The class that stands there.

    Returns:
        The card; None when the catalogue has models of that architecture, which will be run by
        the class.
    """
    architecture, task_type, backend = key
    if any(card.architecture == architecture for card in CATALOG.values()):
        return None
    named = ModelCard(
        model_id=architecture,
        architecture=architecture,
        task_type=task_type,
        backends=(backend.value,),
        modalities=("text", "image") if task_type == "embedding" else (),
        source="registered",
        description=f"{entry.class_name}, registered by name.",
    )
    model_class = entry.known_class
    return named if model_class is None else _described(named, model_class)


def check_class(model_class: type) -> None:
    """Refuse a class that nobody could load, and say what it lacks.

    Args:
        model_class: The class to register.

    Raises:
        InvalidParameterError: If abstract methods are left, or there is no way to load it.
    """
    missing = sorted(getattr(model_class, "__abstractmethods__", ()))
    if missing:
        raise InvalidParameterError(
            f"{model_class.__name__} is not complete: it lacks {', '.join(missing)}.",
            next_step="Write these methods, run the cell again, then register the class.",
        )
    if not any(callable(getattr(model_class, name, None)) for name in ("from_pretrained", "setup")):
        raise InvalidParameterError(
            f"{model_class.__name__} has neither from_pretrained nor setup, so it cannot be loaded.",
            next_step="Add setup(self), or the classmethod from_pretrained(cls, directory, **kwargs).",
        )


def merge_cards(cards: Iterable[ModelCard | None]) -> list[ModelCard]:
    """Join the cards of one model that was registered for several backends.

    Args:
        cards: Cards in order of registration; None is left out.

    Returns:
        One card per model id; the first one's fields, all their backends.
    """
    merged: dict[str, ModelCard] = {}
    for card in filter(None, cards):
        first = merged.get(card.model_id, card)
        merged[card.model_id] = replace(first, backends=tuple(dict.fromkeys(first.backends + card.backends)))
    return list(merged.values())


def _described(named: ModelCard, model_class: type) -> ModelCard:
    """Complete a card from the attributes of a class."""
    score_kind = getattr(model_class, "score_kind", "softmax")
    return replace(
        named,
        embedding_dim=_number(model_class, "embedding_dim"),
        num_frames=_number(model_class, "num_frames") or 1,
        modalities=tuple(
            name for name, method in _MODALITY_METHODS.items() if callable(getattr(model_class, method, None))
        ),
        score_kind=score_kind if score_kind in SCORE_KINDS else "softmax",
        revision=_text(model_class, "revision"),
        license=_text(model_class, "license"),
        description=_summary(model_class),
    )


def _summary(model_class: type) -> str:
    """First paragraph of the class's own docstring."""
    own = vars(model_class).get("__doc__") or f"{model_class.__name__}, registered here."
    return " ".join(inspect.cleandoc(own).split("\n\n")[0].split())


def _number(model_class: type, name: str) -> int | None:
    """A whole number that a class states; None when it only will know it later."""
    value = getattr(model_class, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(model_class: type, name: str) -> str:
    """A text that a class states; "" when it only will know it later."""
    value = getattr(model_class, name, "")
    return value if isinstance(value, str) else ""

"""Put what is known of a model, and the devices there are, into rows of text. Pure."""

from typing import Any

from models.reprs import readable_size
from workbench.controllers.model_filter import NO_LICENCE

__all__ = ["card_rows", "card_summary", "considered_rows", "device_options", "is_embedding", "model_notes"]

MAX_REASONS = 3  # in one line of the picker; the card has all of them
OF_EMBEDDINGS = ("sees", "vectors", "scores")  # what a card says that only makes sense for embeddings


def is_embedding(card: Any) -> bool:
    """Whether a model gives vectors, as far as its card tells.

    Args:
        card: Its `ModelCard`.
    """
    return "embed" in card.task_type or bool({"image", "video"} & set(card.modalities))


def card_rows(
    card: Any, model: Any, description: Any, *, needs_download: bool = False
) -> list[tuple[str, str]]:
    """List what is known of a model.

    Args:
        card: Its `ModelCard`, or None for a model that is in no list.
        model: The loaded model, or None.
        description: What `AutoModel.describe` said, or None while it is not known.
        needs_download: Whether it is on the hub and not on this machine.

    Returns:
        Pairs (what, value), in the order to read them.
    """
    if card is not None:
        left_out = ("model",) if is_embedding(card) else ("model", *OF_EMBEDDINGS)
        rows = [row for row in card.rows() if row[0] not in left_out]
    elif model is not None:
        rows = [
            ("class", type(model).__name__),
            ("sees", _frames(getattr(model, "num_frames", None))),
            ("vectors", f"{getattr(model, 'embedding_dim', None) or 'unknown'} dimensions"),
            ("revision", str(getattr(model, "revision", "")) or "none"),
        ]
    else:
        return []
    if needs_download:
        rows.append(("installed", f"no: {_to_download(card)}"))
    elif description is not None:
        rows.append(
            ("installed", "yes") if description.chosen is not None else ("runs here", "no, see below")
        )
    return rows + _loaded_rows(card, model, description)


def card_summary(card: Any, model: Any, load_state: str, backend: str = "") -> str:
    """Say the most important things of a model in one line.

    Args:
        card: Its `ModelCard`, or None for a model that is in no list.
        model: The loaded model, or None.
        load_state: Such as "not loaded", "loading", "ready", "failed" or "not downloaded".
        backend: What runs the loaded model; "" when that is not known.

    Returns:
        Such as "128 dims · 8 frames · Apache-2.0 · ready on cpu with torch".
    """
    source = card if card is not None else model
    if source is None:
        return ""
    figures = [f"{source.embedding_dim} dims"] if getattr(source, "embedding_dim", None) else []
    if card is not None and not is_embedding(card):
        figures = [card.task_type]
    else:
        figures.append(_frames(getattr(source, "num_frames", None)))
    ready = f"ready on {getattr(model, 'device', 'cpu')}" + (f" with {backend}" if backend else "")
    parts = [
        *figures,
        _licence(card) if card is not None else "",
        ready if model is not None else load_state,
    ]
    return " · ".join(part for part in parts if part)


def model_notes(card: Any, description: Any, *, needs_download: bool) -> list[tuple[str, str]]:
    """List what a user should know before using a model.

    Args:
        card: Its `ModelCard`, or None for a model that is in no list.
        description: What `AutoModel.describe` said, or None while it is not known.
        needs_download: Whether it is on the hub and not on this machine.

    Returns:
        Pairs (level, text); the levels are "muted", "warn" and "error".
    """
    notes = []
    if card is not None and needs_download and card.gated:
        notes.append(("warn", f"Gated: accept its terms at huggingface.co/{card.model_id} first."))
    if description is not None and description.chosen is None:
        notes.append(("error", f"Cannot run here: {_why_not(description)}"))
    if card is not None and not is_embedding(card):
        notes.append(("warn", f"A model for {card.task_type}: it gives no vectors, so it cannot rank clips."))
    elif card is not None and "text" not in card.modalities:
        notes.append(("warn", "It knows no text: clips can be embedded, but not ranked for prompts."))
    return notes


def considered_rows(description: Any) -> list[tuple[str, str, str]]:
    """List the ways to load a model.

    Args:
        description: What `AutoModel.describe` said, or None while it is not known.

    Returns:
        Triples (what, taken or not, why).
    """
    return [] if description is None else description.rows()


def device_options(runtime: Any) -> tuple[tuple[str, str], ...]:
    """List the devices that may be chosen.

    Args:
        runtime: What `describe_runtime` found.

    Returns:
        Pairs (label, value); "auto" first.
    """
    found = [(f"{device.name}: {device.description}", device.name) for device in runtime.devices]
    return (("auto", "auto"), *found, ("cpu", "cpu"))


def _why_not(description: Any) -> str:
    """Say why nothing can be taken: the commonest reasons, or what is wrong with the model itself."""
    reasons = [group.reason for group in description.turned_down[:MAX_REASONS]]
    return " ".join(reasons) or description.problem


def _loaded_rows(card: Any, model: Any, description: Any) -> list[tuple[str, str]]:
    """Say where a loaded model came from, what runs it, and whether it gave its known answers."""
    if card is None or model is None:
        return []
    chosen = description.chosen if description is not None else None
    rows = [("backend", chosen.backend)] if chosen is not None else []
    if card.source == "registered":
        rows.append(("loaded from", f"the registered class {type(model).__name__}"))
    elif chosen is not None and chosen.location:
        rows += [("loaded from", chosen.location), ("known answers", _answers(model))]
    return rows


def _answers(model: Any) -> str:
    """Say how the known answers came out."""
    if getattr(model, "known_answers_verified", False):
        return "verified: it gives the recorded vectors"
    return "there were none to compare with when it was loaded"


def _frames(count: Any) -> str:
    """Say how many frames a model looks at."""
    return f"{count or 1} frame{'s' * ((count or 1) != 1)}"


def _licence(card: Any) -> str:
    """Name the licence, so that it can be read without a title."""
    return "licence not stated" if card.license == NO_LICENCE else card.license


def _to_download(card: Any) -> str:
    """Say how much there is to download."""
    return f"{readable_size(card.size_bytes)} to download"

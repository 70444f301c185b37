"""Put what is known of a model, and the devices there are, into rows of text. Pure."""

from typing import Any

__all__ = ["card_rows", "card_summary", "device_options"]


def card_rows(card: Any, model: Any, description: Any) -> list[tuple[str, str]]:
    """List what is known of a model.

    Args:
        card: Its `ModelCard`, or None for a model that is in no list.
        model: The loaded model, or None.
        description: What `AutoModel.describe` said, or None while it is not known.

    Returns:
        Pairs (what, value), in the order to read them.
    """
    if card is not None:
        rows = [row for row in card.rows() if row[0] != "model"]
    elif model is not None:
        rows = [
            ("class", type(model).__name__),
            ("sees", f"{model.num_frames} frame{'s' * (model.num_frames != 1)}"),
            ("vectors", f"{model.embedding_dim or 'unknown'} dimensions"),
            ("revision", model.revision or "none"),
        ]
    else:
        return []
    if description is not None:
        installed = "yes" if description.chosen is not None else f"no: {description.problem}"
        rows.append(("installed", installed))
    return rows


def card_summary(card: Any, model: Any, load_state: str) -> str:
    """Say the most important things of a model in one line.

    Args:
        card: Its `ModelCard`, or None for a model that is in no list.
        model: The loaded model, or None.
        load_state: "not loaded", "loading", "ready" or "failed".

    Returns:
        Such as "128 dims · 8 frames · Apache-2.0 · ready on cpu".
    """
    source = card if card is not None else model
    if source is None:
        return ""
    parts = [
        f"{source.embedding_dim} dims" if source.embedding_dim else "",
        f"{source.num_frames} frame{'s' * (source.num_frames != 1)}",
        card.license if card is not None else "",
        f"ready on {model.device}" if model is not None else load_state,
    ]
    return " · ".join(part for part in parts if part)


def device_options(runtime: Any) -> tuple[tuple[str, str], ...]:
    """List the devices that may be chosen.

    Args:
        runtime: What `describe_runtime` found.

    Returns:
        Pairs (label, value); "auto" first.
    """
    found = [(f"{device.name}: {device.description}", device.name) for device in runtime.devices]
    return (("auto", "auto"), *found, ("cpu", "cpu"))

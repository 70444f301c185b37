"""Turn rankings and label probabilities into what the gallery and the heat map show. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["NO_HEAT", "classification_groups", "classification_heat", "ranking_groups", "ranking_heat"]

NO_HEAT: dict[str, Any] = {"scores": [], "rows": [], "columns": [], "left_out": 0}
MAX_COLUMNS = 300  # a heat map wider than this cannot be read; the best clips are kept


def ranking_groups(ranking: Any, clips: Any, top_k: int) -> list[dict[str, Any]]:
    """List the best clips of each prompt.

    Args:
        ranking: A `Ranking`; scores (P, N).
        clips: The `ClipSet` with the captions.
        top_k: How many clips a prompt gets.

    Returns:
        One group a prompt: title, note (words that the model does not know) and cards, best first. A
        card's bar is 0 for the lowest score of all and 1 for the highest, so prompts can be compared.
    """
    low, high = _span(ranking.scores)
    groups = []
    for prompt, best in zip(ranking.prompts, ranking.top(top_k), strict=True):
        cards = [
            {
                **_naming(clips, key),
                "score": float(score),
                "score_text": f"{score:.3f}",
                "bar": (float(score) - low) / (high - low),
                "rank": place,
            }
            for place, (key, score) in enumerate(best, start=1)
        ]
        groups.append(
            {"title": prompt, "note": unknown_note(ranking.unknown_words.get(prompt)), "cards": cards}
        )
    return groups


def classification_groups(classification: Any, clips: Any, top_k: int) -> list[dict[str, Any]]:
    """List the likeliest labels of each clip.

    Args:
        classification: A `Classification`; probabilities (N, L).
        clips: The `ClipSet` with the captions.
        top_k: How many labels a clip gets.

    Returns:
        One group for each likeliest label, in the order of the labels; its clips, surest first. A
        card's caption names the next labels.
    """
    tops = dict(zip(classification.keys, classification.top(top_k), strict=True))
    groups = []
    for label in classification.labels:
        mine = [(key, top) for key, top in tops.items() if top[0][0] == label]
        mine.sort(key=lambda item: -item[1][0][1])
        cards = [
            {
                **_naming(clips, key),
                "caption": _others(top),
                "score": float(top[0][1]),
                "score_text": _percent(top[0][1]),
                "bar": float(top[0][1]),
                "rank": place,
            }
            for place, (key, top) in enumerate(mine, start=1)
        ]
        warning = unknown_note(classification.unknown_words.get(label))
        note = warning or ("" if cards else "likeliest for no clip")
        level = "warning" if warning else "info"
        groups.append({"title": label, "note": note, "note_level": level, "cards": cards})
    return groups


def ranking_heat(ranking: Any) -> dict[str, Any]:
    """Lay a ranking out as a heat map.

    Args:
        ranking: A `Ranking`; scores (P, N).

    Returns:
        `scores` (a list a prompt), `rows` (prompts), `columns` (keys), `left_out` (clips not shown).
    """
    return _heat(np.asarray(ranking.scores), ranking.prompts, ranking.keys)


def classification_heat(classification: Any) -> dict[str, Any]:
    """Lay label probabilities out as a heat map with a row for each label.

    Args:
        classification: A `Classification`; probabilities (N, L).

    Returns:
        As `ranking_heat`.
    """
    return _heat(np.asarray(classification.probabilities).T, classification.labels, classification.keys)


def unknown_note(words: Sequence[str] | None) -> str:
    """Name the words of a prompt that the model does not know.

    Args:
        words: The words, or None.

    Returns:
        A warning, or an empty text.

    Example:
        >>> unknown_note(["giraffe"])
        "the model does not know: 'giraffe'"
    """
    return "the model does not know: " + ", ".join(repr(word) for word in words) if words else ""


def _naming(clips: Any, key: str) -> dict[str, Any]:
    """Name a clip on its card."""
    clip = clips[key]
    return {"key": key, "title": key, "caption": clip.caption, "kind": clip.kind}


def _others(top: Sequence[tuple[str, float]]) -> str:
    """Name the labels after the first."""
    return " · ".join(f"{label} {_percent(share)}" for label, share in top[1:])


def _percent(share: float) -> str:
    """Write a share of 1 as per cent."""
    return f"{100 * share:.0f} %"


def _span(scores: Any) -> tuple[float, float]:
    """Find the lowest and highest score; never the same."""
    low, high = float(np.min(scores)), float(np.max(scores))
    return (low, high) if high > low else (low, low + 1.0)


def _heat(scores: np.ndarray, rows: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """Keep the columns with the highest scores when there are too many, in their order."""
    kept = np.arange(len(keys))
    if len(keys) > MAX_COLUMNS:
        kept = np.sort(np.argsort(-scores.max(axis=0), kind="stable")[:MAX_COLUMNS])
    return {
        "scores": np.round(scores[:, kept], 4).tolist(),
        "rows": list(rows),
        "columns": [keys[column] for column in kept],
        "left_out": len(keys) - len(kept),
    }

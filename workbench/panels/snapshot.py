"""A small static picture of the panel, for a saved notebook that is read without a kernel."""

import base64
from html import escape
from typing import Any

from workbench.controllers.compare import CompareController
from workbench.session import Session

__all__ = ["snapshot_html"]

MAX_BYTES = 140_000  # of pictures, as text in the notebook
MAX_PROMPTS = 20  # of one model; half as many of two
POSTER_SIDE = 88


def snapshot_html(session: Session, top_k: int = 4) -> str:
    """Draw the last ranking as a table with small pictures.

    Args:
        session: Whose ranking.
        top_k: Pictures a prompt.

    Returns:
        Self-contained HTML of at most about 150 kB; every name is escaped.
    """
    compare = CompareController.of(session)
    groups, models, clips = compare.groups, [name for name in compare.names() if name], session.clips
    settings = f"{' vs '.join(models) or 'no model'} · {len(clips)} clips"
    if not groups:
        return _frame(settings, "<p>Nothing is ranked yet.</p>")
    budget = [MAX_BYTES]
    rows = "".join(_row(group, clips, top_k, budget) for group in groups[:MAX_PROMPTS])
    more = len(groups) - MAX_PROMPTS
    tail = f"<p>and {more} more prompts</p>" if more > 0 else ""
    return _frame(settings, f"<table><tbody>{rows}</tbody></table>{tail}")


def _frame(settings: str, inner: str) -> str:
    """Put the title around."""
    hint = "The last state, as a picture. Run the cell for the live panel."
    title = f"<p><b>Embedding Workbench</b> {escape(settings)}<br><small>{hint}</small></p>"
    return f"<div class='wb-static'>{title}{inner}</div>"


def _row(group: dict[str, Any], clips: Any, top_k: int, budget: list[int]) -> str:
    """Draw one prompt and its best clips."""
    cells = "".join(_cell(card, clips, budget) for card in group["cards"][:top_k])
    lines = [group.get("subtitle", ""), group["note"]]
    notes = "".join(f"<br><small>{escape(line)}</small>" for line in lines if line)
    return f"<tr><th style='text-align:left'>{escape(group['title'])}{notes}</th>{cells}</tr>"


def _cell(card: dict[str, Any], clips: Any, budget: list[int]) -> str:
    """Draw one clip: picture, name, score."""
    change = f" {escape(card['change'])}" if card.get("change") else ""
    words = f"{escape(card['title'])}<br>{escape(card['score_text'])}{change}"
    still_there = card["key"] in clips  # drawn in a thread, while other clips may take their place
    picture = _picture(clips[card["key"]], budget) if still_there else ""
    return f"<td style='text-align:left;vertical-align:top'>{picture}<small>{words}</small></td>"


def _picture(clip: Any, budget: list[int]) -> str:
    """Draw a clip's poster while there is room for it."""
    try:
        data = base64.b64encode(clip.poster(max_side=POSTER_SIDE)).decode()
    except Exception:
        return ""
    budget[0] -= len(data)
    return (
        f"<img alt='' width='{POSTER_SIDE}' src='data:image/jpeg;base64,{data}'><br>" if budget[0] > 0 else ""
    )

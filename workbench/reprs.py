"""Results as static HTML for notebooks: inline styles in the theme's colours, every text escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.media.names import shortened
from workbench.wording import counted, duration_text

if TYPE_CHECKING:
    from workbench.analysis.results import Classification, Ranking
    from workbench.engine.embeddings import Embeddings
    from workbench.store.results import SearchResult

MOST_PROMPTS = 8  # a saved notebook stays small: each picture is about 4 kB
MOST_CARDS = 4
MOST_CLIPS = 12
MOST_LISTED = 50
POSTER_SIDE = 144

TEXT = "var(--jp-ui-font-color1, inherit)"
MUTED = "var(--jp-ui-font-color2, #767676)"
LINE = "var(--jp-border-color2, #8884)"
ACCENT = "var(--jp-brand-color1, #1976d2)"
WARN = "var(--jp-warn-color1, #e65100)"
_FONT = "font-family:var(--jp-ui-font-family, system-ui, sans-serif);font-size:13px"
_BOX = f"{_FONT};color:{TEXT};max-width:1100px"
_CARD = f"width:152px;border:1px solid {LINE};border-radius:6px;overflow:hidden;box-sizing:border-box"
_PICTURE = (
    "display:block;width:100%;height:100px;object-fit:contain;background:var(--jp-layout-color2, #8882)"
)
_NAME = "font-size:12px;line-height:1.3;min-height:2.6em;overflow-wrap:anywhere"
_GRID = "display:flex;flex-wrap:wrap;gap:8px;margin:6px 0 14px"
_FIGURES = "font-variant-numeric:tabular-nums"


def ranking_html(ranking: "Ranking") -> str:
    """Draw the best clips of each prompt as cards with picture, bar and score.

    Args:
        ranking: A ranking.

    Returns:
        HTML without scripts; at most 8 prompts with 4 clips each.
    """
    pictures = _Pictures(ranking.clips)
    low, high = (ranking.scores.min(), ranking.scores.max()) if ranking.scores.size else (0.0, 1.0)
    span = float(high - low) or 1.0
    parts = [
        _title(
            "Ranking",
            f"{counted(len(ranking.prompts), 'prompt')} x {counted(len(ranking.keys), 'clip')}",
            ranking.space,
        )
    ]
    if ranking.negatives:
        parts.append(_muted(f"minus the highest similarity with: {', '.join(ranking.negatives)}"))
    tops = ranking.top(MOST_CARDS)
    for prompt, best in list(zip(ranking.prompts, tops, strict=True))[:MOST_PROMPTS]:
        cards = (
            _card(pictures, key, f"{place}. ", [("", score, f"{score:.3f}", (score - low) / span)])
            for place, (key, score) in enumerate(best, start=1)
        )
        parts += [_heading(prompt, ranking.unknown_words.get(prompt, [])), _grid(cards)]
    parts += [_rest(len(ranking.prompts) - MOST_PROMPTS, "prompts"), _skipped(ranking.skipped)]
    return _box(parts)


def classification_html(result: "Classification") -> str:
    """Draw each clip with its most probable labels.

    Args:
        result: A classification.

    Returns:
        HTML without scripts; at most 12 clips with 3 labels each.
    """
    pictures = _Pictures(result.clips)
    parts = [
        _title(
            "Classification",
            f"{counted(len(result.keys), 'clip')} x {counted(len(result.labels), 'label')}",
            result.space,
        )
    ]
    parts += [_unknown(f"{label}: ", words) for label, words in result.unknown_words.items()]
    tops = result.top(3)
    cards = (
        _card(pictures, key, "", [(label, value, f"{value:.2f}", value) for label, value in best])
        for key, best in list(zip(result.keys, tops, strict=True))[:MOST_CLIPS]
    )
    parts += [_grid(cards), _rest(len(result.keys) - MOST_CLIPS, "clips"), _skipped(result.skipped)]
    return _box(parts)


def embeddings_html(embeddings: "Embeddings") -> str:
    """Draw what was embedded: size, space, time, the first clips, what was skipped.

    Args:
        embeddings: Embeddings.

    Returns:
        HTML without scripts; at most 12 clips.
    """
    pictures = _Pictures(embeddings.clips)
    size = f"{counted(len(embeddings), 'clip')} x {embeddings.dim} dims"
    parts = [_title("Embeddings", size, embeddings.space)]
    stats = embeddings.stats
    if stats.clips:
        parts.append(
            _muted(f"{duration_text(stats.seconds)}, {stats.rate:.1f} clips/s, {stats.frames:,} frames")
        )
    if embeddings.stopped:
        parts.append(_warning("Stopped early: run it again with the same store to go on."))
    cards = (_card(pictures, key, "", []) for key in embeddings.keys[:MOST_CLIPS])
    parts += [_grid(cards), _rest(len(embeddings) - MOST_CLIPS, "clips"), _skipped(embeddings.skipped)]
    parts.append(_folded("with a note", list(embeddings.notes.items())))
    return _box(parts)


def search_html(result: "SearchResult") -> str:
    """Draw the clips that a search found, best first, with picture, seconds and similarity.

    Args:
        result: What was found.

    Returns:
        HTML without scripts; at most 12 clips.
    """
    best = max((hit.score for hit in result), default=0.0)
    cards = (
        _card(
            _Pictures([clip] if (clip := hit.clip) is not None else []),
            hit.key,
            f"{place}. ",
            [(hit.span and f"{hit.span} s", hit.score, f"{hit.score:.3f}", hit.score / max(best, 1e-6))],
        )
        for place, hit in enumerate(result[:MOST_CLIPS], start=1)
    )
    parts = [_title("Search", result.caption, result.space), _grid(cards)]
    return _box([*parts, _rest(len(result) - MOST_CLIPS, "clips")])


class _Pictures:
    """Posters by key, as image tags."""

    def __init__(self, clips: Sequence[Any] | None) -> None:
        self._clips = {clip.key: clip for clip in clips or ()}

    def tag(self, key: str) -> str:
        """One poster, or an empty place that says why."""
        clip = self._clips.get(key)
        if clip is None:
            return ""
        try:
            data = base64.b64encode(clip.poster(POSTER_SIDE)).decode("ascii")
        except (WorkbenchError, OSError) as error:
            return f'<div style="{_PICTURE}" title="{escape(str(error))}"></div>'
        return f'<img alt="" style="{_PICTURE}" src="data:image/jpeg;base64,{data}">'


def _card(pictures: _Pictures, key: str, prefix: str, bars: Iterable[tuple[str, float, str, float]]) -> str:
    """One clip: picture, name, and a bar for each (label, value, text, share 0..1)."""
    drawn = "".join(_bar(label, text, share) for label, _, text, share in bars)
    name = escape(f"{prefix}{shortened(key, 36)}")
    full = escape(key)
    return (
        f'<div class="wb-card" style="{_CARD}">{pictures.tag(key)}<div style="padding:5px 7px 7px">'
        f'<div title="{full}" style="{_NAME}">{name}</div>{drawn}</div></div>'
    )


def _bar(label: str, text: str, share: float) -> str:
    """One labelled bar with its number."""
    percent = 100.0 * min(max(share, 0.0), 1.0)
    return (
        f'<div style="display:flex;justify-content:space-between;gap:6px;font-size:11px;color:{MUTED};'
        f'margin-top:3px"><span title="{escape(label)}">{escape(shortened(label, 18))}</span>'
        f'<span style="{_FIGURES}">{escape(text)}</span></div>'
        f'<div style="height:5px;border-radius:3px;background:{LINE}">'
        f'<div style="height:5px;border-radius:3px;background:{ACCENT};width:{percent:.1f}%"></div></div>'
    )


def _title(kind: str, size: str, space: Any) -> str:
    """The first line: what it is, how large, of which model."""
    where = " · ".join(filter(None, (space.model_id, space.revision[:12], space.sampling))) if space else ""
    return f"<div><b>{escape(kind)}</b> · {escape(size)}{_muted(where) if where else ''}</div>"


def _heading(prompt: str, unknown: Sequence[str]) -> str:
    """A prompt as a heading, with the words the model does not know."""
    title = f'<div style="font-weight:600;margin-top:8px;overflow-wrap:anywhere">{escape(prompt)}</div>'
    return title + (_unknown("", unknown) if unknown else "")


def _unknown(prefix: str, words: Sequence[str]) -> str:
    """The warning about unknown words."""
    return _warning(f"{prefix}the model does not know: {', '.join(map(repr, words))}")


def _warning(text: str) -> str:
    return f'<div style="color:{WARN};font-size:12px">{escape(text)}</div>'


def _muted(text: str) -> str:
    return f'<div style="color:{MUTED};font-size:12px;{_FIGURES};overflow-wrap:anywhere">{escape(text)}</div>'


def _grid(cards: Iterable[str]) -> str:
    return f'<div style="{_GRID}">{"".join(cards)}</div>'


def _rest(count: int, word: str) -> str:
    """How many are not shown."""
    return _muted(f"and {count:,} more {word}") if count > 0 else ""


def _skipped(skipped: Sequence[Any]) -> str:
    """What has no row."""
    return _folded("skipped", [(one.key, one.reason) for one in skipped])


def _folded(word: str, lines: Sequence[tuple[str, str]]) -> str:
    """A list of keys with what there is to say of each, folded away."""
    if not lines:
        return ""
    rows = "".join(
        f"<li><code>{escape(key)}</code>: {escape(text)}</li>" for key, text in lines[:MOST_LISTED]
    )
    rest = _rest(len(lines) - MOST_LISTED, word)
    return f"<details><summary>{len(lines):,} {escape(word)}</summary><ul>{rows}</ul>{rest}</details>"


def _box(parts: Iterable[str]) -> str:
    return f'<div class="wb-result" style="{_BOX}">{"".join(parts)}</div>'

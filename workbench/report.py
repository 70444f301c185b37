"""A ranking as one HTML file: cards whose clips play, a heat map, where it came from.

The file needs nothing beside it: pictures and clips are inside, so it can be mailed. Every name
and text in it is escaped.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.media.names import safe_text
from workbench.report_media import MAX_CLIPS, ReportMedia

if TYPE_CHECKING:
    from workbench.analysis.results import Ranking

PAGE = Path(__file__).parent / "report_page"
_HINT = "Point at a clip to play it, click to see it large. The bar compares scores within a prompt."
_DIALOG = """\
<dialog aria-label="Clip"><div class="stage"></div><div class="below">
<div><span class="caption"></span><span class="key"></span></div><button type="button">Close</button>
</div></dialog>"""
# The page fetches nothing, whatever a name in it says.
_POLICY = "default-src 'none'; img-src data:; media-src data:; " + "; ".join(
    f"{kind}-src 'unsafe-inline'" for kind in ("style", "script")
)


def report_html(
    ranking: "Ranking",
    *,
    top: int = 3,
    answers: Mapping[str, str] | None = None,
    skipped: Sequence[tuple[str, str]] = (),
    heading: str = "What the model found",
    command: str = "",
) -> str:
    """Build the page of a ranking.

    Args:
        ranking: The scores, with clips or with paths of files that are still there.
        top: Clips shown for each prompt.
        answers: The right clip's key for some prompts; marked on the page.
        skipped: What could not be read: name and reason.
        heading: Title of the page.
        command: The command that makes the page again.

    Returns:
        HTML in which every text is escaped.

    Example:
        >>> import numpy as np
        >>> from workbench import Ranking
        >>> page = report_html(Ranking(np.eye(2), ["<b>star</b>", "ring"], ["a.mp4", "b.mp4"]))
        >>> "<b>star" in page, "&lt;b&gt;star" in page
        (False, True)
    """
    answers = dict(answers or {})
    gallery = ReportMedia(ranking)
    best = ranking.top(top)
    sections = [
        _prompt_section(gallery, prompt, found, answers.get(prompt), ranking.unknown_words.get(prompt, []))
        for prompt, found in zip(ranking.prompts, best, strict=True)
    ]
    parts = [
        f"<h1>{_text(heading)}</h1>",
        f'<p class="lead">{_lead(ranking)}</p>',
        _tiles(ranking, best, answers),
        "<h2>Best clips for each prompt</h2>",
        f'<p class="hint">{_HINT}</p>',
        *sections,
        _heat_map(ranking),
        _skipped(skipped),
        _provenance(ranking, command),
        _DIALOG,
    ]
    return _document(
        heading, "\n".join(filter(None, parts)), gallery.data([key for found in best for key, _ in found])
    )


def _prompt_section(
    gallery: ReportMedia, prompt: str, best: list[tuple[str, float]], answer: str | None, unknown: list[str]
) -> str:
    """The best clips of one prompt."""
    right = bool(best) and best[0][0] == answer
    verdict = ""
    if answer is not None:
        word = "the right clip is first" if right else f"expected: {answer}"
        verdict = (
            f'<span class="verdict{"" if right else " miss"}">{"✓ " if right else ""}{_text(word)}</span>'
        )
    words = ", ".join(f"“{word}”" for word in unknown)
    warning = f'<span class="unknown">The model does not know {_text(words)}.</span>' if unknown else ""
    cards = "".join(
        _card(gallery, key, score, place, best, right=key == answer)
        for place, (key, score) in enumerate(best, start=1)
    )
    return (
        f'<section class="prompt"><header><h3>{_text(prompt)}</h3>{verdict}{warning}</header>'
        f'<div class="cards">{cards}</div></section>'
    )


def _card(
    gallery: ReportMedia, key: str, score: float, place: int, best: list[tuple[str, float]], *, right: bool
) -> str:
    """One clip with its picture, score and name."""
    poster, caption = gallery.poster(key), gallery.caption(key)
    picture = f'<img src="{poster}" alt="">' if poster else '<span class="none">no picture</span>'
    highest = max(score for _, score in best)
    share = max(0.0, score) / highest if highest > 0 else 0.0
    bar = f'<span class="bar"><i style="width:{share:.1%}"></i></span>'
    parts = [
        f'<button type="button" class="card{" right" if right else ""}" data-clip="{gallery.place(key)}"',
        f' data-key="{_text(key)}" data-score="{score:.6f}" aria-label="{place}: {_text(caption or key)}">',
        f'<span class="screen">{picture}<span class="rank">{place}</span></span>',
        f'<span class="facts"><span class="score"><span>{score:.3f}</span>{bar}</span>',
        f'<span class="caption">{_text(caption)}</span>' if caption else "",
        f'<span class="key">{_text(key)}</span></span></button>',
    ]
    return "".join(parts)


def _lead(ranking: "Ranking") -> str:
    """Say in a sentence what was asked of which model."""
    model = f"<code>{_text(ranking.space.model_id)}</code>" if ranking.space else "A model"
    return (
        f"{model} looked at every clip and read every prompt. A score is the cosine between the vector "
        "of a clip and the vector of a prompt: higher fits better."
    )


def _tiles(ranking: "Ranking", best: list[list[tuple[str, float]]], answers: Mapping[str, str]) -> str:
    """The figures that one wants to see first."""
    figures = [("", f"{len(ranking.keys):,}", "clips"), ("", f"{len(ranking.prompts):,}", "prompts")]
    asked = [
        (prompt, found) for prompt, found in zip(ranking.prompts, best, strict=True) if prompt in answers
    ]
    if asked:
        right = sum(bool(found) and found[0][0] == answers[prompt] for prompt, found in asked)
        style = "good" if right == len(asked) else ""
        figures.append((style, f"{right} of {len(asked)}", "prompts with the right clip first"))
    items = "".join(
        f'<li class="{style}"><b>{value}</b><span>{name}</span></li>' for style, value, name in figures
    )
    return f'<ul class="tiles">{items}</ul>'


def _heat_map(ranking: "Ranking") -> str:
    """Every score as a colour, prompts by clips."""
    keys = ranking.keys[:MAX_CLIPS]
    scores = ranking.scores[:, : len(keys)]
    low, high = float(scores.min()), float(scores.max())
    head = "".join(f'<th scope="col" title="{_text(key)}"><span>{_text(key)}</span></th>' for key in keys)
    rows = "".join(_heat_row(ranking, row, low, (high - low) or 1.0) for row in range(len(ranking.prompts)))
    more = f" The first {len(keys)} of {len(ranking.keys):,} clips." if len(keys) < len(ranking.keys) else ""
    hint = f"A framed cell is the best clip of its prompt; click a cell to see the clip.{more}"
    legend = f'<div class="legend"><span>{low:.2f}</span><i></i><span>{high:.2f}</span></div>'
    return (
        f'<h2>Every score</h2><p class="hint">{hint}</p><div class="heat"><table><thead><tr><td></td>{head}'
        f"</tr></thead><tbody>{rows}</tbody></table>{legend}</div>"
    )


def _heat_row(ranking: "Ranking", row: int, low: float, spread: float) -> str:
    """The scores of one prompt."""
    prompt, best = ranking.prompts[row], ranking.order[row, 0]
    cells = []
    for column, key in enumerate(ranking.keys[:MAX_CLIPS]):
        score = float(ranking.scores[row, column])
        told = _text(f"{prompt} | {key} | {score:.3f}")
        cells.append(
            f'<td><button type="button" tabindex="-1" data-clip="{column}"'
            f"{' class=best' if column == best else ''} "
            f'style="--share:{(score - low) / spread:.0%}" title="{told}">'
            "</button></td>"
        )
    return f'<tr><th scope="row" title="{_text(prompt)}">{_text(prompt)}</th>{"".join(cells)}</tr>'


def _skipped(skipped: Sequence[tuple[str, str]]) -> str:
    """List what could not be read."""
    if not skipped:
        return ""
    items = "".join(f"<li><code>{_text(name)}</code>: {_text(reason)}</li>" for name, reason in skipped)
    return f"<details open><summary>{len(skipped):,} could not be read</summary><ul>{items}</ul></details>"


def _provenance(ranking: "Ranking", command: str) -> str:
    """Say what the numbers come from, so that somebody can get them again."""
    from importlib.metadata import version

    facts = [f"embedding-workbench {version('embedding-workbench')}"]
    if ranking.space is not None:
        names = ("model_id", "revision", "preprocessing", "sampling")
        facts += [
            f"{name.removesuffix('_id')} {value}" for name in names if (value := getattr(ranking.space, name))
        ]
    if ranking.templates:
        facts.append(f"templates {', '.join(ranking.templates)}")
    if ranking.negatives:
        facts.append(f"negatives {', '.join(ranking.negatives)}")
    facts.append(f"torch {version('torch')}")
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    again = f"<p>Made again by <code>{_text(command)}</code></p>" if command else ""
    return f"<footer><p>{_text(' · '.join(facts))}</p>{again}<p>Made on {_text(made)}</p></footer>"


def _document(title: str, body: str, data: str) -> str:
    """Put the parts into one file; its policy lets nothing be fetched."""
    css, js = ((PAGE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)}</title>
<style>
{css}</style>
</head>
<body>
<main>
{body}
</main>
<script type="application/json" id="clips">{data}</script>
<script>
{js}</script>
</body>
</html>
"""


def _text(value: str) -> str:
    """Escape a text for HTML; control characters become visible."""
    return escape(safe_text(value))

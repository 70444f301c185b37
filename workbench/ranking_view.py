"""A ranking for people and programs: a table, plain data, a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.terminal import Terminal

if TYPE_CHECKING:
    from workbench.analysis.results import Ranking

Reason = tuple[str, str]  # what could not be read, and why


def show_ranking(
    terminal: Terminal, ranking: "Ranking", top: int, answers: dict[str, str] | None = None
) -> None:
    """Print the best clips of each prompt; a tick marks the right answer where it is known."""
    answers = answers or {}
    rows = []
    for prompt, best in zip(ranking.prompts, ranking.top(top), strict=True):
        for place, (key, score) in enumerate(best, start=1):
            right = answers.get(prompt) == key
            rows.append(
                [
                    (prompt, "bold"),
                    str(place),
                    f"{score:.3f}",
                    (key, "green" if right else ""),
                    ("right" if right else "", "green"),
                ]
            )
    headers = ["prompt", "rank>", "score>", "clip", "check"]
    if not answers:
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    terminal.table(headers, rows, grouped=True)
    for text, words in ranking.unknown_words.items():
        known = ", ".join(repr(word) for word in words)
        terminal.warn(f"The model does not know: {known} (in {text!r}). Its ranking ignores these words.")


def ranking_document(ranking: "Ranking", top: int, skipped: Sequence[Reason]) -> dict[str, Any]:
    """The ranking as plain data."""
    paths = dict(zip(ranking.keys, ranking.paths, strict=True))
    return {
        "model": ranking.space.model_id if ranking.space else "",
        "revision": ranking.space.revision if ranking.space else "",
        "clips": len(ranking.keys),
        "prompts": [
            {
                "prompt": prompt,
                "unknown_words": ranking.unknown_words.get(prompt, []),
                "top": [
                    {"rank": place, "key": key, "path": paths[key], "score": round(score, 6)}
                    for place, (key, score) in enumerate(best, start=1)
                ],
            }
            for prompt, best in zip(ranking.prompts, ranking.top(top), strict=True)
        ],
        "skipped": skipped_records(skipped),
    }


def write_ranking(path: Path, ranking: "Ranking", top: int, skipped: Sequence[Reason]) -> None:
    """Write every score as CSV, the best clips as JSON, or a page with clips that play."""
    from workbench.files import write_atomically
    from workbench.report import report_html

    ending = path.suffix.lower()
    if ending == ".csv":
        write_atomically(path, ranking.to_frame().to_csv(index=False))
    elif ending == ".json":
        document = ranking_document(ranking, top, skipped)
        write_atomically(path, json.dumps(document, indent=2) + "\n")
    else:
        write_atomically(path, report_html(ranking, top=top, skipped=skipped))


def skipped_records(skipped: "Sequence[Reason]") -> list[dict[str, str]]:
    """What could not be read, as plain data."""
    return [{"path": name, "reason": reason} for name, reason in skipped]

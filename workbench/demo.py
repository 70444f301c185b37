"""`workbench demo`: the main job without a browser, on what comes with the project."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InvalidParameterError, WorkbenchError
from workbench.ranking_view import ranking_document, show_ranking
from workbench.terminal import Terminal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP = 3


def run_demo(terminal: Terminal, out: Path, *, model_id: str) -> None:
    """Rank the bundled clips for the bundled prompts; print the table, write a picture and a page.

    Args:
        terminal: Where to print.
        out: Folder for ``heatmap.png`` and ``index.html``; made when missing.
        model_id: The model to use.

    Raises:
        WorkbenchError: If a bundled clip could not be embedded, or nothing could be written.
    """
    from models import AutoModel
    from workbench import embed, rank, sample_answers, sample_clips, sample_prompts
    from workbench.files import write_atomically
    from workbench.report import report_html

    _make_folder(out)
    clips, prompts, answers = sample_clips(), sample_prompts(), sample_answers()
    terminal.note(f"{len(clips)} bundled clips, {len(prompts)} prompts, model {model_id}")
    model = AutoModel.from_pretrained(model_id)
    vectors = embed(model, clips)
    problems = [(error.path, error.reason) for error in clips.errors]
    problems += [(one.key, one.reason) for one in vectors.skipped]
    if problems:
        terminal.skipped(problems)
        raise WorkbenchError(
            f"{len(problems)} bundled clips could not be read.",
            next_step="`workbench doctor` checks the installation.",
        )
    ranking = rank(model, vectors, prompts)
    show_ranking(terminal, ranking, TOP, answers)
    right = sum(best[0][0] == answers[prompt] for prompt, best in zip(prompts, ranking.top(1), strict=True))
    terminal.say(f"\nThe right clip is first for {right} of {len(prompts)} prompts.", style="bold")
    write_atomically(out / "heatmap.png", _png(ranking.heatmap()))
    command = f"workbench demo --out {out}"
    write_atomically(out / "index.html", report_html(ranking, top=TOP, answers=answers, command=command))
    terminal.say(f"Heat map: {out / 'heatmap.png'}")
    terminal.say(f"Page with clips that play: {out / 'index.html'}")
    document = ranking_document(ranking, TOP, [])
    files = {"heatmap": str(out / "heatmap.png"), "page": str(out / "index.html")}
    terminal.json(document | {"right_first": right, "files": files})


def _make_folder(out: Path) -> None:
    """Make the output folder before any work is done."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidParameterError(
            f"The folder {out} cannot be made: {error.strerror}.", next_step="Choose another one with --out."
        ) from error


def _png(figure: "Figure") -> bytes:
    """Draw a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return buffer.getvalue()

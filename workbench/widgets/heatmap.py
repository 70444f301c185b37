"""Scores of prompts (rows) for clips (columns) as colours; a click selects."""

from typing import Any

import anywidget
from traitlets import Float, Int, List, TraitError, Unicode, validate

from workbench.widgets.assets import script, style
from workbench.widgets.finite import finite

DECIMALS = 6


class Heatmap(anywidget.AnyWidget):
    """A heat map with one row for each prompt and one column for each clip.

    The best clip of each row has a dot; the selected clip's column is framed. Pointing at a cell
    says row, clip and score; a click or the arrow keys select. Readers of a screen hear the same.

    Args:
        kwargs: Traits.

    ``scores[i][j]`` belongs to ``rows[i]`` and ``columns[j]``; None (or NaN) is a hole.

    Example:
        >>> heatmap = Heatmap()
        >>> heatmap.show([[0.31, 0.12], [0.08, 0.27]], rows=["a ball", "a star"], columns=["1.mp4", "2.mp4"])
        >>> heatmap.selection = "2.mp4"
        >>> heatmap.scores[1][1]
        0.27
    """

    _esm = script("heatmap_colors.js", "heatmap.js")
    _css = style("heatmap.css")

    scores = List(help="One list of numbers for each row; None is a hole.").tag(sync=True, echo_update=False)
    rows = List(Unicode(), help="Prompts.").tag(sync=True, echo_update=False)
    columns = List(Unicode(), help="Keys of the clips.").tag(sync=True, echo_update=False)
    selection = Unicode("", help="Key of the selected clip, or empty.").tag(sync=True)
    selected_row = Int(-1, help="Row of the selected cell, or -1.").tag(sync=True)
    low = Float(None, allow_none=True, help="Score of the darkest colour; None: smallest.").tag(sync=True)
    high = Float(None, allow_none=True, help="Score of the lightest colour; None: largest.").tag(sync=True)
    empty_text = Unicode("Rank some prompts to see their scores here.", help="What to do.").tag(sync=True)

    def show(self, scores: Any, *, rows: list[str], columns: list[str]) -> None:
        """Show new scores: all traits reach the front end as one update.

        Args:
            scores: (P, N) numbers: nested lists or an array.
            rows: P prompts.
            columns: N clip keys.

        Raises:
            TraitError: If the shape of the scores is not (P, N).
        """
        table = [list(row) for row in scores]
        if len(table) != len(rows) or any(len(row) != len(columns) for row in table):
            got = f"{len(table)} x {sorted({len(row) for row in table})}"
            raise TraitError(f"Scores must be {len(rows)} rows x {len(columns)} columns; got {got}.")
        with self.hold_sync():
            self.rows, self.columns, self.scores = list(rows), list(columns), table
            if self.selected_row >= len(rows):
                self.selected_row = -1

    @validate("scores")
    def _check_scores(self, proposal: Any) -> list[list[float | None]]:
        """Make plain rounded numbers of the scores; NaN becomes a hole."""
        return [[_rounded(value) for value in row] for row in proposal.value]


def _rounded(value: Any) -> float | None:
    """Return a finite number with as many decimals as the eye can use, else None."""
    number = finite(value)
    return None if number is None else round(number, DECIMALS)

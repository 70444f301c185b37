"""Arrays in, matplotlib figures out. No pyplot: figures belong to whoever asked for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.ranking import check_rows
from workbench.errors import InvalidParameterError
from workbench.media.names import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "viridis"  # even steps for the eye, also in grey print and for most colour-blind readers
CELL_IN = 0.42  # side of a cell, in inches
MOST_IN = 22.0  # longest side of the drawing, in inches
LABEL_CHARS = 40
SQUARE_UP_TO = 40  # rows and columns up to which cells are square and hold their numbers
MOST_LABELS = 80  # more than these cannot be read beside each other
INK, GREY, MARK = "#1f2430", "#666b76", "#ff4d6d"


def heatmap(
    scores: np.ndarray,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    value_label: str = "cosine similarity",
    title: str = "",
) -> "Figure":
    """Draw a matrix of scores; a frame marks the best column of each row.

    Cells hold their numbers while there are few columns; with many, some column labels are left out.

    Args:
        scores: (P, N), finite.
        row_labels: P texts; long ones are cut in the middle.
        column_labels: N texts.
        value_label: What a score is, for the colour scale.
        title: Text above; "" for none.

    Returns:
        A figure; a notebook shows it, ``figure.savefig(path)`` writes it.

    Raises:
        InvalidParameterError: If there is nothing to draw, or labels and scores do not fit.

    Example:
        >>> figure = heatmap(np.array([[0.1, 0.9]]), ["red star"], ["a.mp4", "b.mp4"])
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['red star']
    """
    scores = check_rows("The scores", scores).astype(float)
    if scores.size == 0 or scores.shape != (len(row_labels), len(column_labels)):
        raise InvalidParameterError(
            f"A heat map of {len(row_labels)} rows and {len(column_labels)} columns needs scores of that "
            f"shape and at least one cell; {list(scores.shape)} came."
        )
    figure, axes = _canvas(scores.shape, row_labels, column_labels)
    low, high = float(scores.min()), float(scores.max())
    limits = (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)
    small = max(scores.shape) <= SQUARE_UP_TO
    aspect = "equal" if small else "auto"
    image = axes.imshow(scores, cmap=COLOURS, aspect=aspect, interpolation="nearest", clim=limits)
    _label_axes(axes, row_labels, column_labels)
    _mark_best(axes, scores)
    if small:
        _write_numbers(axes, scores, limits)
    bar = figure.colorbar(
        image,
        ax=axes,
        shrink=0.9,
        aspect=24 if len(row_labels) > 4 else 12,
        pad=max(0.015, 0.12 / len(column_labels)),
    )
    bar.ax.tick_params(labelsize=8, length=0, labelcolor=GREY)
    bar.outline.set_visible(False)
    note = f"{value_label}, best of each row framed"
    figure.suptitle(f"{title}\n{note}" if title else note, fontsize=9, color=GREY, x=0.01, ha="left")
    return figure


def _canvas(
    shape: tuple[int, int], row_labels: Sequence[str], column_labels: Sequence[str]
) -> "tuple[Figure, Axes]":
    """Make a figure large enough for cells and labels."""
    from matplotlib.figure import Figure

    rows, columns = shape
    row_text = max(len(shortened(label, LABEL_CHARS)) for label in row_labels) * 0.08
    column_text = max(len(shortened(label, LABEL_CHARS)) for label in column_labels) * 0.05
    width = min(MOST_IN, max(4.0, columns * CELL_IN + row_text + 1.2))
    height = min(MOST_IN, max(0.8, rows * CELL_IN) + column_text + 0.6)
    figure = Figure(figsize=(width, height), dpi=110, layout="compressed", facecolor="white")
    return figure, figure.subplots()


def _label_axes(axes: "Axes", row_labels: Sequence[str], column_labels: Sequence[str]) -> None:
    """Write as many labels as can be read; draw thin gaps between cells."""
    columns = range(0, len(column_labels), -(-len(column_labels) // MOST_LABELS))
    axes.set_xticks(list(columns), [shortened(column_labels[i], LABEL_CHARS) for i in columns], rotation=90)
    if len(column_labels) <= SQUARE_UP_TO:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    rows = range(0, len(row_labels), -(-len(row_labels) // MOST_LABELS))
    axes.set_yticks(list(rows), [shortened(row_labels[i], LABEL_CHARS) for i in rows])
    axes.tick_params(axis="x", labelsize=8, length=0, pad=3, labelcolor=INK)
    axes.tick_params(axis="y", labelsize=9, length=0, pad=4, labelcolor=INK)
    axes.spines[:].set_visible(False)
    gap = 1.5 if len(column_labels) <= SQUARE_UP_TO else 0.0
    axes.hlines(np.arange(len(row_labels) - 1) + 0.5, -0.5, len(column_labels) - 0.5, "white", linewidth=1.5)
    axes.vlines(np.arange(len(column_labels) - 1) + 0.5, -0.5, len(row_labels) - 0.5, "white", linewidth=gap)


def _mark_best(axes: "Axes", scores: np.ndarray) -> None:
    """Frame the highest score of each row, the first of equal ones."""
    from matplotlib.patches import Rectangle

    for row, column in enumerate(scores.argmax(axis=1)):
        frame = Rectangle(
            (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=MARK, linewidth=2.2, zorder=3
        )
        frame.set_clip_on(False)
        axes.add_patch(frame)


def _write_numbers(axes: "Axes", scores: np.ndarray, limits: tuple[float, float]) -> None:
    """Write each score into its cell, light on dark and dark on light."""
    middle = (limits[0] + limits[1]) / 2
    for (row, column), score in np.ndenumerate(scores):
        colour = INK if score > middle else "#ffffff"
        text = (
            f"{score + 0.0:.2f}".replace("-0.00", "0.00").replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")
        )
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)

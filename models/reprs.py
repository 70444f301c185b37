"""Small HTML tables for notebooks; every text in them is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def html_table(rows: Iterable[Sequence[Any]], *, headers: Sequence[str] = (), caption: str = "") -> str:
    """Build a table of escaped texts.

    Args:
        rows: The cells of each row, anything with a ``str``.
        headers: Titles of the columns; without them the first cell of each row is its title.
        caption: Line above the table.

    Returns:
        HTML that takes its colours from the page around it.

    Example:
        >>> "&lt;b&gt;" in html_table([["name", "<b>"]])
        True
    """
    title = f"<caption style='text-align:left;font-weight:600'>{escape(caption)}</caption>" if caption else ""
    head = "".join(_cell("th", header) for header in headers)
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    first = "td" if headers else "th"
    body = "".join(
        "<tr>" + _cell(first, row[0]) + "".join(_cell("td", cell) for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f"<table>{title}{head}<tbody>{body}</tbody></table>"


def text_table(rows: Iterable[Sequence[Any]]) -> str:
    """Align rows of texts in columns, for terminals.

    Args:
        rows: The cells of each row.

    Returns:
        One line per row, without trailing spaces.

    Example:
        >>> print(text_table([["id", "a"], ["architecture", "b"]]))
        id            a
        architecture  b
    """
    table = [[str(cell) for cell in row] for row in rows]
    columns = range(max(map(len, table), default=0))
    widths = [max(len(row[i]) for row in table if i < len(row)) for i in columns]
    return "\n".join("  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in table)


def readable_size(num_bytes: int) -> str:
    """Say a number of bytes in the unit people use.

    Args:
        num_bytes: How many; 0 means unknown.

    Returns:
        For example "4.2 MB", or "size unknown".

    Example:
        >>> readable_size(4_200_000)
        '4.2 MB'
    """
    if num_bytes <= 0:
        return "size unknown"
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


def _cell(tag: str, value: Any) -> str:
    """One cell; texts read from the left and keep their line breaks."""
    return f"<{tag} style='text-align:left;white-space:pre-line'>{escape(str(value))}</{tag}>"

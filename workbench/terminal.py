"""What the command line shows: results on stdout, everything else on stderr, every name made safe.

On a terminal tables are drawn; in a pipe the same rows come as plain aligned columns, so that
``workbench rank ... | grep star`` does what one expects.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.reprs import text_table
from workbench.media.names import safe_text

Cell = str | tuple[str, str]


class Terminal:
    """The two streams of one command.

    Args:
        as_json: Put one JSON document on stdout and nothing else.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    @property
    def errors(self) -> Console:
        """The console of stderr, for progress bars."""
        return self._err

    def say(self, text: str = "", style: str = "") -> None:
        """Print one line of the result; left out where JSON was asked for."""
        if not self.as_json:
            self._out.print(Text(_lines(text), style=style))

    def note(self, text: str, style: str = "dim") -> None:
        """Tell what goes on, on stderr."""
        self._err.print(Text(_lines(text), style=style))

    def warn(self, text: str) -> None:
        """Tell what the user should look at, on stderr."""
        self.note(text, style="yellow")

    def table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        *,
        title: str = "",
        grouped: bool = False,
    ) -> None:
        """Print rows of texts; a cell can be (text, style).

        Args:
            headers: Titles of the columns; one that ends in ">" is aligned to the right.
            rows: One cell per column.
            title: Line above the table, on a terminal only.
            grouped: Whether rows with the same first cell belong together; on a terminal it is
                shown once, in a pipe each line stands alone.
        """
        if self.as_json:
            return
        cells = [[(cell, "") if isinstance(cell, str) else cell for cell in row] for row in rows]
        if self._out.is_terminal:
            self._out.print(_drawn(headers, cells, title, grouped=grouped), soft_wrap=False)
            return
        names = [header.removesuffix(">") for header in headers]
        self._plain(text_table([names, *([safe_text(text) for text, _ in row] for row in cells)]))

    def json(self, document: Any) -> None:
        """Print the result for programs, where it was asked for."""
        if self.as_json:
            self._plain(json.dumps(document, indent=2, default=str))

    def error(self, message: str, next_step: str = "") -> None:
        """Say what went wrong and what to do about it."""
        self.note(f"Error: {message}", style="bold red")
        if next_step:
            self.note(f"Next: {next_step}", style="")
        self.json({"error": {"message": message, "next_step": next_step}})

    def skipped(self, items: Sequence[tuple[str, str]]) -> None:
        """List on stderr what could not be read, each with its reason."""
        if not items:
            return
        self.warn(f"{len(items):,} could not be read:")
        for name, reason in items:
            self.note(f"  {safe_text(name)}: {reason}")

    @staticmethod
    def _plain(text: str) -> None:
        """Write text as it is; no markup, no wrapping."""
        sys.stdout.write(f"{text}\n")


def _lines(text: str) -> str:
    """Make each line of a text safe for a terminal."""
    return "\n".join(safe_text(line) for line in text.split("\n"))


def _drawn(headers: Sequence[str], rows: list[list[tuple[str, str]]], title: str, *, grouped: bool) -> Table:
    """Draw a table; texts are data, so no markup is read in them."""
    table = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    for header in headers:
        right = header.endswith(">")
        table.add_column(
            header.removesuffix(">"), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    group = None
    for row in rows:
        again = grouped and row[0][0] == group
        if grouped and not again and group is not None:
            table.add_section()
        group = row[0][0]
        cells = [("", ""), *row[1:]] if again else row
        table.add_row(*(Text(safe_text(text), style=style) for text, style in cells))
    return table

"""An index of a space, when one is asked for: faster at many millions of rows; what it misses is known."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.json_text import read_json
from workbench.analysis.nearest import nearest
from workbench.errors import InvalidParameterError, StoreError
from workbench.files import write_atomically

if TYPE_CHECKING:
    from workbench.store.snapshot import Snapshot
    from workbench.store.tables import Table

__all__ = ["LEAST_ROWS", "IndexReport", "build", "read_report"]

LEAST_ROWS = 1000  # below, an index cannot be trained well, and exact search takes less than a millisecond
WANTED_RECALL = 0.98
_TOP, _QUERIES = 10, 100
_BUILD_AGAIN = "Build it again: store.build_index(), or `workbench store index`."


@dataclass(frozen=True)
class IndexReport:
    """What an index is, and how much of the exact answer it finds.

    Args:
        kind: Its kind: "IVF_FLAT", cells of whole vectors.
        rows: Vectors in it.
        nprobes: Cells that are looked at for a query.
        recall: Share of the exact nearest 10 that it found, over ``queries`` rows of the space.
        queries: How many rows were asked for.
        seconds: What building took.
        state: The state of the table that it was built over.

    Example:
        >>> print(IndexReport("IVF_FLAT", 20_000, 32, 0.987, 100, 0.5))
        IVF_FLAT over 20,000 vectors: finds 98.7 % of the nearest 10 (100 queries), built in 0.5 s
    """

    kind: str
    rows: int
    nprobes: int
    recall: float
    queries: int
    seconds: float
    state: str = ""

    def __str__(self) -> str:
        return (
            f"{self.kind} over {self.rows:,} vectors: finds {self.recall:.1%} of the nearest {_TOP} "
            f"({self.queries} queries), built in {self.seconds:.1f} s"
        ).replace("%", " %")


def build(table: "Table", snapshot: "Snapshot", target: Path, state: Callable[[], str]) -> IndexReport:
    """Build the index of a table, look at as many cells as the wanted recall needs, and write the report.

    Args:
        table: The table.
        snapshot: The same rows, for the exact answer.
        target: File of the report.
        state: Names the state of the table.

    Returns:
        The report.

    Raises:
        InvalidParameterError: If the table has too few rows.
    """
    rows = len(snapshot.vectors)
    if rows < LEAST_ROWS:
        raise InvalidParameterError(
            f"An index needs at least {LEAST_ROWS:,} vectors; there are {rows:,}.",
            next_step="Search without one: it is exact and instant at that size.",
        )
    began = time.perf_counter()
    table.build_index()
    seconds = time.perf_counter() - began
    asked = np.random.default_rng(0).choice(rows, min(_QUERIES, rows), replace=False)
    queries = np.ascontiguousarray(snapshot.vectors[np.sort(asked)])
    ids = snapshot.rows["id"]
    exact = [set(ids.take(places).to_pylist()) for places in nearest(snapshot.vectors, queries, _TOP)[1]]
    nprobes, recall = 8, 0.0
    while True:
        recall = _recall(queries, exact, lambda query, cells=nprobes: table.near(query, _TOP, cells))
        if recall >= WANTED_RECALL or nprobes >= 512:
            break
        nprobes *= 2
    report = IndexReport("IVF_FLAT", rows, nprobes, recall, len(queries), seconds, state())
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, json.dumps(asdict(report)))
    return report


def read_report(target: Path, rows: int, state: str) -> IndexReport:
    """Read the report of an index that is there and whole.

    Args:
        target: File of the report.
        rows: Rows of the table now.
        state: State of the table now.

    Returns:
        The report.

    Raises:
        StoreError: If there is no index, or the table was changed since.
    """
    if not target.is_file():
        raise StoreError(
            "This embedding space has no index.",
            next_step="store.build_index() or `workbench store index` makes one; without, a search is exact.",
        )
    try:
        report = IndexReport(**read_json(target))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"The report of the index, {target}, cannot be read: {error}.", next_step=_BUILD_AGAIN
        ) from error
    if (report.rows, report.state) != (rows, state):
        what = f"there are {rows:,} now" if report.rows != rows else "they were written or tidied since"
        raise StoreError(
            f"The index was built over {report.rows:,} vectors; {what}.",
            next_step=_BUILD_AGAIN,
        )
    return report


def _recall(
    queries: np.ndarray, exact: list[set[str]], near: Callable[[np.ndarray], list[tuple[str, float]]]
) -> float:
    """Share of the exact answers that were found."""
    found = [{name for name, _ in near(query)} for query in queries]
    shares = [len(mine & theirs) / len(theirs) for mine, theirs in zip(found, exact, strict=True)]
    return float(np.mean(shares))

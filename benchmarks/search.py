"""Exact search for the nearest 10: ours beside NumPy by hand and faiss, and what it takes of memory.

    python -m benchmarks.search [--repeats 7]

All sides in turns; medians of the ratios, with the range. Exit code 1 when one query takes more than 1.1
times NumPy, 64 queries over 1,000,000 rows more than 0.3 of faiss, searching a store needs more than 256 MiB
beside the vectors, or imports torch or a database.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from workbench.analysis.nearest import BLOCK_ROWS, nearest

DIM, TOP = 512, 10
MEMORY = """
import sys, threading, time
from workbench.store import EmbeddingStore

def own_mib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

def watch():
    while not done:
        peak[0] = max(peak[0], own_mib())
        time.sleep(0.002)

store = EmbeddingStore(sys.argv[1])
space = store.spaces()[0]
query = store.snapshot(space).vectors[7].copy()
done, peak, before = [], [0], own_mib()
threading.Thread(target=watch, daemon=True).start()
waste = bytearray(int(sys.argv[2]) << 20)
for options in ({}, {"where": "kind == 'video'"}, {"by_video": True}):
    peak[0] = 0
    store.search(vector=query, space=space, **options)
    time.sleep(0.05)
    print(options or "plain", round(peak[0] - before))
print(*sorted({"torch", "lancedb"} & set(sys.modules)))
"""


def main() -> int:
    """Measure everything, and hold it to its limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    if not find_spec("faiss"):
        print("faiss is not installed: not compared")
    good = [one for count in (100_000, 1_000_000) for one in compared(count, repeats)]
    good.append(memory(1_000_000))
    return 0 if all(good) else 1


def compared(count: int, repeats: int) -> list[bool]:
    """One query and 64 against all sides."""
    matrix = unit_rows(count)
    good = []
    index = flat_index(matrix) if find_spec("faiss") else None
    for queries, by_hand, most_numpy, most_faiss in (
        (matrix[7:8], plain_top, 1.1, 1.0),
        (matrix[:64], plain_blocks, 1.1, 0.3 if count == 1_000_000 else 1.0),
    ):
        ours = partial(nearest, matrix, queries, TOP)
        others: dict[str, Callable[[], Any]] = {"NumPy": partial(by_hand, matrix, queries)}
        if index is not None:
            others["faiss"] = partial(index.search, queries, TOP)
        # In pairs: whoever runs behind a library with threads of its own finds the processors still busy.
        pairs = {name: interleaved({"ours": ours, name: other}, repeats) for name, other in others.items()}
        seconds = pairs["NumPy"]
        took_ms = statistics.median(seconds["ours"]) * 1e3
        print(f"{count:>9,} x {DIM}, {len(queries):2} queries: {took_ms:6.1f} ms", end="")
        for side, most in (("NumPy", most_numpy), ("faiss", most_faiss)):
            if side in pairs:
                good.append(ratio(pairs[side]["ours"], pairs[side][side], side, most))
        print()
    return good


def ratio(ours: list[float], theirs: list[float], side: str, most: float) -> bool:
    """Print a ratio with its range; whether it is within its limit."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    found = statistics.median(ratios)
    print(f"; {found:.2f} of {side} ({min(ratios):.2f} to {max(ratios):.2f}, at most {most})", end="")
    return found <= most


def memory(count: int) -> bool:
    """Search a store of many rows in a process of its own; whether that stays small.

    Counted is what the process has for itself: the vectors are a file that the system keeps in memory. A
    process that wastes 512 MiB on purpose shows that the measure would see it.
    """
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "store", count)
        added, imported = searched(Path(folder) / "store", 0)
        wasted, _ = searched(Path(folder) / "store", 512)
    print(f"added memory at {count:,} rows, MiB: {'; '.join(added)} (at most 256)")
    print(f"imported to search: {imported or 'neither torch nor a database'}")
    most, seen = (max(int(line.rpartition(" ")[2]) for line in lines) for lines in (added, wasted))
    if seen < 512:
        print(f"the measure is wrong: it saw {seen} of 512 MiB that were wasted")
    return most <= 256 <= seen and not imported


def searched(store: Path, waste_mib: int) -> tuple[list[str], str]:
    """Search a store in a process of its own: memory of each way of searching, and what was imported."""
    words = [sys.executable, "-c", MEMORY, str(store), str(waste_mib)]
    *added, imported = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")[
        :-1
    ]
    return added, imported


def fill(path: Path, count: int) -> None:
    """Write rows into a store, and make it ready to be read."""
    from models.vectors import EmbeddingSpace
    from workbench.store import EmbeddingStore

    space, store = EmbeddingSpace("benchmark", "1"), EmbeddingStore(path)
    matrix = unit_rows(count)
    for start in range(0, count, 100_000):
        ids = [f"clip-{number}" for number in range(start, start + 100_000)]
        store.put(space, ids, matrix[start : start + 100_000])
    store.settle(space)


def flat_index(matrix: np.ndarray) -> Any:
    """The exact index of faiss."""
    import faiss

    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    return index


def plain_top(matrix: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """One query as one would write it by hand."""
    scores = matrix @ queries[0]
    best = np.argpartition(scores, -TOP)[-TOP:]
    return best[np.argsort(-scores[best])]


def plain_blocks(matrix: np.ndarray, queries: np.ndarray) -> list[np.ndarray]:
    """Several queries by hand, block by block."""
    return [
        np.argpartition(queries @ matrix[start : start + BLOCK_ROWS].T, -TOP, axis=1)[:, -TOP:]
        for start in range(0, len(matrix), BLOCK_ROWS)
    ]


def interleaved(sides: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each side in every round, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(repeats + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def unit_rows(count: int) -> np.ndarray:
    """Random unit rows: float32 (count, 512)."""
    rows = np.random.default_rng(0).standard_normal((count, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())

"""How fast is the embedding store: writing, and a second run over unchanged clips?

    python -m benchmarks.store [--repeats 7]

Both sides of every ratio in turns; medians, with the range. Exit code 1 when writing 10,000 x 512 rows takes
more than twice plain Parquet, or a second run over unchanged files, listing and all, is not 50 times as fast.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.vectors import EmbeddingSpace
from workbench import embed, load_clips, sample_clips
from workbench.store import EmbeddingStore

DIM, ROWS = 512, 10_000
SPACE = EmbeddingSpace("benchmark", "1")
MODEL = "workbench/spriteclip-tiny"
COPIES = 20


def main() -> int:
    """Measure everything, say it, and hold it to its limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    folder = Path(tempfile.mkdtemp(prefix="store-benchmark-"))
    try:
        good = [writing(folder, repeats), second_run(folder)]
    finally:
        shutil.rmtree(folder)
    return 0 if all(good) else 1


def writing(folder: Path, repeats: int) -> bool:
    """10,000 rows into a store, and as a plain Parquet file."""
    vectors = unit_rows(ROWS)
    ids = [f"clip-{number}" for number in range(ROWS)]
    numbers = iter(range(10**6))

    def ours() -> None:
        EmbeddingStore(folder / f"store-{next(numbers)}").put(SPACE, ids, vectors)

    def plain() -> None:
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
        pq.write_table(pa.table({"id": ids, "vector": column}), folder / f"{next(numbers)}.parquet")

    return say("write 10,000 x 512, against Parquet", ours, plain, repeats, at_most=2.0)


def second_run(folder: Path) -> bool:
    """Embed copies of the bundled clips twice with a store; the second time nothing is computed."""
    clips = folder / "clips"
    clips.mkdir()
    for number in range(COPIES):
        for clip in sample_clips():  # a byte more makes it other content, and the same pictures
            (clips / f"{number}-{clip.path.name}").write_bytes(clip.path.read_bytes() + bytes([number]))
    store = folder / "kept"
    embed(MODEL, sample_clips(), progress=False)  # what is imported once is not measured
    took, listing = [], []
    for _ in range(4):
        start = time.perf_counter()
        listed = load_clips(clips)
        listing.append(time.perf_counter() - start)
        done = embed(MODEL, listed, store=store, progress=False)
        took.append(time.perf_counter() - start)
    again, list_again = statistics.median(took[1:]), statistics.median(listing[1:])
    print(
        f"{len(done)} files: {took[0]:.2f} s, {listing[0]:.2f} s of it to list them; unchanged, once more: "
        f"{again * 1e3:.0f} ms, {list_again * 1e3:.0f} ms of it to list them; "
        f"{took[0] / again:.0f} times as fast (at least 50)"
    )
    return took[0] / again >= 50


def say(
    name: str, ours: Callable[[], object], other: Callable[[], object], repeats: int, *, at_most: float
) -> bool:
    """Run both in turns, and say the ratio of their times."""
    ratios, ours_s = [], []
    ours(), other()  # warm up
    for _ in range(repeats):
        start = time.perf_counter()
        ours()
        middle = time.perf_counter()
        other()
        ours_s.append(middle - start)
        ratios.append((middle - start) / (time.perf_counter() - middle))
    ratio = statistics.median(ratios)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(
        f"{name}: {statistics.median(ours_s) * 1e3:.0f} ms, ratio {ratio:.2f} ({spread}), at most {at_most}"
    )
    return ratio <= at_most


def unit_rows(count: int) -> np.ndarray:
    """Random unit rows: float32 (count, 512)."""
    rows = np.random.default_rng(0).standard_normal((count, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())

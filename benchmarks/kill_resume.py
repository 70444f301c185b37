"""Is anything lost when a run is killed, again and again, or when two runs share a store?

    python -m benchmarks.kill_resume [--clips 500] [--kills 10] [--seed 0]

Small clips of different contents are made here. One run is left in peace; one is killed by SIGKILL at random
moments, most of them while it writes, and started again; two runs embed the same folder at once, several
times. Exit code 1 when a kill came too late, a run ends in an error of its own, or a store does not end with
one row a clip, each that of the undisturbed run (a cosine of at least 0.999999).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MODEL = "workbench/spriteclip-tiny"
ROUNDS = 3
RUN = """
import sys
from workbench import embed, load_clips
embed(sys.argv[1], load_clips(sys.argv[2]), store=sys.argv[3], batch_size=4, progress=False)
"""


def main() -> int:
    """Make the clips, disturb the runs, compare the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_clips(root / "clips", options.clips)
        began = time.perf_counter()
        finish(start(root, "calm"))
        calm_s = time.perf_counter() - began
        print(f"{options.clips} clips, undisturbed: {calm_s:.1f} s")
        wanted = rows(root / "calm")
        hit = killed(root, np.random.default_rng(options.seed), options.kills, calm_s)
        good = [hit, len(wanted) == options.clips, same(wanted, rows(root / "killed"), "killed")]
        good.append(together(root, ROUNDS) == 0)
        good += [same(wanted, rows(root / f"shared-{n}"), "two at once") for n in range(ROUNDS)]
    return 0 if all(good) else 1


def make_clips(folder: Path, count: int) -> None:
    """Write tiny clips; each has colours of its own."""
    from workbench.media.encode import write_video

    folder.mkdir()
    for seed in range(count):
        colours = np.random.default_rng(seed).integers(0, 256, (8, 1, 1, 3)).astype(np.uint8)
        write_video(folder / f"{seed:04}.mp4", np.broadcast_to(colours, (8, 48, 64, 3)), 8)


def start(root: Path, store: str) -> "subprocess.Popen[bytes]":
    """Start a run in a process of its own."""
    words = [sys.executable, "-c", RUN, MODEL, str(root / "clips"), str(root / store)]
    return subprocess.Popen(words)


def finish(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a run that is to end well."""
    if process.wait(timeout=600):
        raise SystemExit(f"A run ended with exit code {process.returncode}.")


def killed(root: Path, moments: np.random.Generator, kills: int, calm_s: float) -> bool:
    """Kill a run at random moments, then let it end; whether every kill hit one that was at work."""
    there, live = [], 0
    for number in range(kills):
        process, seen = start(root, "killed"), commits(root / "killed")
        wanted = int(moments.integers(1, 9)) if number % 3 else 0
        if not wanted:  # while it starts, or makes its first table
            time.sleep(moments.uniform(0.05, 0.4) * calm_s)
        while len(commits(root / "killed") - seen) < wanted and process.poll() is None:
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.02))
        live += process.poll() is None
        process.kill()
        process.wait()
        there.append(len(rows(root / "killed")))
    finish(start(root, "killed"))
    counts = " ".join(map(str, there))
    print(f"killed {kills} times, {live} of them at work; rows after each: {counts}")
    return live == kills


def commits(store: Path) -> set[str]:
    """What was committed to a store so far."""
    return {path.name for path in store.glob("tables/*.lance/_versions/*.manifest")}


def together(root: Path, rounds: int) -> int:
    """Let two runs share a store, several times; how many of them ended in an error."""
    failed = 0
    for number in range(rounds):
        both = [start(root, f"shared-{number}") for _ in range(2)]
        failed += sum(one.wait(timeout=600) != 0 for one in both)
    print(f"two at once, {rounds} times: {failed} runs ended in an error")
    return failed


def rows(store: Path) -> dict[str, np.ndarray]:
    """The rows of a store by id."""
    from workbench import EmbeddingStore

    opened = EmbeddingStore(store)
    found: dict[str, np.ndarray] = {}
    for space in opened.spaces():
        table = opened.read(space)
        ids = table["id"].to_pylist()
        if len(set(ids)) != len(ids):
            raise SystemExit(f"{store.name} has ids twice.")
        found |= opened.get(space, ids)
    return found


def same(wanted: dict[str, np.ndarray], got: dict[str, np.ndarray], name: str) -> bool:
    """Whether a store has exactly the rows that are wanted."""
    if wanted.keys() != got.keys():
        print(f"{name}: {len(got)} rows, {len(wanted.keys() - got.keys())} missing")
        return False
    alike = sum(np.array_equal(wanted[one], got[one]) for one in wanted)
    cosine = min(float(wanted[one] @ got[one]) for one in wanted)
    print(f"{name}: {len(got)} rows, {alike} of them equal to the last bit, lowest cosine {cosine:.7f}")
    return cosine >= 0.999999


if __name__ == "__main__":
    sys.exit(main())

"""What does `import workbench` cost over bare Python? And what the command line's help?

    python -m benchmarks.import_time [--runs 15]

The best of several runs, each in a process of its own. Exit code 1 when the import costs more than 0.25 s.
"""

import argparse
import subprocess
import sys
import time

LIMIT_S = 0.25
CASES = {
    "bare Python": "pass",
    "import models": "import models",
    "import workbench": "import workbench",
    "the names of the main job": "from workbench import embed, load_clips, rank, sample_clips",
    "from workbench import Workbench": "from workbench import Workbench",
    "workbench --help": "from workbench.cli import main; main(['--help'])",
}


def main() -> int:
    """Measure each case and compare the import with its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    best = dict.fromkeys(CASES, float("inf"))
    for _ in range(runs):  # in turns, so that a busy moment does not hit one case alone
        for name, code in CASES.items():
            best[name] = min(best[name], seconds(code))
    bare = best["bare Python"]
    for name, taken in best.items():
        print(f"{name:33} {taken:6.3f} s   {taken - bare:+.3f} s")
    cost = best["import workbench"] - bare
    print(f"import workbench costs {cost:.3f} s over bare Python (limit {LIMIT_S} s)")
    return 0 if cost <= LIMIT_S else 1


def seconds(code: str) -> float:
    """Time one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

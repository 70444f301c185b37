"""Does Ray keep up with this process? The same stages, decode and embed, over the same small clips.

    python -m benchmarks.ray_pipeline [--clips 500] [--repeats 3]

Start-up is taken off: a short run with as many workers is measured too, its clips and seconds subtracted.
In turns; medians. On a busy machine torch's threads wait for each other: this process runs with one, too.
Exit code 1 when two workers are slower than 0.9 times the better of these, or a vector differs.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench import load_clips, sample_clips
from workbench.stages import (
    DecodeStage,
    EmbedStage,
    InProcessExecutor,
    Pipeline,
    RayDataExecutor,
    ReadClipsStage,
)
from workbench.stages.ray_session import ray_session

MODEL = "workbench/spriteclip-tiny"
PER_TASK = 10
SHORT = 4 * PER_TASK
LEAST = 0.9


def main() -> int:
    """Measure, say it, and hold it to its limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ray-benchmark-"))
    try:
        clips = copies(folder, options.clips)
        with ray_session(2):
            return compare(clips, options.repeats)
    finally:
        shutil.rmtree(folder)


def compare(clips: Any, repeats: int) -> int:
    """Run every executor in turns."""
    threads = torch.get_num_threads()
    executors = {
        f"in process, {threads} torch threads": (InProcessExecutor(), threads),
        "in process, 1 torch thread": (InProcessExecutor(), 1),
        "Ray, 1 worker": (RayDataExecutor(num_workers=1), threads),
        "Ray, 2 workers": (RayDataExecutor(num_workers=2), threads),
    }
    paces: dict[str, list[float]] = {name: [] for name in executors}
    rows: dict[str, np.ndarray] = {}
    for _ in range(repeats):
        for name, (executor, count) in executors.items():
            torch.set_num_threads(count)
            short, _unused = timed(executor, clips[:SHORT])
            whole, rows[name] = timed(executor, clips)
            paces[name].append((len(clips) - SHORT) / (whole - short))
            print(f"{name}: {whole:.1f} s for {len(clips)} clips, {short:.1f} s for {SHORT}", flush=True)
    here, alone, *_others = paces
    base = max(statistics.median(paces[name]) for name in (here, alone))
    apart = max(float(np.abs(one - rows[here]).max()) for one in rows.values())
    ratios = {name: statistics.median(pace) / base for name, pace in paces.items()}
    for name, ratio in ratios.items():
        print(f"{name}: {statistics.median(paces[name]):.1f} clips/s, {ratio:.2f} of the best in process")
    print(f"largest difference between two vectors: {apart:.1e}")
    return 0 if ratios["Ray, 2 workers"] >= LEAST and apart < 1e-5 else 1


def timed(executor: Any, clips: Any) -> tuple[float, np.ndarray]:
    """Run the pipeline once: seconds, and the vectors in order."""
    stages = [
        ReadClipsStage(clips, items_per_task=PER_TASK),
        DecodeStage(),
        EmbedStage(MODEL, remove_image_data=True),
    ]
    began = time.perf_counter()
    items = Pipeline("benchmark", stages=stages).run(executor).items
    seconds = time.perf_counter() - began
    if [item.video_id for item in items] != list(clips.keys):
        raise SystemExit("The clips came in another order.")
    return seconds, np.stack([item.embedding for item in items])


def copies(folder: Path, count: int) -> Any:
    """Copy the bundled clips under numbers."""
    samples = sample_clips()
    for number in range(count):
        source = samples[number % len(samples)].path
        shutil.copy(source, folder / f"{number:05}{source.suffix}")
    return load_clips(folder)


if __name__ == "__main__":
    sys.exit(main())

"""Does the memory of `embed` grow with the number of clips? Peak RSS of a long run over that of a short one.

    python benchmarks/engine_memory.py [--model workbench/spriteclip-tiny] [--short 200] [--long 2000]
                                      [--batch-size 16]

Each run is a process of its own, on hard links to a few small H.264 files. Exit code 1 when the
ratio is above 1.2. The batch size is the largest that "auto" chooses on a CPU: "auto" itself depends on the
pace of the machine, and with it the memory of the shorter run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 1.2
FILES = 4


class FrameStatistics:
    """A stand-in model of 512 numbers that keeps whole frames until they are embedded: the worst case."""

    model_id, num_frames, embedding_dim = "stand-in", 8, 512

    def embed_videos(self, videos: list[np.ndarray]) -> np.ndarray:
        """Histograms of the colours, as unit rows."""
        rows = [
            np.bincount((video[..., 0].astype(int) + video[..., 1]).ravel(), minlength=512)
            for video in videos
        ]
        return np.stack([row / np.linalg.norm(row) for row in rows])


def main() -> int:
    """Measure both runs, print the ratio, and tell whether it is within the limit."""
    options = _options()
    if options.child:
        _run_child(options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _make_clips(Path(folder), options.long)
        peaks = [_measure(options, folder, count) for count in (options.short, options.long)]
    ratio = peaks[1]["peak_mib"] / peaks[0]["peak_mib"]
    print(
        f"{ratio:.3f} times the memory for {options.long / options.short:g} times the clips (limit {LIMIT})"
    )
    return 0 if ratio <= LIMIT else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="workbench/spriteclip-tiny", help='a model id, or "stand-in"')
    parser.add_argument("--short", type=int, default=200)
    parser.add_argument("--long", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def _make_clips(folder: Path, count: int) -> None:
    """Render a few clips of a moving bar and link to them under many names."""
    from workbench.media.encode import write_video

    for i in range(count):
        path = folder / f"{i:05d}.mp4"
        if i >= FILES:
            os.link(folder / f"{i % FILES:05d}.mp4", path)
            continue
        frames = np.zeros((36, 240, 320, 3), np.uint8)
        for t in range(len(frames)):
            frames[t, :, 8 * t : 8 * t + 30, i % 3] = 255
        write_video(path, frames, 24)


def _measure(options: argparse.Namespace, folder: str, count: int) -> dict[str, Any]:
    """Embed the first clips of the folder in a process of its own."""
    command = [sys.executable, __file__, "--child", folder, "--long", str(count)]
    command += ["--model", options.model, "--batch-size", str(options.batch_size)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    facts = json.loads(done.stdout.splitlines()[-1])
    print(f"{count:6,} clips: peak {facts['peak_mib']:7.1f} MiB, {facts['rate']:6.1f} clips/s")
    return facts


def _run_child(options: argparse.Namespace) -> None:
    """Embed and print what it took as JSON."""
    from workbench import embed, load_clips

    clips = load_clips(options.child)[: options.long]
    model = FrameStatistics() if options.model == "stand-in" else options.model
    embeddings = embed(model, clips, batch_size=options.batch_size, progress=False)
    if len(embeddings) != options.long:
        raise SystemExit(f"{len(embeddings)} rows for {options.long} clips: {embeddings.skipped[:3]}")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mib": peak_mib, "rate": embeddings.stats.rate}))


if __name__ == "__main__":
    sys.exit(main())

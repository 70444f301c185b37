"""InternVideo2 at full size (1 B parameters, random weights): time per clip and memory, float32 and bfloat16.

    python benchmarks/internvideo2.py [--repeats 3] [--keep FOLDER]

Writes 2.6 GB of bfloat16 weights into a temporary folder and removes them afterwards; `--keep` leaves them in
a folder and uses them again. Each number format is measured in a process of its own. Exit code 1 when a
clip of 4 frames takes more than 15 s in float32, or the process more than 6 GB of memory at its peak.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMIT_S, LIMIT_BYTES = 15.0, 6e9
DTYPES = ("float32", "bfloat16")


def main() -> int:
    """Write the weights, measure both formats, and tell whether they are within the limits."""
    options = _options()
    if options.child:
        _run_child(options)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary)
        if not (folder / "weights.pt").is_file():
            _child(options, folder, "write")
        facts = {dtype: _child(options, folder, dtype) for dtype in DTYPES}
        for dtype, fact in facts.items():
            print(_line(dtype, fact))
    exact, low = (fact["vectors"] for fact in facts.values())
    print(f"cosine of a vector in float32 and in bfloat16: at least {min(map(cosine, exact, low)):.5f}")
    print(f"cosine of two pictures in float32: {cosine(*exact[1:]):.5f}")
    slow, large = facts["float32"]["clip_s"] > LIMIT_S, facts["float32"]["peak_bytes"] > LIMIT_BYTES
    print(f"limits: {LIMIT_S:g} s a clip and {LIMIT_BYTES / 1e9:g} GB in float32")
    return int(slow or large)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", help="folder for the weights, to be used again")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _child(options: argparse.Namespace, folder: Path, what: str) -> dict:
    """Do one thing in a process of its own; what it printed last."""
    command = [sys.executable, __file__, "--child", what, "--folder", str(folder)]
    command += ["--repeats", str(options.repeats)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    environment.pop("OMP_NUM_THREADS", None)  # all processors, whatever the caller was given
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def _line(dtype: str, fact: dict) -> str:
    """One format's numbers in a sentence."""
    return (
        f"{dtype:9} {fact['clip_s']:5.2f} s a clip of {fact['frames']} frames, "
        f"{fact['image_s']:.2f} s an image, {fact['text_s']:.2f} s a text, "
        f"{fact['texts_s']:.2f} s 16 texts ({fact['threads']} threads)\n"
        f"          loaded in {fact['load_s']:.1f} s; {fact['bytes'] / 1e9:.2f} GB resident, "
        f"{fact['peak_bytes'] / 1e9:.2f} GB at the peak"
    )


def _run_child(options: argparse.Namespace) -> None:
    folder = Path(options.folder)
    facts = _write(folder) if options.child == "write" else _measure(folder, options.child, options.repeats)
    print(json.dumps(facts))


def _write(folder: Path) -> dict:
    """Write a package of full size: bfloat16 weights as they are published, a made-up word list."""
    import torch

    from models.families.internvideo2.config import InternVideo2Config
    from models.families.internvideo2.tiny import random_state, tiny_vocabulary

    config = InternVideo2Config.full_1b()
    folder.mkdir(parents=True, exist_ok=True)
    words = tiny_vocabulary()
    words += [f"##word{i}" for i in range(config.text.vocab_size - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config.to_dict()), encoding="utf-8")
    torch.save({"module": random_state(config, dtype=torch.bfloat16)}, folder / "weights.pt")
    return {}


def _measure(folder: Path, dtype: str, repeats: int) -> dict:
    """Load the model and embed, best of some repeats."""
    import numpy as np
    import torch

    from models.families.internvideo2.model import InternVideo2MultiModality

    start = time.perf_counter()
    model = InternVideo2MultiModality.from_pretrained(folder, device="cpu", dtype=dtype)
    load_s = time.perf_counter() - start
    loaded = _resident()
    frames = np.random.default_rng(0).integers(0, 256, (4, 360, 640, 3), np.uint8)
    texts = [f"a small red ball moves to the left {i}" for i in range(16)]
    return {
        "frames": len(frames),
        "load_s": load_s,
        "clip_s": _best(lambda: model.embed_videos([frames]), repeats),
        "image_s": _best(lambda: model.embed_images(frames[0]), repeats),
        "text_s": _best(lambda: model.embed_text(texts[0]), repeats),
        "texts_s": _best(lambda: model.embed_text(texts), repeats),
        "bytes": loaded,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "threads": torch.get_num_threads(),
        "vectors": [
            *model.embed_videos([frames]).tolist(),
            *model.embed_images([frames[0], np.full_like(frames[0], 255)]).tolist(),
        ],
    }


def cosine(left: list[float], right: list[float]) -> float:
    """Cosine of two unit vectors."""
    return sum(a * b for a, b in zip(left, right, strict=True))


def _best(call: Callable[[], object], repeats: int) -> float:
    """Shortest of some calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _resident() -> int:
    """Bytes of this process in memory now."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


if __name__ == "__main__":
    sys.exit(main())

"""Exported packages beside torch on the CPU, at the size of CLIP ViT-B/32 with random weights.

    python benchmarks/backends.py [--rounds 7]

The engines take turns within a round, so that all see the same machine; a ratio is the median over
the rounds, with the lowest and highest beside it. Exit code 1 when a vector differs from torch's by
more than an export allows (cosine 0.9999 in float32, 0.9995 in bfloat16).
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PICTURES = (1, 8, 32)
PROMPTS = 16


def main() -> int:
    """Export, measure, print, and tell whether the vectors agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        models = load_all(Path(folder))
        measure(models, rounds)
        return 0 if agree(models) else 1


def load_all(folder: Path) -> dict[str, Any]:
    """The model in torch, and its exports, by name."""
    from benchmarks.clip_packages import make_clip
    from models import AutoModel, export_package
    from models.exported.openvino import computes_bfloat16

    home = make_clip(folder / "clip")
    torch_model = AutoModel.from_pretrained(home, device="cpu", dtype="float32")
    found = {"torch": torch_model}
    wanted = [("onnx", "float32"), ("openvino", "float32"), ("openvino", "bfloat16")]
    packages: dict[str, Any] = {}
    for backend, dtype in wanted:
        if dtype == "bfloat16" and not computes_bfloat16():
            print("This processor does not compute in bfloat16.")
            continue
        start = time.perf_counter()
        if backend not in packages:
            packages[backend] = export_package(torch_model, folder / backend, backend=backend).directory
            print(f"{backend}: exported and compared in {time.perf_counter() - start:.1f} s")
        found[f"{backend} {dtype}"] = AutoModel.from_pretrained(packages[backend], device="cpu", dtype=dtype)
    return found


def measure(models: dict[str, Any], rounds: int) -> None:
    """Print pictures and prompts a second for each engine, and the ratio to torch."""
    print(f"{'':18}{'per second':>12}  {'ratio to torch (lowest to highest)'}")
    for count in PICTURES:
        clips = pictures(models["torch"], count)
        report(
            f"{count} pictures",
            count,
            models,
            lambda model, batch=clips: model.embed_preprocessed(batch),
            rounds,
        )
    texts = [f"a photo of {number} red balls" for number in range(PROMPTS)]
    report(f"{PROMPTS} prompts", PROMPTS, models, lambda model: model.embed_text(texts), rounds)


def embed_clips(clips: list[Any], model: Any) -> Any:
    """Embed pictures that are preprocessed."""
    return model.embed_preprocessed(clips)


def report(name: str, count: int, models: dict[str, Any], work: Callable[[Any], Any], rounds: int) -> None:
    """Measure one kind of work."""
    seconds: dict[str, list[float]] = {engine: [] for engine in models}
    for model in models.values():
        work(model)  # buffers are made for a new batch size
    for _ in range(rounds):
        for engine, model in models.items():
            start = time.perf_counter()
            work(model)
            seconds[engine].append(time.perf_counter() - start)
    print(name)
    for engine, spent in seconds.items():
        ratios = [base / mine for base, mine in zip(seconds["torch"], spent, strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"  {engine:16}{count / statistics.median(spent):12.1f}  {spread}")


def pictures(model: Any, count: int) -> list[Any]:
    """Preprocessed pictures: an engine's pace is measured, not decoding or resizing."""
    pixels = np.random.default_rng(0)
    size = (1, 240, 320, 3)
    return [model.preprocess_clip(pixels.integers(0, 256, size).astype(np.uint8)) for _ in range(count)]


def agree(models: dict[str, Any]) -> bool:
    """Print the lowest cosine of each engine to torch; whether all are high enough."""
    from models.exported.agreement import LOWEST_COSINE, lowest_cosine

    good = True
    for engine, model in models.items():
        if engine == "torch":
            continue
        found, bound = lowest_cosine(models["torch"], model), LOWEST_COSINE[model.dtype]
        print(f"{engine}: lowest cosine to torch {found:.7f} (at least {bound})")
        good = good and found >= bound
    return good


if __name__ == "__main__":
    sys.exit(main())

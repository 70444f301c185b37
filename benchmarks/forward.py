"""The forward pass of CLIP with random weights: plain torch, ours and the exported packages.

    python -m benchmarks.forward [--rounds 5] [--only ViT-B/32]

Plain torch is the network of transformers as everybody loads it, in float32, without gradients. All
engines take turns within a round; a ratio is the median over the rounds, with the lowest and highest
beside it. Exit code 1 when a vector is further from plain torch's than cosine 0.99999 in float32 or
0.9995 in bfloat16.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.clip_packages import make_clip

SIZES = {"ViT-B/32": 32, "ViT-B/16": 8}  # name -> pictures
LOWEST = {"float32": 0.99999, "bfloat16": 0.9995}
Forward = Callable[[torch.Tensor], torch.Tensor]


def main() -> int:
    """Measure both sizes, print, and tell whether the vectors agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=SIZES)
    given = parser.parse_args()
    good = True
    for size in SIZES:
        if given.only in (None, size):
            with tempfile.TemporaryDirectory() as folder:
                good = compare(size, load_all(Path(folder), size), given.rounds) and good
    return 0 if good else 1


def load_all(folder: Path, size: str) -> dict[str, tuple[str, Forward]]:
    """Every engine that is installed, by name, with its number format; plain torch first."""
    from transformers import CLIPModel

    from models import AutoModel, export_package
    from models.backends import BackendType
    from models.encoders.packed_linear import packing_gain
    from models.probes import backend_installed, processor_has_bfloat16

    home = make_clip(folder / "clip", size)
    eager: Any = CLIPModel.from_pretrained(home, dtype=torch.float32)
    found = {"eager float32": ("float32", features_of(eager.eval()))}
    formats = ["float32", *(["bfloat16"] if processor_has_bfloat16() is not False else [])]
    ours = {dtype: AutoModel.from_pretrained(home, device="cpu", dtype=dtype) for dtype in formats}
    found |= {f"ours {dtype}": (dtype, rows_of(model)) for dtype, model in ours.items()}
    print(f"Packed linear layers are {packing_gain():.2f} times as fast as torch's on this processor.")
    wanted = [("onnx", ["float32"]), ("openvino", formats)]
    for backend, dtypes in wanted:
        if not backend_installed(BackendType(backend)):
            print(f"{backend} is not installed.")
            continue
        package = export_package(ours["float32"], folder / backend, backend=backend).directory
        for dtype in dtypes:
            model = AutoModel.from_pretrained(package, device="cpu", dtype=dtype)
            found[f"{backend} {dtype}"] = (dtype, rows_of(model))
    return found


def features_of(network: Any) -> Forward:
    """Plain torch: one batch through ``get_image_features``."""
    return lambda pixels: network.get_image_features(pixel_values=pixels).pooler_output


def rows_of(model: Any) -> Forward:
    """A model of ours: the same batch, in the passes that it makes of one."""
    towers = model.parts.towers
    return lambda pixels: torch.cat([towers.encode_images(part).float() for part in pixels.split(16)])


def compare(size: str, engines: dict[str, tuple[str, Forward]], rounds: int) -> bool:
    """Measure all engines of one size in turns; whether their vectors agree."""
    count = SIZES[size]
    pixels = torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    with torch.inference_mode():
        rows = {engine: forward(pixels) for engine, (_, forward) in engines.items()}
        for _ in range(rounds):
            for engine, (_, forward) in engines.items():
                start = time.perf_counter()
                forward(pixels)
                seconds[engine].append(time.perf_counter() - start)
    base = "eager float32"
    gflop = gflop_of(engines[base][1], pixels)
    print(f"{size}, {count} pictures; torch's product of matrices, float32: {product_pace():.0f} GFLOP/s")
    print(f"{'':20}{'pictures/s':>12}{'GFLOP/s':>9}  {'ratio to eager':24}lowest cosine to eager")
    good = True
    for engine, (dtype, _) in engines.items():
        ratios = [one / mine for one, mine in zip(seconds[base], seconds[engine], strict=True)]
        cosine = float(
            torch.nn.functional.cosine_similarity(rows[base].double(), rows[engine].double()).min()
        )
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        took = statistics.median(seconds[engine])
        print(f"  {engine:18}{count / took:12.1f}{gflop / took:9.0f}  {spread:24}{cosine:.7f}", flush=True)
        good = good and cosine >= LOWEST[dtype]
    return good


def gflop_of(forward: Forward, pixels: torch.Tensor) -> float:
    """Count the operations of a pass, in 1e9."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward(pixels)
    return counter.get_total_flops() / 1e9


def product_pace(rows: int = 1600, inner: int = 768, columns: int = 3072, repeats: int = 30) -> float:
    """GFLOP/s of a product of the size that most of the work of ViT-B consists of: what torch can reach."""
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - start)
    return 2e-9 * rows * inner * columns / statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())

"""From video files to one vector a clip on the CPU: ours beside the scripts that people write.

    python -m benchmarks.end_to_end [--clips 12] [--rounds 3] [--files FOLDER]

CLIP ViT-B/32 with random weights, the same for all, 8 frames of each clip. The clips are made here
(MPEG-4 and H.264, 240p to 720p, 4 to 8 s) unless a folder is given. All take turns within a round.
"Bound" is 1 / (1/forward + 1/decode), what a processor that does both cannot pass; forward is the same
model on pixels in memory, decode is decoding and shrinking alone. Exit code 1 when a vector of ours is
further than cosine 0.99 from the careful script's.
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
import torch

from benchmarks.clip_packages import make_clip
from benchmarks.mixed_clips import make_clips

FRAMES = 8
LOWEST_COSINE = 0.99  # the scripts take other frames by a hair and convert colours another way
Run = Callable[[], Any]


def main() -> int:
    """Make clips and models, measure, print, and tell whether the vectors agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=Path, help="a folder with clips to take instead")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.files is None:
            paths = make_clips(Path(folder) / "clips", given.clips)
        else:
            paths = sorted(path for path in given.files.iterdir() if path.is_file())[: given.clips]
        home = make_clip(Path(folder) / "clip")
        runs, models = all_runs(home, Path(folder), paths)
        return report(runs, models, paths, given.rounds)


def all_runs(home: Path, folder: Path, paths: list[Path]) -> tuple[dict[str, Run], dict[str, Any]]:
    """What takes turns, by name; and our models."""
    from models import AutoModel, export_package
    from models.probes import installed

    exact = AutoModel.from_pretrained(home, device="cpu", dtype="float32")
    models = {"ours float32": exact, "ours auto": AutoModel.from_pretrained(home, device="cpu")}
    if installed("openvino"):
        package = export_package(exact, folder / "openvino", backend="openvino").directory
        models["ours OpenVINO auto"] = AutoModel.from_pretrained(package, device="cpu")
    for name, model in models.items():
        print(f"{name}: {model.dtype}; {model.dtype_reason}")
    runs = {"plain script": plain_script(home, paths), "careful script": careful_script(home, paths)}
    if encode := sentence_encoder(home):
        runs["sentence-transformers"] = lambda: per_clip(encode, paths)
    runs |= {name: ours(model, paths) for name, model in models.items()}
    return runs, models


def ours(model: Any, paths: list[Path]) -> Run:
    """One call of ours."""
    from workbench import embed, load_clips

    clips = load_clips(paths)
    return lambda: embed(model, clips, num_frames=FRAMES, progress=False).vectors


def plain_script(home: Path, paths: list[Path]) -> Run:
    """Decode all frames to RGB, then processor and model, frame by frame, without gradients."""
    import av

    network, processor = network_and_processor(home)

    def rows(path: Path) -> torch.Tensor:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        found = [
            network.get_image_features(**processor(images=frames[i], return_tensors="pt")).pooler_output
            for i in middles(len(frames))
        ]
        return torch.cat(found)

    def run() -> np.ndarray:
        with torch.no_grad():
            return np.stack([pooled(rows(path)) for path in paths])

    return run


def careful_script(home: Path, paths: list[Path]) -> Run:
    """Convert only the eight frames, one batch per clip, in inference mode."""
    network, processor = network_and_processor(home)

    def rows(images: list[Any]) -> torch.Tensor:
        with torch.inference_mode():
            return network.get_image_features(**processor(images=images, return_tensors="pt")).pooler_output

    return lambda: per_clip(rows, paths)


def sentence_encoder(home: Path) -> Callable[[list[Any]], torch.Tensor] | None:
    """``encode`` of sentence-transformers with the same weights; None, said in a line, without it."""
    try:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import CLIPModel

        model = SentenceTransformer(modules=[CLIPModel(str(home))], device="cpu")
        options: Any = {"batch_size": 32, "show_progress_bar": False, "convert_to_tensor": True}
        model.encode([np.zeros((8, 8, 3), np.uint8)], **options)
    except Exception as error:  # not installed, or no way to load a folder of this kind
        print(f"sentence-transformers is left out: {type(error).__name__}: {str(error)[:150]}")
        return None
    return lambda images: model.encode(images, **options)


def network_and_processor(home: Path) -> tuple[Any, Any]:
    """The network and the image processor of transformers, as everybody loads them."""
    from transformers import CLIPImageProcessorPil, CLIPModel

    network: Any = CLIPModel.from_pretrained(home, dtype=torch.float32)
    return network.eval(), CLIPImageProcessorPil.from_pretrained(home)


def per_clip(rows: Callable[[list[Any]], torch.Tensor], paths: list[Path]) -> np.ndarray:
    """Decode each clip with frame threads, keep eight frames as pictures, and embed them together."""
    import av

    found = []
    for path in paths:
        with av.open(str(path)) as container:
            container.streams.video[0].thread_type = "AUTO"
            frames = list(container.decode(video=0))
            images = [frames[i].to_image() for i in middles(len(frames))]
        found.append(pooled(rows(images)))
    return np.stack(found)


def middles(count: int) -> list[int]:
    """The middles of eight equal parts of so many frames."""
    return [(2 * i + 1) * count // (2 * FRAMES) for i in range(FRAMES)]


def pooled(rows: torch.Tensor) -> np.ndarray:
    """The mean of the unit rows of a clip's frames, made a unit row."""
    unit = torch.nn.functional.normalize(rows.float(), dim=1).mean(dim=0)
    return torch.nn.functional.normalize(unit, dim=0).numpy()


def report(runs: dict[str, Run], models: dict[str, Any], paths: list[Path], rounds: int) -> int:
    """Measure in turns, print, and tell whether the vectors agree."""
    bounds = {name: parts_of(model, paths) for name, model in models.items()}
    vectors = {name: run() for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in (*runs, *bounds)}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(spent(run))
            if name in bounds:
                bounds[name]["seconds"].append(sum(spent(part) for part in bounds[name]["parts"]))
    print(f"{'':24}{'clips/s':>8}  {'ratio to careful':22}{'to plain':>9}{'of the bound':>14}{'cosine':>9}")
    good = True
    for name, mine in seconds.items():
        cosine = float((vectors[name] * vectors["careful script"]).sum(axis=1).min())
        ratios = [base / one for base, one in zip(seconds["careful script"], mine, strict=True)]
        plain = statistics.median(b / o for b, o in zip(seconds["plain script"], mine, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        share = [b / o for b, o in zip(bounds[name]["seconds"], mine, strict=True)] if name in bounds else []
        bound = f"{statistics.median(share):.2f}" if share else ""
        pace = len(paths) / statistics.median(mine)
        print(f"  {name:22}{pace:8.2f}  {spread:22}{plain:9.2f}{bound:>14}{cosine:9.4f}", flush=True)
        good = good and cosine >= LOWEST_COSINE
    return 0 if good else 1


def parts_of(model: Any, paths: list[Path]) -> dict[str, Any]:
    """The two parts of our work alone: decoding and shrinking in threads; the model on what came out."""
    from concurrent.futures import ThreadPoolExecutor

    from workbench import load_clips

    clips = load_clips(paths)

    def decode() -> list[torch.Tensor]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda clip: model.preprocess_clip(clip.frames(FRAMES).data), clips))

    ready = decode()

    def forward() -> None:
        for start in range(0, len(ready), 4):
            model.embed_preprocessed(ready[start : start + 4])

    return {"parts": (decode, forward), "seconds": []}


def spent(run: Run) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

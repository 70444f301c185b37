"""How busy is the model on a CUDA device, and are its vectors those of the CPU?

    python -m benchmarks.gpu [--clips 192] [--seconds 4] [--batch-size auto]

CLIP ViT-L/14 with random weights over 720p H.264 clips that are made here. The busy share is the pace of a
whole run, from files to vectors, over the pace of the model alone on pictures that are already in memory.
The card's decoders take part unless EMBEDDING_WORKBENCH_HARDWARE_DECODING is 0; decoding is measured by
itself too, with and without them, and their pixels are compared.
Exit code 1 when the share is below 0.90 in float32, a vector's cosine to the CPU's is below 0.999, or a pixel
differs.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.clip_packages import make_clip
from models.probes import cpu_count

FRAMES, FPS = 8, 24
CODECS = (("libx264", "yuv420p"), ("libx264", "yuvj420p"), ("libx265", "yuv420p"), ("libx265", "yuv420p10le"))
DISTINCT = 12  # clips with content of their own; the others are copies, which are decoded all the same


def main() -> int:
    """Make clips and model, measure, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=192)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--batch-size", default="auto")
    options = parser.parse_args()
    import torch

    from workbench.media.hardware import HARDWARE_DECODING

    os.environ.setdefault(HARDWARE_DECODING, "1")
    if not torch.cuda.is_available():
        print("There is no CUDA device here: not measured.")
        return 0
    size = options.batch_size if options.batch_size == "auto" else int(options.batch_size)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        home = make_clip(Path(folder) / "clip-l14", "ViT-L/14")
        clips = make_clips(Path(folder) / "clips", options.clips, options.seconds)
        torch.zeros(1, device="cuda")
        same = [same_pixels(Path(folder), *kind) for kind in CODECS]
        decode_pace(clips)
        shares = {dtype: busy_share(home, clips, dtype, size) for dtype in ("float32", "auto")}
        lowest = agreement(home, clips[:4])
    return 0 if shares["float32"] >= 0.90 and lowest >= 0.999 and all(same) else 1


def make_clips(folder: Path, count: int, seconds: int) -> Any:
    """720p H.264 clips with B-frames; a few are encoded, the others are copies of their bytes."""
    from workbench import load_clips

    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:04}.mp4"
        if number < DISTINCT:
            write_clip(path, number, seconds)
        else:
            path.write_bytes(
                (folder / f"{number % DISTINCT:04}.mp4").read_bytes() + number.to_bytes(8, "big")
            )
    return load_clips(folder)


def same_pixels(folder: Path, codec: str, pixel_format: str) -> bool:
    """Whether the card's decoder gives the frames of the processor's, and is used at all."""
    from workbench.media.decode import frames_at
    from workbench.media.hardware import decoding_on

    path = folder / f"{codec}-{pixel_format}.mp4"
    write_clip(path, 1, 2, codec, pixel_format)
    times = [0.0, 0.3, 0.31, 0.9, 1.5, 9.0]
    plain = frames_at(path, times)
    with decoding_on("cuda") as card:
        twice = [frames_at(path, times) for _ in range(2)]
    same = all(np.array_equal(frames.data, plain.data) for frames in twice)
    films = card.films if card else 0
    print(
        f"{codec} {pixel_format}: {films} of 2 decoded by the card, pixels {'the same' if same else 'DIFFER'}"
    )
    return same


def decode_pace(clips: Any) -> None:
    """Clips a second that are decoded, by the processor alone and together with the card."""
    from workbench.engine.embed import default_workers
    from workbench.media.hardware import decoding_on

    for device in ("cpu", "cuda"):
        workers = cpu_count() if device == "cpu" else default_workers(device)
        with decoding_on(device) as card, ThreadPoolExecutor(workers) as pool:
            began = time.perf_counter()
            list(pool.map(lambda clip: clip.frames(FRAMES, threads=1).data.shape, clips))
            pace = len(clips) / (time.perf_counter() - began)
        by_card = f", {card.films} of {len(clips)} clips by the card" if card else ""
        print(f"decoding for {device}, {workers} threads: {pace:.1f} clips/s{by_card}")


def write_clip(
    path: Path, seed: int, seconds: int, codec: str = "libx264", pixel_format: str = "yuv420p"
) -> None:
    """Textures that move, so that the encoder has something to do."""
    picture = np.random.default_rng(seed).integers(0, 256, (90, 160, 3)).repeat(10, 0).repeat(10, 1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, FPS, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, pixel_format
        stream.time_base = Fraction(1, FPS)
        for number in range(seconds * FPS):
            shifted = np.roll(picture, (3 * number, 7 * number), (0, 1))[:720, :1280]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shifted, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def busy_share(home: Path, clips: Any, dtype: str, batch_size: Any) -> float:
    """Pace of a run over the pace of the model alone."""
    from models import AutoModel
    from workbench import embed

    model = AutoModel.from_pretrained(home, device="cuda", dtype=dtype)
    embed(model, clips[:32], batch_size=batch_size, progress=False)  # warm: kernels, decoder threads
    alone = model_pace(model, clips)
    runs = [embed(model, clips, batch_size=batch_size, progress=False) for _ in range(3)]
    pace = statistics.median(run.stats.rate for run in runs)
    spent = runs[-1].stats
    print(
        f"dtype {dtype} ({model.dtype}: {model.dtype_reason}): {pace:.1f} clips/s end to end, "
        f"{alone:.1f} the model alone, busy {pace / alone:.2f}; "
        f"decode {spent.decode_s:.1f} s, preprocess {spent.preprocess_s:.1f} s over "
        f"the workers, model {spent.model_s:.1f} s of {spent.seconds:.1f} s"
    )
    model.unload()
    return pace / alone


def model_pace(model: Any, clips: Any, repeats: int = 5) -> float:
    """Clips a second of the model alone, on preprocessed pictures in memory."""
    import torch

    items = [model.preprocess_clip(clip.frames(FRAMES).data) for clip in clips[:16]] * 4
    model.embed_preprocessed(items)
    seconds = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        began = time.perf_counter()
        model.embed_preprocessed(items)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return len(items) / statistics.median(seconds)


def agreement(home: Path, clips: Any) -> float:
    """Lowest cosine of the device's rows to the CPU's in float32."""
    from models import AutoModel
    from workbench import embed

    on_cpu = embed(AutoModel.from_pretrained(home, device="cpu", dtype="float32"), clips, progress=False)
    lowest = 1.0
    for dtype in ("float32", "auto"):
        model = AutoModel.from_pretrained(home, device="cuda", dtype=dtype)
        rows = embed(model, clips, progress=False).vectors
        cosine = float((rows * on_cpu.vectors).sum(axis=1).min())
        print(f"{dtype}: lowest cosine to the CPU in float32 {cosine:.6f} (at least 0.999)")
        lowest = min(lowest, cosine)
    return lowest


if __name__ == "__main__":
    sys.exit(main())

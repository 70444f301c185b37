"""From a path to 8 frames of 224x224: ours beside torchcodec, OpenCV and a plain PyAV loop.

    python -m benchmarks.decode [--rounds 5]

Clips are made here. All take turns within a round; times are medians over the rounds. The best peer of a clip
is the fastest one in its best setting. Frames of ours are compared with a decode of every frame.
Exit code 1 when a frame differs, when the geometric mean of the ratios to the best peer is above 0.75 or one
above 1.05, or when two workers over many clips are below 1.35 times the best peer or 1.8 times one worker.
How two processes that share nothing scale is printed beside it: what the machine allows.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.mixed_clips import pictures

FRAMES, SIZE = 8, 224
_LEAST_S = 20.0  # each clip is sampled for so long in all
# name: codec, width, height, frames a second, seconds, options of the encoder
CLIPS: dict[str, tuple[str, int, int, int, int, dict[str, str]]] = {
    "MPEG-4 480p 8 s, 5 fps": ("mpeg4", 854, 480, 5, 8, {}),
    "H.264 240p 10 s, no B": ("libx264", 426, 240, 30, 10, {"bf": "0", "preset": "veryfast"}),
    "H.264 256p 10 s": ("libx264", 454, 256, 30, 10, {"preset": "veryfast"}),
    "AV1 360p 5 s": ("libsvtav1", 640, 360, 24, 5, {"preset": "10"}),
    "H.264 720p 8 s": ("libx264", 1280, 720, 30, 8, {"preset": "veryfast"}),
    "H.264 1080p 6 s": ("libx264", 1920, 1080, 24, 6, {"preset": "veryfast"}),
    "H.264 720p 60 s, GOP 250": ("libx264", 1280, 720, 24, 60, {"preset": "veryfast", "g": "250"}),
    "H.264 720p 60 s, GOP 12": ("libx264", 1280, 720, 24, 60, {"preset": "veryfast", "g": "12"}),
}
MANY = ("H.264 240p 10 s, no B", "H.264 256p 10 s", "AV1 360p 5 s", "H.264 720p 8 s")
Sample = Callable[[Path, int], np.ndarray]


def main() -> int:
    """Make the clips, measure one at a time and many, hold both to their limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    import torch

    torch.set_num_threads(2)
    peers = find_peers()
    with tempfile.TemporaryDirectory() as folder:
        paths = make_clips(Path(folder))
        good = exact(paths)
        good = one_clip(paths, peers, rounds) and good
        good = many_clips([paths[name] for name in MANY], peers, rounds) and good
    return 0 if good else 1


def make_clips(folder: Path) -> dict[str, Path]:
    """Encode the clips."""
    from workbench.media.encode import write_video

    made = {}
    for number, (name, (codec, width, height, fps, seconds, options)) in enumerate(CLIPS.items()):
        shown = pictures(width, height, fps * seconds, seed=number)
        made[name] = write_video(folder / f"{number}.mp4", shown, fps, codec=codec, options=options)
    return made


def middles(length_s: float) -> np.ndarray:
    """The moments of the frames: the middles of equal parts."""
    return (np.arange(FRAMES) + 0.5) / FRAMES * length_s


def shrunk(frames: np.ndarray) -> np.ndarray:
    """Resize and crop as CLIP does; the same code for everybody."""
    from models.encoders.preprocessing import ImagePreprocessing

    return ImagePreprocessing(size=SIZE, crop=(SIZE, SIZE))(frames).numpy()


def ours(path: Path, threads: int) -> np.ndarray:
    """The workbench; ``threads`` 0 lets it choose."""
    from workbench.media.decode import sample_frames

    return shrunk(sample_frames(path, FRAMES, threads=threads).data)


def plain_pyav(path: Path, threads: int) -> np.ndarray:
    """What one writes first: decode from the start, convert the frames that are wanted."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        wanted = set((middles(1.0) * stream.frames).astype(int).tolist())
        found = [
            frame.to_ndarray(format="rgb24")
            for number, frame in enumerate(container.decode(stream))
            if number in wanted
        ]
    return shrunk(np.stack(found))


def opencv(path: Path, threads: int) -> np.ndarray:  # noqa: ARG001 - it has threads of its own
    """Grab every frame, retrieve those that are wanted."""
    import cv2

    video = cv2.VideoCapture(str(path))
    wanted = set((middles(1.0) * video.get(cv2.CAP_PROP_FRAME_COUNT)).astype(int).tolist())
    found = []
    for number in range(max(wanted) + 1):
        if not video.grab():
            break
        if number in wanted:
            found.append(cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB))
    video.release()
    if len(found) < len(wanted):
        raise RuntimeError("OpenCV cannot decode this clip.")
    return shrunk(np.stack(found))


def with_torchcodec(path: Path, threads: int, mode: str) -> np.ndarray:
    """Frames played at the moments."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), seek_mode=mode, num_ffmpeg_threads=threads, dimension_order="NHWC")
    seconds = decoder.metadata.duration_seconds
    return shrunk(decoder.get_frames_played_at(middles(seconds).tolist()).data.numpy())


def find_peers() -> dict[str, Sample]:
    """The peers that are installed and run here; the others are named."""
    peers: dict[str, Sample] = {"PyAV loop": plain_pyav}
    if find_spec("cv2"):
        peers["OpenCV"] = opencv
    try:
        import_module("torchcodec.decoders")
    except (ImportError, RuntimeError, OSError):
        pass
    else:
        peers["torchcodec exact"] = partial(with_torchcodec, mode="exact")
        peers["torchcodec approximate"] = partial(with_torchcodec, mode="approximate")
    missing = {"OpenCV", "torchcodec exact"} - set(peers)
    print(
        f"peers: {', '.join(peers)}" + (f"; not installed: {', '.join(sorted(missing))}" if missing else "")
    )
    return peers


def exact(paths: dict[str, Path]) -> bool:
    """Whether every frame is the one of a full decode."""
    from workbench.media.decode import frames_at, probe
    from workbench.media.spans import decode_from_start

    wrong = []
    for name, path in paths.items():
        times = middles(probe(path).duration_s)
        if not np.array_equal(
            frames_at(path, times).data, next(decode_from_start(path, deque([times]))).data
        ):
            wrong.append(name)
    print(f"frames equal to a full decode on {len(paths) - len(wrong)} of {len(paths)} clips {wrong or ''}")
    return not wrong


def one_clip(paths: dict[str, Path], peers: dict[str, Sample], rounds: int) -> bool:
    """Time each clip alone."""
    ways = {("workbench", 0): partial(ours, threads=0)}
    ways |= {
        (name, threads): partial(peer, threads=threads)
        for name, peer in peers.items()
        for threads in ((0,) if name == "OpenCV" else (0, 1))  # OpenCV chooses by itself
    }
    ratios = []
    print(f"{'one clip, ms':26}{'ours':>7}{'best':>8}  ratio (lowest to highest)  best peer")
    for name, path in paths.items():
        able = {way: partial(sample, path) for way, sample in ways.items() if can(sample, path)}
        seconds = interleaved(able, rounds, _LEAST_S)
        mine = seconds.pop(("workbench", 0))
        best, theirs = min(seconds.items(), key=lambda one: statistics.median(one[1]))
        ratio = statistics.median(mine) / statistics.median(theirs)
        spread = [a / b for a, b in zip(mine, theirs, strict=True)]
        print(
            f"{name:26}{statistics.median(mine) * 1e3:7.1f}{statistics.median(theirs) * 1e3:8.1f}  "
            f"{ratio:5.2f} ({min(spread):.2f} to {max(spread):.2f})     "
            f"{best[0]}, {best[1] or 'auto'} threads"
        )
        ratios.append(ratio)
    mean = statistics.geometric_mean(ratios)
    print(f"geometric mean {mean:.2f} (at most 0.75), highest {max(ratios):.2f} (at most 1.05)")
    return mean <= 0.75 and max(ratios) <= 1.05


def can(sample: Callable[[Path], np.ndarray], path: Path) -> bool:
    """Whether a peer can decode a clip at all; not every build knows every codec."""
    try:
        return len(sample(path)) == FRAMES
    except RuntimeError:
        return False


def many_clips(paths: list[Path], peers: dict[str, Sample], rounds: int) -> bool:
    """Time 48 clips with one decoder thread each, in one and in two workers.

    As many, since the last clip is always decoded alone: of 16 like these, with the longest at the end, two
    workers that lose nothing at all would do 1.84 times as many a second as one, of 48 1.95 times.
    """
    import torch

    torch.set_num_threads(1)  # for all: a worker is one thread, and takes no second one to resize
    work = paths * 12
    ways = {"workbench": ours, **peers}
    ways.pop("PyAV loop")
    jobs: dict[tuple[str, int], Callable[[], None]] = {
        (name, workers): partial(in_threads, partial(sample, threads=1), work, workers)
        for name, sample in ways.items()
        for workers in (1, 2)
        if all(can(partial(sample, threads=1), path) for path in paths)
    }
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as one, ProcessPoolExecutor(2, spawn) as two:
        for workers, pool in ((1, one), (2, two)):
            jobs["processes", workers] = partial(in_processes, pool, work)
        spent = interleaved(jobs, rounds)
    pace = {way: len(work) / statistics.median(seconds) for way, seconds in spent.items()}
    names = list({name: None for name, _ in pace if name != "processes"})
    for name in names:
        print(f"{name:26}{pace[name, 1]:6.1f} clips/s with 1 worker, {pace[name, 2]:6.1f} with 2")
    best = max((pace[name, 2] for name in names if name != "workbench"), default=0.0)
    gain = pace["workbench", 2] / best if best else 0.0
    scaling, possible = (pace[name, 2] / pace[name, 1] for name in ("workbench", "processes"))
    print(
        f"many clips: {gain:.2f} times the best peer (at least 1.35), 1 to 2 workers {scaling:.2f} "
        f"(at least 1.8; two processes of ours that share nothing: {possible:.2f})"
    )
    return gain >= 1.35 and scaling >= 1.8


def in_threads(sample: Callable[[Path], np.ndarray], paths: list[Path], workers: int) -> None:
    """Sample clips in threads of this process."""
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(sample, paths))


def in_processes(pool: ProcessPoolExecutor, paths: list[Path]) -> None:
    """Sample clips in processes, which are there already."""
    list(pool.map(alone, paths))


def alone(path: Path) -> int:
    """Sample one clip in a process with one thread."""
    import torch

    torch.set_num_threads(1)
    return len(ours(path, threads=1))


def interleaved(
    jobs: dict[Any, Callable[[], Any]], rounds: int, least_s: float = 0.0
) -> dict[Any, list[float]]:
    """Seconds of each job in every round, after one that does not count; every other round runs backwards.

    Quick jobs need more rounds to tell them apart: rounds go on until ``least_s`` seconds are over.
    """
    seconds: dict[Any, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    start = time.perf_counter()
    while len(next(iter(seconds.values()))) < rounds or time.perf_counter() - start < least_s:
        for name in list(jobs)[:: -1 if len(next(iter(seconds.values()))) % 2 else 1]:
            began = time.perf_counter()
            jobs[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    sys.exit(main())

"""Generators of the media that tests use: everything is made at test time, nothing is stored.

The standard clip is a grey ramp: frame i is grey 8 * i all over, so any test can tell from a
picture which frame it got.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from workbench.media.scheduling import kept_scheduling

GREY_STEP = 8
MAX_FRAMES = 31
TICKS = 90_000


@dataclass
class Ramp:
    """How to write a grey ramp; the defaults are ten frames a second of plain H.264."""

    num_frames: int = 30
    fps: int = 10
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    width: int = 64
    height: int = 48
    gop: int = 12
    b_frames: int = 0
    options: dict[str, str] = field(default_factory=dict)
    times_s: list[float] | None = None  # presentation times; None is a constant rate
    start_s: float = 0.0
    rotation: int | None = None  # degrees counter-clockwise
    hflip: bool = False
    vflip: bool = False
    sound: bool = False
    container_options: dict[str, str] = field(default_factory=dict)
    textured: bool = False  # a moving texture instead of plain grey: wrong references show everywhere

    @property
    def shown_s(self) -> list[float]:
        """When each frame is shown, counted from the first."""
        return self.times_s or [i / self.fps for i in range(self.num_frames)]


def write_ramp(path: Path, ramp: Ramp | None = None, **changes: object) -> Path:
    """Write a grey ramp; keyword arguments replace fields of `Ramp`."""
    ramp = Ramp(**changes) if ramp is None else ramp
    assert ramp.textured or ramp.num_frames <= MAX_FRAMES
    draw = textured_picture if ramp.textured else ramp_picture
    with kept_scheduling(), av.open(str(path), "w", options=ramp.container_options) as container:
        stream = _video_stream(container, ramp)
        sound = container.add_stream("aac", rate=8000, layout="mono") if ramp.sound else None
        for i, shown in enumerate(ramp.shown_s):
            frame = av.VideoFrame.from_ndarray(draw(i, ramp.width, ramp.height), format="rgb24")
            frame.pts = round((shown + ramp.start_s) * TICKS)
            frame.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _add_silence(container, sound, seconds=1)
    return path


def ramp_picture(i: int, width: int, height: int) -> np.ndarray:
    """Frame i of a ramp: grey, with a white top left corner to tell which way is up."""
    picture = np.full((height, width, 3), GREY_STEP * i, np.uint8)
    picture[: height // 4, : width // 4] = (255, 0, 0)
    return picture


def textured_picture(i: int, width: int, height: int) -> np.ndarray:
    """Frame i of a moving texture with some noise that is new in every frame."""
    fixed = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    moving = np.roll(fixed.repeat(8, 0).repeat(8, 1), (i, 3 * i), axis=(0, 1))
    noise = np.random.default_rng(i).integers(0, 32, moving.shape, np.uint8)
    return (moving // 2 + noise).astype(np.uint8)


def ramp_numbers(frames: np.ndarray) -> list[int]:
    """Tell which frames of a ramp these are, from their middles."""
    height, width = frames.shape[1:3]
    middle = frames[:, height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4]
    return [round(float(grey) / GREY_STEP) for grey in middle.mean(axis=(1, 2, 3))]


def write_two_streams(path: Path) -> Path:
    """Write a file whose second video stream is the larger one: 5 grey frames against a ramp."""
    with av.open(str(path), "w") as container:
        small = _video_stream(container, Ramp(width=32, height=16))
        large = _video_stream(container, Ramp(width=128, height=96))
        small.disposition, large.disposition = 0, av.stream.Disposition.default
        for i in range(20):
            for stream, size in ((small, (32, 16)), (large, (128, 96))):
                frame = av.VideoFrame.from_ndarray(ramp_picture(i, *size), format="rgb24")
                frame.pts, frame.time_base = i * TICKS // 10, Fraction(1, TICKS)
                container.mux(stream.encode(frame))
        container.mux(small.encode(None))
        container.mux(large.encode(None))
    return path


def write_transparent(
    path: Path, codec: str, pixel_format: str, *, rotation: int | None = None, **tags: str
) -> Path:
    """Write ten frames whose left half is red and whose right half is transparent green."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        stream.metadata.update(tags)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        rgba = np.zeros((48, 64, 4), np.uint8)
        rgba[:, :32] = (255, 0, 0, 255)
        rgba[:, 32:] = (0, 255, 0, 0)
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound_only(path: Path) -> Path:
    """Write a second of silence, without any picture."""
    with av.open(str(path), "w") as container:
        _add_silence(container, container.add_stream("aac", rate=8000, layout="mono"), seconds=1)
    return path


def cut(source: Path, target: Path, share: float) -> Path:
    """Copy the first part of a file: what a broken download leaves."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def _video_stream(container: av.container.OutputContainer, ramp: Ramp) -> av.video.stream.VideoStream:
    """Add a video stream with the settings of a ramp."""
    stream = container.add_stream(ramp.codec, rate=ramp.fps)
    stream.width, stream.height, stream.pix_fmt = ramp.width, ramp.height, ramp.pixel_format
    stream.codec_context.gop_size = ramp.gop
    stream.codec_context.max_b_frames = ramp.b_frames
    if ramp.times_s or ramp.start_s:  # else the encoder counts frames, as some of them insist on
        stream.codec_context.time_base = Fraction(1, TICKS)
    quality = {"crf": "10"} if ramp.codec.startswith(("libx26", "libvpx")) else {}
    stream.options = quality | ramp.options
    if ramp.rotation is not None:
        stream.set_display_rotation(ramp.rotation, hflip=ramp.hflip, vflip=ramp.vflip)
    return stream


def _add_silence(
    container: av.container.OutputContainer, stream: av.audio.stream.AudioStream, seconds: int
) -> None:
    """Encode silence."""
    samples = np.zeros((1, 8000 * seconds), np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 8000, 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))

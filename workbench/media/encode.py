"""Writing frames as a video file."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from workbench.errors import InvalidClipError
from workbench.media.scheduling import kept_scheduling

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_FINE_STEP = Fraction(1, 90_000)
_SUBSAMPLED = ("yuv420p", "yuva420p", "yuv420p10le")


def write_video(
    path: Path | str,
    frames: Iterable[np.ndarray],
    fps: float | Fraction,
    *,
    codec: str = "libx264",
    crf: int = 23,
    pixel_format: str = "yuv420p",
    times_s: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames as a video that streams from its first byte.

    The colours are tagged as what they are converted to (BT.601, limited range), so that every
    player shows the same ones.

    Args:
        path: Where to write; the ending chooses the container.
        frames: RGB pictures, uint8 (H, W, 3), all of one size: an array (T, H, W, 3) or
            anything that yields them one by one. With a subsampled pixel format an odd side
            loses its last row or column.
        fps: Frames a second.
        codec: Name of an encoder, such as "libx264" or "libvpx-vp9".
        crf: Quality, where the codec has it: lower is better and larger.
        pixel_format: How pixels are stored; "yuv420p" plays everywhere.
        times_s: Presentation times for a variable frame rate, increasing; ``fps`` is then a hint.
        options: More options of the encoder.

    Returns:
        The path.

    Raises:
        InvalidClipError: If there is no frame, or one is not RGB uint8.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_video(f"{folder}/grey.mp4", np.full((5, 48, 64, 3), 90, np.uint8), fps=10)
        ...     path.stat().st_size > 0
        True
    """
    rate = Fraction(fps).limit_denominator(1001)
    times = (number / rate for number in count()) if times_s is None else times_s
    settings = {"crf": str(crf)} | (options or {})
    step = 1 / rate if times_s is None else None  # some encoders insist on counting frames
    timed = zip(times, frames, strict=False)
    return write_timed(
        path, timed, rate, codec=codec, pixel_format=pixel_format, options=settings, time_base=step
    )


def write_timed(
    path: Path | str,
    timed_frames: Iterable[tuple[float | Fraction, np.ndarray]],
    rate: Fraction,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    time_base: Fraction | None = None,
) -> Path:
    """Write a stream of (seconds, picture) as a video, one picture in memory at a time.

    As `write_video`; `time_base` is the finest step of time to keep, 1/90000 s if not given.

    Raises:
        InvalidClipError: If there is no frame, or one is not RGB uint8.
    """
    path = Path(path)
    with kept_scheduling(), av.open(f"file:{path}", "w", options=_container_options(path)) as container:
        stream: Any = None
        for time_s, picture in timed_frames:
            _check(picture)
            if stream is None:
                stream = _add_stream(container, picture, rate, codec, pixel_format)
                # MP4 states too short a length of reordered frames that are shown unevenly long.
                stream.options = ({} if time_base else {"bf": "0"}) | (options or {})
                stream.codec_context.time_base = time_base or _FINE_STEP
            _mux(container, stream, picture, Fraction(time_s))
        if stream is None:
            raise InvalidClipError("Cannot write a video of 0 frames; at least 1 is needed.")
        container.mux(stream.encode(None))
    return path


def _container_options(path: Path) -> dict[str, str]:
    """Put the index first where the container can, so that playing starts at once."""
    return {"movflags": "+faststart"} if path.suffix.lower() in {".mp4", ".mov", ".m4v"} else {}


def _add_stream(
    container: "OutputContainer", picture: np.ndarray, rate: Fraction, codec: str, pixel_format: str
) -> Any:
    """Add a video stream that fits the first picture."""
    height, width = picture.shape[:2]
    step = 2 if pixel_format in _SUBSAMPLED else 1
    stream: Any = container.add_stream(codec, rate=rate)
    stream.width, stream.height = width // step * step, height // step * step
    stream.pix_fmt = pixel_format
    stream.codec_context.colorspace, stream.codec_context.color_range = 6, 1
    return stream


def _mux(container: "OutputContainer", stream: "VideoStream", picture: np.ndarray, time: Fraction) -> None:
    """Encode one picture at its time."""
    cut = np.ascontiguousarray(picture[: stream.height, : stream.width])
    frame = av.VideoFrame.from_ndarray(cut, format="rgb24")
    frame.time_base = stream.codec_context.time_base
    frame.pts = round(time / frame.time_base)
    container.mux(stream.encode(frame))


def _check(picture: np.ndarray) -> None:
    """Refuse what is not an RGB picture."""
    if picture.ndim != 3 or picture.shape[-1] != 3 or picture.dtype != np.uint8:
        raise InvalidClipError(
            f"A frame is a uint8 array of shape (H, W, 3); this one is {picture.dtype} {picture.shape}."
        )

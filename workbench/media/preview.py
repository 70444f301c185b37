"""What a browser can play: the file itself where possible, else a small H.264 copy."""

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.media.cache import BytesCache

if TYPE_CHECKING:
    from workbench.media.clips import Clip
    from workbench.media.files import MediaFile
    from workbench.media.frames import MediaInfo

_CACHE: BytesCache[tuple[bytes, str]] = BytesCache(128 << 20, lambda value: len(value[0]))
_MAX_BYTES = 8 << 20
_MAX_SIDE = 480
_MAX_SECONDS = 20.0
_IMAGE_SIDE = 1600
_SPAN_TOLERANCE_S = 0.1
_WEBM_CODECS = {"vp8", "vp9", "av1"}
_MP4_CODECS = {"h264", "vp9", "av1"}
_EIGHT_BIT = {"yuv420p", "yuvj420p"}
_IMAGE_TYPES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
}


def browser_clip(clip: "Clip", max_bytes: int = _MAX_BYTES) -> "tuple[bytes, str]":
    """Return a clip as bytes that browsers show, with their media type.

    A file that browsers play as it is (H.264, VP8, VP9 or AV1 with 8 bits in MP4 or WebM, one
    video stream) and that is small enough comes back unchanged. Everything else becomes an MP4
    without sound: H.264, at most 480 pixels on its longer side, 30 frames a second and the
    first 20 seconds of the clip. Results are kept in memory; threads may call this at once.

    Args:
        clip: A video or an image.
        max_bytes: Largest file that is passed on unchanged.

    Returns:
        Bytes and media type: "video/mp4", "video/webm", "image/jpeg", "image/png" or "image/gif".

    Raises:
        MediaError: If the file is gone or cannot be decoded.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> clip = sample_clips()[0]
        >>> browser_clip(clip) == (clip.path.read_bytes(), "video/mp4")
        True
    """
    identity = (clip.content_id or str(clip.path), clip.start_s, clip.stop_s, max_bytes)
    return _CACHE.get(identity, lambda: _make(clip, max_bytes))


def _make(clip: "Clip", max_bytes: int) -> tuple[bytes, str]:
    """Pass the file on, or make a copy that plays."""
    from workbench.media.files import media_file

    file = media_file(clip.path)
    small = file.size <= max_bytes
    if clip.kind == "image":
        return _image(clip.path, file, small=small)
    media_type = _playable_type(clip, file) if small else ""
    return (file.read_bytes(), media_type) if media_type else (_transcoded(clip), "video/mp4")


def _image(path: Path, file: "MediaFile", *, small: bool) -> tuple[bytes, str]:
    """Pass an image on, or make a JPEG of it."""
    from workbench.media.images import jpeg_bytes, read_image

    with file.open() as stream:
        head = stream.read(4)
    media_type = next((kind for start, kind in _IMAGE_TYPES.items() if head.startswith(start)), "")
    if small and media_type:
        return file.read_bytes(), media_type
    return jpeg_bytes(read_image(path), _IMAGE_SIDE), "image/jpeg"


def _playable_type(clip: "Clip", file: "MediaFile") -> str:
    """Return the media type if browsers play the file as it is, else an empty string."""
    from workbench.media.decode import probe

    info = probe(clip.path)
    whole = clip.start_s <= 0 and abs(clip.stop_s - info.duration_s) <= _SPAN_TOLERANCE_S
    if not whole or info.num_video_streams > 1 or info.pixel_format not in _EIGHT_BIT:
        return ""
    with file.open() as stream:
        return _container_type(info, stream.read(64))


def _container_type(info: "MediaInfo", head: bytes) -> str:
    """Tell MP4 and WebM from their relatives (MOV, MKV), which not every browser plays."""
    if "mp4" in info.container and head[4:8] == b"ftyp" and head[8:12] != b"qt  ":
        return "video/mp4" if info.codec in _MP4_CODECS else ""
    if "webm" in info.container and b"webm" in head:
        return "video/webm" if info.codec in _WEBM_CODECS else ""
    return ""


def _transcoded(clip: "Clip") -> bytes:
    """Make a small H.264 copy of the start of a clip, at the times of its own frames."""
    from workbench.media.decode import pictures_between
    from workbench.media.encode import write_timed

    stop_s = min(clip.stop_s, clip.start_s + _MAX_SECONDS)
    pictures = pictures_between(clip.path, clip.start_s, stop_s, max_side=_MAX_SIDE)
    from_zero = ((time_s - clip.start_s, picture) for time_s, picture in pictures)
    options = {"crf": "28", "preset": "veryfast"}
    with tempfile.TemporaryDirectory(prefix="wb-preview-") as folder:
        path = write_timed(Path(folder) / "preview.mp4", from_zero, Fraction(30), options=options)
        return path.read_bytes()

"""One video or image as a clip, from its headers."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from workbench.errors import InvalidClipError, UnsupportedMediaError
from workbench.media.clips import Clip
from workbench.media.files import media_file
from workbench.media.names import safe_text
from workbench.media.walk import IMAGE_ENDINGS, VIDEO_ENDINGS, Wanted

_HASHED_BYTES = 1 << 16


def read_clip(path: Path | str, key: str = "") -> Clip:
    """Read the headers of one file.

    Args:
        path: A video or image, also inside a tar archive; with an unknown ending both are tried.
        key: Name for the clip; the file's name if empty.

    Returns:
        The whole file as a clip.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: With the reason.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> read_clip(sample_clips()[0].path).kind
        'video'
    """
    from workbench.media.decode import probe
    from workbench.media.images import image_size

    path = Path(path)
    key = key or safe_text(path.name)
    ending = path.suffix.lower()
    if ending not in IMAGE_ENDINGS:
        try:
            info = probe(path)
        except UnsupportedMediaError:
            if ending in VIDEO_ENDINGS or path.is_dir():
                raise
        else:
            return Clip(
                key, path, "video", 0.0, info.duration_s, info.width, info.height, "", content_id(path)
            )
    width, height = image_size(path)
    return Clip(key, path, "image", 0.0, 0.0, width, height, "", content_id(path))


def cut_clip(whole: Clip, wanted: Wanted) -> Clip:
    """Give a clip the name, the caption and the span that are wanted.

    Args:
        whole: The whole file.
        wanted: What was asked for; an end beyond the video's is the video's.

    Returns:
        The clip.

    Raises:
        InvalidClipError: If the span holds nothing of the video, or an image is given one.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> cut_clip(sample_clips()[0], Wanted(Path("a.mp4"), "a", 0.5, 99.0)).duration_s
        1.0
    """
    named = replace(whole, key=wanted.key, caption=wanted.caption)
    if wanted.start_s is None and wanted.stop_s is None:
        return named
    if whole.kind == "image":
        raise InvalidClipError("An image has no span; leave start_s and stop_s empty.")
    start_s = wanted.start_s or 0.0
    stop_s = whole.stop_s if wanted.stop_s is None else min(wanted.stop_s, whole.stop_s)
    if start_s >= stop_s:
        raise InvalidClipError(
            f"There is nothing from {start_s:g} to {stop_s:g} s in a video of {whole.duration_s:.2f} s."
        )
    return replace(named, start_s=start_s, stop_s=stop_s)


def content_id(path: Path) -> str:
    """Name the content of a file cheaply: from its size, and 64 kB of its start, middle and end.

    Renaming or copying a file keeps its id, so does packing it into a tar archive; so vectors stored
    under it are found again.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> len(content_id(sample_clips()[0].path))
        32
    """
    digest = hashlib.blake2b(digest_size=16)
    with media_file(path).open() as file:
        size = file.seek(0, os.SEEK_END)
        digest.update(size.to_bytes(8, "big"))
        for place in sorted({0, max(0, size // 2), max(0, size - _HASHED_BYTES)}):
            file.seek(place)
            digest.update(file.read(_HASHED_BYTES))
    return digest.hexdigest()

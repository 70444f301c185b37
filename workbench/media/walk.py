"""Listing a folder: which files are media, in natural order, without running in circles."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from natsort import natsort_keygen

from workbench.media.names import display_name, safe_text
from workbench.media.outcome import SourceError

VIDEO_ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "mts", "m2ts", "vob", "flv", "ogv"),
        *("wmv", "asf", "3gp", "3g2", "mxf", "ivf", "nut", "dv", "h264", "hevc", "y4m", "rm", "rmvb"),
    )
)
IMAGE_ENDINGS = frozenset(
    f".{ending}" for ending in ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff")
)
SHARD_ENDING = ".tar"
_DEEPEST = 200  # folders within each other
_LISTED_ENDINGS = VIDEO_ENDINGS | IMAGE_ENDINGS | {SHARD_ENDING}
_natural = natsort_keygen()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One clip to read.

    Args:
        path: The file, or a member of a shard.
        key: Name of the clip.
        start_s: Start of the span in seconds; None is the start of the video.
        stop_s: End of the span in seconds; None is the end of the video.
        caption: What it shows.
        listed: The line of a manifest that asks for it, such as "list.csv, line 3"; "" for none.
    """

    path: Path
    key: str
    start_s: float | None = None
    stop_s: float | None = None
    caption: str = ""
    listed: str = ""


@dataclass
class Found:
    """What a source stands for before anything is opened."""

    files: list[Wanted] = field(default_factory=list)
    missing: list[SourceError] = field(default_factory=list)
    broken: list[SourceError] = field(default_factory=list)
    ignored: int = 0

    def take(self, more: "Found") -> None:
        """Add what another source stands for."""
        self.files += more.files
        self.missing += more.missing
        self.broken += more.broken
        self.ignored += more.ignored


def walk_folder(folder: Path, *, recursive: bool = True) -> Found:
    """List the media files and shards of a folder in natural order (2 before 10).

    Links to folders are followed, each real folder once. Hidden files and folders and files
    without a media ending are counted as ignored. A folder with the ending of a video or image
    that holds no media is a mistake worth telling: it is listed as broken.

    Args:
        folder: A folder that exists.
        recursive: Whether to go into folders inside.

    Returns:
        Files with their keys (paths relative to the folder), and what could not be listed.
    """
    found = Found()
    for path in _walk(folder, found, {_identity(folder)}, recursive=recursive):
        found.files.append(Wanted(path, safe_text(path.relative_to(folder).as_posix())))
    return found


def _walk(
    folder: Path, found: Found, seen: set[tuple[int, int]], *, recursive: bool, depth: int = 0
) -> Iterator[Path]:
    """Yield the media files below a folder; note everything else in `found`."""
    if depth > _DEEPEST:
        reason = f"It lies more than {_DEEPEST} folders deep, and is not read."
        found.broken.append(SourceError(safe_text(str(folder)), reason))
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: _natural(entry.name))
    except OSError as error:
        reason = f"Cannot list the folder: {error.strerror}."
        found.broken.append(SourceError(safe_text(str(folder)), reason))
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            found.ignored += 1
        elif _is_folder(entry):
            yield from _walk_inside(path, found, seen, recursive=recursive, depth=depth + 1)
        elif path.suffix.lower() in _LISTED_ENDINGS:
            yield path
        else:
            found.ignored += 1


def _walk_inside(
    path: Path, found: Found, seen: set[tuple[int, int]], *, recursive: bool, depth: int
) -> Iterator[Path]:
    """Go into a folder inside, unless it was visited, and complain if it only looks like a file."""
    identity = _identity(path)
    media_inside = False
    if recursive and identity not in seen:
        seen.add(identity)
        for inner in _walk(path, found, seen, recursive=recursive, depth=depth):
            media_inside = True
            yield inner
    if not media_inside and path.suffix.lower() in VIDEO_ENDINGS | IMAGE_ENDINGS:
        reason = f"{display_name(path)} is a folder, not a file."
        found.broken.append(SourceError(safe_text(str(path)), reason))


def _is_folder(entry: os.DirEntry) -> bool:
    """Tell whether an entry is a folder or leads to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(folder: Path) -> tuple[int, int]:
    """Return what makes a folder the same folder under another name."""
    info = folder.stat()
    return info.st_dev, info.st_ino

"""From files, folders, patterns and lists to a ClipSet; what cannot be read is an outcome."""

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from natsort import natsorted

from workbench.errors import InvalidParameterError, MediaError, SourceNotFoundError, UnsupportedMediaError
from workbench.media.clips import Clip, ClipSet
from workbench.media.names import display_name, safe_text
from workbench.media.outcome import OutcomeReport, SourceError
from workbench.media.walk import IMAGE_ENDINGS, VIDEO_ENDINGS, Found, walk_folder

Progress = Callable[[int, int], None]

_WORKERS = 4
_AT_ONCE = 64
_HASHED_BYTES = 1 << 16


def load_clips(
    source: Any,
    *,
    recursive: bool = True,
    on_progress: Progress | None = None,
    stop: Event | None = None,
) -> ClipSet:
    """Find videos and images and read their headers.

    Nothing that one file does ends the call: what could not be read is in ``errors`` with its
    path and reason. Only headers are read, so thousands of files take seconds.

    Args:
        source: A file; a folder (its files in natural order: 2 before 10); a pattern such as
            ``"films/**/*.mp4"``; a ClipSet or Clip; or a list of these. Files without the ending
            of a video or image are ignored in folders and patterns, and tried when named.
        recursive: Whether folders inside folders are searched. Hidden ones never are.
        on_progress: Called with files read and files in all, from this thread.
        stop: When it is set, the call returns what has been read so far.

    Returns:
        The clips in order, with ``outcomes`` and ``errors``. Keys are paths relative to the
        folder that was given.

    Raises:
        InvalidParameterError: If the source is no path, clip or list of these.

    Example:
        >>> clips = load_clips("/no/such/folder")
        >>> len(clips), clips.errors[0].path
        (0, '/no/such/folder')
    """
    report = OutcomeReport()
    files: list[Clip | tuple[Path, str]] = []
    for item in _flattened(source):
        if isinstance(item, Clip):
            files.append(item)
            continue
        found = _find(item, recursive=recursive)
        files += found.files
        report += OutcomeReport((), (), tuple(found.missing), tuple(found.broken), found.ignored)
    return _read_all(files, report, on_progress, stop)


def read_clip(path: Path | str, key: str = "") -> Clip:
    """Read the headers of one file.

    Args:
        path: A video or image; with an unknown ending both are tried.
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


def content_id(path: Path) -> str:
    """Name the content of a file cheaply: from its size, its first and its last 64 kB.

    Renaming or copying a file keeps its id; so vectors stored under it are found again.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> len(content_id(sample_clips()[0].path))
        32
    """
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest.update(size.to_bytes(8, "big"))
        for place in sorted({0, max(0, size // 2), max(0, size - _HASHED_BYTES)}):
            file.seek(place)
            digest.update(file.read(_HASHED_BYTES))
    return digest.hexdigest()


def _flattened(source: Any) -> Iterator[Any]:
    """Yield paths (str or Path) and clips out of nested lists; refuse anything else."""
    if isinstance(source, str | Path | Clip):
        yield source
    elif isinstance(source, os.PathLike):
        yield Path(os.fsdecode(source))
    elif isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | dict):
        for item in source:
            yield from _flattened(item)
    else:
        raise InvalidParameterError(
            f"Clips cannot be loaded from a {type(source).__name__}.",
            next_step="Give a file, a folder, a pattern such as 'films/*.mp4', or a list of these.",
        )


def _find(item: str | Path, *, recursive: bool) -> Found:
    """List the files that one path or pattern stands for."""
    text = str(item)
    path = Path(text).expanduser()
    try:
        if text.strip() and path.is_dir():
            return _find_in_folder(path, recursive=recursive)
        if text.strip() and (path.exists() or path.is_symlink()):
            return Found(files=[(path, safe_text(path.name))])
    except OSError as error:  # a name too long, a folder that may not be entered
        return Found(broken=[SourceError(safe_text(text), f"Cannot look there: {error.strerror}.")])
    if glob.has_magic(text):
        return _find_by_pattern(str(path))
    return Found(missing=[SourceError(safe_text(text), _why_nothing(text))])


def _why_nothing(text: str) -> str:
    """Say why a path stands for nothing."""
    if not text.strip():
        return "The path is empty."
    if "\0" in text:
        return "A path cannot hold a zero byte."
    if "://" in text:
        return "Addresses are not opened; download the file first."
    return "There is no such file or folder."


def _find_in_folder(folder: Path, *, recursive: bool) -> Found:
    """List a folder; one without any media is worth telling."""
    found = walk_folder(folder, recursive=recursive)
    if not found.files and not found.broken:
        what = f"No video or image in the folder {display_name(folder)}."
        found.missing.append(SourceError(safe_text(str(folder)), what))
    return found


def _find_by_pattern(pattern: str) -> Found:
    """List what a pattern matches; keys are relative to the part without wildcards."""
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    found = Found()
    for name in natsorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 takes absolute patterns
        path = Path(name)
        if path.is_dir():
            continue
        if path.suffix.lower() in VIDEO_ENDINGS | IMAGE_ENDINGS:
            found.files.append((path, safe_text(path.relative_to(base).as_posix())))
        else:
            found.ignored += 1
    if not found.files and not found.ignored:
        found.missing.append(SourceError(safe_text(pattern), "Nothing matches this pattern."))
    return found


def _read_all(
    files: list[Clip | tuple[Path, str]],
    report: OutcomeReport,
    on_progress: Progress | None,
    stop: Event | None,
) -> ClipSet:
    """Read headers in a few threads, keeping the order; stop between files when asked."""
    clips, missing, broken = [], list(report.missing), list(report.broken)
    stopped = False
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="wb-headers") as pool:
        for start in range(0, len(files), _AT_ONCE):
            if stop is not None and stop.is_set():
                stopped = True
                break
            part = list(pool.map(_read_or_error, files[start : start + _AT_ONCE]))
            clips += [result for result in part if isinstance(result, Clip)]
            missing += [error for gone, error in _errors(part) if gone]
            broken += [error for gone, error in _errors(part) if not gone]
            if on_progress is not None:
                on_progress(start + len(part), len(files))
    joined = ClipSet(clips)
    joined.outcomes += replace(report, missing=tuple(missing), broken=tuple(broken), stopped=stopped)
    return joined


def _read_or_error(file: Clip | tuple[Path, str]) -> Clip | tuple[bool, SourceError]:
    """Read one file; a failure becomes its reason, and whether the file is gone."""
    if isinstance(file, Clip):
        return file
    path, key = file
    try:
        return read_clip(path, key)
    except MediaError as error:
        return isinstance(error, SourceNotFoundError), SourceError(safe_text(str(path)), str(error))
    except OSError as error:  # it went away, or its disk failed, after it was opened
        return False, SourceError(
            safe_text(str(path)), f"Cannot read {display_name(path)}: {error.strerror}."
        )


def _errors(results: Iterable[Clip | tuple[bool, SourceError]]) -> list[tuple[bool, SourceError]]:
    """Keep what is not a clip."""
    return [result for result in results if not isinstance(result, Clip)]

"""From files, folders, patterns, manifests and shards to a ClipSet; what cannot be read is an outcome."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from threading import Event
from typing import Any

from natsort import natsorted

from workbench.errors import InvalidClipError, InvalidParameterError, MediaError, SourceNotFoundError
from workbench.media.archive import is_shard, list_shard
from workbench.media.clips import Clip, ClipSet
from workbench.media.headers import cut_clip
from workbench.media.known_headers import KnownHeaders
from workbench.media.manifests import MANIFEST_ENDINGS, read_manifest
from workbench.media.names import display_name, safe_text
from workbench.media.outcome import OutcomeReport, SourceError
from workbench.media.walk import IMAGE_ENDINGS, VIDEO_ENDINGS, Found, Wanted, walk_folder

Progress = Callable[[int, int], None]

_WORKERS = 4
_AT_ONCE = 64
_REMEMBERED = 1024  # files whose headers are kept while a manifest names spans of them


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
            ``"films/**/*.mp4"``; a manifest (.csv, .tsv, .json, .jsonl, .parquet, .txt) with a
            ``path`` in each row, and ``start_s``, ``stop_s``, ``caption``, ``key`` if wanted; a
            WebDataset shard (.tar), whose videos and images are read where they lie; a ClipSet or
            Clip; or a list of these. Other files are ignored in folders and patterns, and tried
            when named; a manifest counts only when named.
        recursive: Whether folders inside folders are searched. Hidden ones never are.
        on_progress: Called with files read and files in all, from this thread.
        stop: When it is set, the call returns what has been read so far.

    Returns:
        The clips in order, with ``outcomes`` and ``errors``. Keys are paths relative to the
        folder that was given, what a manifest says, or those of a shard's samples.

    Raises:
        InvalidParameterError: If the source is no path, clip or list of these.

    Example:
        >>> clips = load_clips("/no/such/folder")
        >>> len(clips), clips.errors[0].path
        (0, '/no/such/folder')
    """
    files: list[Clip | Wanted] = []
    all_found = Found()
    for item in _flattened(source):
        if isinstance(item, Clip):
            files.append(item)
            continue
        found = _find(item, recursive=recursive)
        files += found.files
        all_found.take(found)
    report = OutcomeReport((), (), tuple(all_found.missing), tuple(all_found.broken), all_found.ignored)
    return _read_all(files, report, on_progress, stop)


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
    path = Path(text)
    with suppress(RuntimeError):  # "~somebody" who is not there is a plain name
        path = path.expanduser()
    try:
        if text.strip() and path.is_dir():
            return _find_in_folder(path, recursive=recursive)
        if text.strip() and (path.exists() or path.is_symlink()):
            return _find_named(path)
        if any(parent.is_file() for parent in path.parents):  # a member of a shard
            return Found(files=[Wanted(path, safe_text(path.name))])
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


def _find_named(path: Path) -> Found:
    """List what a file that was named stands for."""
    if path.suffix.lower() in MANIFEST_ENDINGS:
        return _opened(path, read_manifest)
    if not is_shard(path):
        return Found(files=[Wanted(path, safe_text(path.name))])
    found = _opened(path, list_shard)
    if not found.files and not found.broken:
        what = f"No video or image in the shard {display_name(path)}."
        found.missing.append(SourceError(safe_text(str(path)), what))
    return found


def _find_in_folder(folder: Path, *, recursive: bool) -> Found:
    """List a folder; one without any media is worth telling."""
    found = _with_shards_open(walk_folder(folder, recursive=recursive))
    if not found.files and not found.broken:
        what = f"No video or image in the folder {display_name(folder)}."
        found.missing.append(SourceError(safe_text(str(folder)), what))
    return found


def _find_by_pattern(pattern: str) -> Found:
    """List what a pattern matches; keys are relative to the part without wildcards."""
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    found, seen = Found(), set[tuple[Path, str]]()
    real = cache(Path.resolve)
    for name in natsorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 takes absolute patterns
        path = Path(name)
        place = (real(path.parent), path.name)
        if path.is_dir() or place in seen:  # a link may lead round in a circle
            continue
        seen.add(place)
        if path.suffix.lower() in VIDEO_ENDINGS | IMAGE_ENDINGS or is_shard(path):
            found.files.append(Wanted(path, safe_text(path.relative_to(base).as_posix())))
        else:
            found.ignored += 1
    if not found.files and not found.ignored:
        found.missing.append(SourceError(safe_text(pattern), "Nothing matches this pattern."))
    return _with_shards_open(found)


def _with_shards_open(found: Found) -> Found:
    """Put the members of shards in the place of the shards."""
    opened = Found([], found.missing, found.broken, found.ignored)
    for wanted in found.files:
        opened.take(_opened(wanted.path, list_shard) if is_shard(wanted.path) else Found([wanted]))
    return opened


def _opened(path: Path, read: Callable[[Path], Found]) -> Found:
    """Read a manifest or a shard; one that cannot be read is an outcome."""
    try:
        return read(path)
    except (MediaError, OSError) as error:
        reason = str(error) if isinstance(error, MediaError) else f"Cannot read it: {error.strerror}."
        return Found(broken=[SourceError(safe_text(str(path)), reason)])


def _read_all(
    files: list[Clip | Wanted],
    report: OutcomeReport,
    on_progress: Progress | None,
    stop: Event | None,
) -> ClipSet:
    """Read headers in a few threads, keeping the order; stop between files when asked."""
    clips, missing, broken = [], list(report.missing), list(report.broken)
    stopped = False
    with KnownHeaders() as known, ThreadPoolExecutor(_WORKERS, thread_name_prefix="wb-headers") as pool:
        whole = lru_cache(_REMEMBERED)(known.read)
        for start in range(0, len(files), _AT_ONCE):
            if stop is not None and stop.is_set():
                stopped = True
                break
            part = list(_read_part(files[start : start + _AT_ONCE], known, whole, pool))
            clips += [result for result in part if isinstance(result, Clip)]
            missing += [error for gone, error in _errors(part) if gone]
            broken += [error for gone, error in _errors(part) if not gone]
            if on_progress is not None:
                on_progress(start + len(part), len(files))
    joined = ClipSet(clips)
    joined.outcomes += replace(report, missing=tuple(missing), broken=tuple(broken), stopped=stopped)
    return joined


def _read_part(
    files: list[Clip | Wanted], known: KnownHeaders, whole: Callable[[Path], Clip], pool: ThreadPoolExecutor
) -> Iterator[Clip | tuple[bool, SourceError]]:
    """Read some files; threads help only where one has to be opened."""
    paths = {file.path for file in files if isinstance(file, Wanted)}
    found = {path: clip for path in paths if (clip := known.find(path)) is not None}
    read = map if len(found) == len(paths) else pool.map
    return read(lambda file: _read_or_error(file, lambda path: found.get(path) or whole(path)), files)


def _read_or_error(file: Clip | Wanted, whole: Callable[[Path], Clip]) -> Clip | tuple[bool, SourceError]:
    """Read one file; a failure becomes its reason, and whether the file is gone."""
    if isinstance(file, Clip):
        return file
    named = file.listed or safe_text(str(file.path))
    try:
        return cut_clip(whole(file.path), file)
    except (MediaError, InvalidClipError) as error:
        return isinstance(error, SourceNotFoundError), SourceError(named, str(error))
    except OSError as error:  # it went away, or its disk failed, after it was opened
        return False, SourceError(named, f"Cannot read {display_name(file.path)}: {error.strerror}.")


def _errors(results: Iterable[Clip | tuple[bool, SourceError]]) -> list[tuple[bool, SourceError]]:
    """Keep what is not a clip."""
    return [result for result in results if not isinstance(result, Clip)]

"""Headers that were read before, remembered: listing an unchanged folder again opens none of its files.

One SQLite file in the user's cache folder. It only saves time: when it is missing, damaged, locked or cannot
be written, headers are read again.
"""

import importlib.metadata
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from models.user_cache import in_user_cache
from workbench.media.clips import Clip
from workbench.media.headers import read_clip
from workbench.media.names import safe_text

HEADERS_ENV = "EMBEDDING_WORKBENCH_HEADERS"
MOST_FILES = 500_000  # the oldest go first; about 200 bytes each
_FORMAT = 2  # raised when a column or the content id comes to mean something else
_PATIENCE_S = 2.0  # another process may be writing
_SETTLED_NS = 100_000_000  # ten times the tick of a file system's clock
_SETTLED_COARSE_NS = 3_000_000_000  # some file systems count in whole seconds, or in two
_MAKE = """CREATE TABLE IF NOT EXISTS headers (
    path BLOB PRIMARY KEY, made_by TEXT, size INT, mtime_ns INT, ctime_ns INT, inode TEXT,
    kind TEXT, stop_s REAL, width INT, height INT, content_id TEXT)"""
_FIND = """SELECT kind, stop_s, width, height, content_id FROM headers
    WHERE path = ? AND made_by = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND inode = ?"""
_KEEP = "INSERT OR REPLACE INTO headers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM headers WHERE rowid <= (SELECT MAX(rowid) FROM headers) - ?"
_Stamp = tuple[int, int, int, int]
_logger = logging.getLogger("workbench")


def headers_path() -> Path:
    """File of the headers: the variable EMBEDDING_WORKBENCH_HEADERS, else in the user's cache."""
    return in_user_cache(HEADERS_ENV, "headers.sqlite")


class KnownHeaders:
    """Finds the headers of unchanged files, and reads others; a context that keeps these at its end.

    A file is unchanged when its size, its times of change and its number in the file system are what they
    were. One that was changed a moment before it was read is not remembered: another change within the same
    tick of the clock could not be told.

    Args:
        path: The file; ``headers_path()`` when not given.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> with KnownHeaders() as known:
        ...     known.read(sample_clips()[0].path).kind
        'video'
        >>> with KnownHeaders() as known:
        ...     known.find(sample_clips()[0].path).kind
        'video'
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or headers_path()
        self._made_by = ""
        self._database: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._new: list[tuple[object, ...]] = []

    def __enter__(self) -> Self:
        with self._careful():
            self._made_by = f"{_FORMAT}, av {importlib.metadata.version('av')}"
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=_PATIENCE_S)
            self._database.execute(_MAKE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is new, in one transaction."""
        if self._database is None:
            return
        with self._careful(), closing(self._database), self._database as writing:
            if self._new:
                writing.executemany(_KEEP, self._new)
                writing.execute(_FORGET, (MOST_FILES,))
        self._database = None

    def read(self, path: Path) -> Clip:
        """Read the headers of a file, to be known from now on; called from several threads at once.

        Args:
            path: A video or image, also inside a tar archive.

        Returns:
            The whole file as a clip.

        Raises:
            MediaError: As ``read_clip``.
        """
        began_ns, stamp = time.time_ns(), _stamp(path)
        clip = read_clip(path)
        if stamp is not None and _is_settled(stamp, began_ns) and _stamp(path) == stamp:
            row = (clip.kind, clip.stop_s, clip.width, clip.height, clip.content_id)
            with self._lock:
                self._new.append((_key(path), self._made_by, *_columns(stamp), *row))
        return clip

    def find(self, path: Path) -> Clip | None:
        """Look a file up as it is now, in the thread that entered the context.

        Args:
            path: A video or image.

        Returns:
            What ``read`` would give; None when the file is not known, or was changed.
        """
        stamp, row = _stamp(path), None
        if stamp is None or self._database is None:
            return None
        with self._careful():
            row = self._database.execute(_FIND, (_key(path), self._made_by, *_columns(stamp))).fetchone()
        if row is None or row[0] not in ("video", "image"):
            return None
        kind, stop_s, width, height, content_id = row
        return Clip(safe_text(path.name), path, kind, 0.0, stop_s, width, height, "", content_id)

    @contextmanager
    def _careful(self) -> Generator[None]:
        """Go on without the file when it fails; a damaged one is removed, so that the next run has one."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            _logger.info("Headers cannot be kept in %s: %s", self.path, error)
            if isinstance(error, sqlite3.DatabaseError) and _is_damaged(error):
                self._database = None
                _remove_database(self.path)


def _stamp(path: Path) -> _Stamp | None:
    """What changes when a file is changed, for a member its archive; None where there is no such file."""
    try:
        facts = path.stat()
    except NotADirectoryError:
        archive = next((parent for parent in path.parents if parent.is_file()), None)
        return _stamp(archive) if archive is not None else None
    except (OSError, ValueError):
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def _columns(stamp: _Stamp) -> tuple[object, ...]:
    """The stamp as SQLite can hold it: inodes may have 64 bits without a sign."""
    return (*stamp[:3], str(stamp[3]))


def _key(path: Path) -> bytes:
    """The name of a file, whatever bytes it has."""
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps "..", which would be another key


def _is_settled(stamp: _Stamp, now_ns: int) -> bool:
    """Whether a change from now on would show in the stamp."""
    changed_ns = stamp[2] if os.name == "posix" else max(stamp[1:3])
    coarse = changed_ns % 1_000_000_000 == 0
    return now_ns - changed_ns > (_SETTLED_COARSE_NS if coarse else _SETTLED_NS)


def _is_damaged(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is at fault, not a lock or a full disk."""
    return error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _remove_database(path: Path) -> None:
    """Remove a damaged database; a file that never was one is not ours."""
    try:
        with path.open("rb") as file:
            ours = file.read(15) == b"SQLite format 3"
        if ours:
            path.unlink()
    except OSError as error:
        _logger.info("The damaged %s stays: %s", path, error)

"""What holds for every media file, before anything decodes it: is it there, and where are its bytes."""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from workbench.errors import ClipDecodeError, SourceNotFoundError, UnsupportedMediaError
from workbench.media.names import display_name

MAX_PIXELS = 89_478_485  # the limit Pillow warns at: 8192 x 8192 passes, a decompression bomb does not


@dataclass(frozen=True)
class MediaFile:
    """Where the bytes of a video or image lie: a file of its own, or a stretch of an archive.

    Args:
        path: The file on disk.
        size: Bytes of the video or image.
        start: Where it begins in the file on disk.
        inside: Whether it is a stretch of a larger file.
    """

    path: Path
    size: int
    start: int = 0
    inside: bool = False

    @property
    def address(self) -> str:
        """How FFmpeg is told: never more than these bytes, whatever they hold."""
        # "file:" keeps a name such as "12:30.mp4" from being taken for a protocol.
        if not self.inside:
            return f"file:{self.path}"
        return f"subfile,,start,{self.start},end,{self.start + self.size},,:file:{self.path}"

    def open(self) -> BinaryIO:
        """Open it for reading; positions count from its own first byte."""
        if not self.inside:
            return self.path.open("rb")
        return cast("BinaryIO", io.BufferedReader(_Stretch(self.path, self.start, self.size)))

    def read_bytes(self) -> bytes:
        """Read all of it."""
        with self.open() as file:
            return file.read()


class _Stretch(io.RawIOBase):
    """Part of a file as if it were one."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start, self._size, self._place = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"Cannot seek to {base + offset}.")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: "memoryview") -> int:  # ty: ignore[incompatible-method-override]
        self._file.seek(self._start + self._place)
        room = max(0, min(len(buffer), self._size - self._place))
        count = self._file.readinto(memoryview(buffer)[:room])
        self._place += count or 0
        return count or 0

    def close(self) -> None:
        self._file.close()
        super().close()


def media_file(path: Path) -> MediaFile:
    """Find the bytes of a video or image, in a file or in a tar archive.

    Args:
        path: A file, or "shard.tar/member.mp4" for a member of an uncompressed archive.

    Returns:
        Where they are.

    Raises:
        MediaError: As `check_readable`.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> media_file(sample_clips()[0].path).start
        0
    """
    try:
        size = path.stat().st_size
    except NotADirectoryError:
        from workbench.media.archive import find_member

        return find_member(path)
    except OSError:
        size = 0
    check_readable(path)
    return MediaFile(path, size)


def check_readable(path: Path) -> None:
    """Raise a plain error unless the path names a regular, non-empty file that may be read.

    Raises:
        SourceNotFoundError: If nothing is there.
        UnsupportedMediaError: If it is a folder or a device, or empty.
        ClipDecodeError: If it may not be read. A file whose mode lets nobody read it counts
            as unreadable for the administrator too, so that results do not depend on the user.
    """
    name = display_name(path)
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise UnsupportedMediaError(f"{name} is a folder, not a file.")
        if not stat.S_ISREG(info.st_mode):
            raise UnsupportedMediaError(f"{name} is not a regular file.")
        if os.name == "posix" and not info.st_mode & 0o444:
            raise _no_permission(name)
        if info.st_size == 0:
            raise UnsupportedMediaError(f"{name} is empty (0 bytes).")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"There is no file {name}.") from error
    except PermissionError as error:
        raise _no_permission(name) from error
    except OSError as error:
        raise ClipDecodeError(f"Cannot read {name}: {error.strerror or error}.") from error


def _no_permission(name: str) -> ClipDecodeError:
    """Build the error for a file that may not be read."""
    return ClipDecodeError(
        f"No permission to read {name}.", next_step="Change its permissions, or leave it out."
    )

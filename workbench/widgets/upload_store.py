"""Where uploaded files go: a folder that ends with the session, names that cannot leave it."""

import atexit
import re
import shutil
import tempfile
import unicodedata
from functools import cache
from pathlib import Path

MAX_NAME_BYTES = 200
SPARE_BYTES = 64 * 2**20
_SEPARATORS = re.compile(r"[/\\]")
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')


class UploadError(Exception):
    """An upload cannot go on; the message is for the reader."""


@cache
def session_folder() -> Path:
    """Return the folder of this process's uploads; it is removed when Python ends.

    Returns:
        An existing folder of our own.

    Example:
        >>> session_folder().is_dir()
        True
    """
    folder = Path(tempfile.mkdtemp(prefix="workbench-uploads-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def safe_name(name: str) -> str:
    r"""Make a file name out of what a browser sent: its last part, without what names must not have.

    Args:
        name: Any text.

    Returns:
        A name of one part, not hidden, of at most 200 bytes; ``"file"`` when nothing is left.

    Example:
        >>> safe_name("../../etc/passwd"), safe_name("C:\\clips\\a b.mp4"), safe_name("..")
        ('passwd', 'a b.mp4', 'file')
    """
    last = _SEPARATORS.split(unicodedata.normalize("NFC", name))[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    stem, dot, suffix = _NOT_IN_NAMES.sub("_", kept).strip(". ").rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    ending = _cut(f"{dot}{suffix}", 20)
    return (_cut(stem, MAX_NAME_BYTES - 20) + ending) or "file"


def free_path(folder: Path, name: str) -> Path:
    """Return a path in a folder that nothing has yet: ``a.mp4``, then ``a (2).mp4``, ...

    Args:
        folder: An existing folder.
        name: A safe name.

    Returns:
        The path.
    """
    path, count = folder / name, 1
    while path.exists():
        count += 1
        path = folder / f"{Path(name).stem} ({count}){Path(name).suffix}"
    return path


class IncomingFile:
    """One file while it arrives: written in order to a hidden part file, then given its name.

    Args:
        folder: Where it goes.
        name: The browser's name for it.
        size: Its bytes.
        number: A number that no other file arriving in this folder has.

    Raises:
        UploadError: If the disk has no room for it.
    """

    def __init__(self, folder: Path, name: str, size: int, number: int) -> None:
        self.name = safe_name(name)
        self.size = size
        self.received = 0
        self._folder = folder
        self._part = folder / f".part-{number}"
        self._file = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if free < size + SPARE_BYTES:
                raise UploadError(f"The disk is full: {free // 10**6} MB are free in {folder}.")
            self._file = self._part.open("xb")
        except OSError as error:
            raise UploadError(f"Cannot write to {folder}: {error.strerror or error}.") from error

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Append a chunk.

        Args:
            offset: Where the browser thinks it goes; must be what was received so far.
            data: The bytes.

        Raises:
            UploadError: If the chunk is out of order, is too long, or cannot be written.
        """
        if self._file is None or offset != self.received:
            raise UploadError(f"The upload lost its place at {offset} of {self.size} bytes. Try again.")
        if offset + len(data) > self.size or not len(data):
            raise UploadError("The file changed while it was read. Try again.")
        try:
            self._file.write(data)
        except OSError as error:
            raise UploadError(f"Cannot write the file: {error.strerror or error}.") from error
        self.received += len(data)

    @property
    def complete(self) -> bool:
        """Whether every byte has arrived."""
        return self.received == self.size

    def finish(self) -> Path:
        """Give the complete file its name.

        Returns:
            Its path.

        Raises:
            UploadError: If it cannot be written.
        """
        try:
            if self._file is not None:
                self._file.close()
            path = free_path(self._folder, self.name)
            return self._part.rename(path)
        except OSError as error:
            raise UploadError(f"Cannot write the file: {error.strerror or error}.") from error

    def discard(self) -> None:
        """Remove what has arrived; harmless after `finish`."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                self._file = None  # its buffer did not fit on the disk: there is nothing to keep
        self._part.unlink(missing_ok=True)


def _cut(text: str, max_bytes: int) -> str:
    """Return the longest start of a text that fits in so many bytes of UTF-8."""
    return text.encode("utf-8")[:max_bytes].decode("utf-8", errors="ignore")

"""Writing files whole or not at all."""

import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path

_REFUSALS = (
    (
        {errno.ENOSPC, errno.EDQUOT},
        ("no space left", "disk quota", "storage full", " requested and "),  # the last is NumPy's
        "the disk is full",
        "Make room, then run the same again.",
    ),
    (
        {errno.EACCES, errno.EPERM},
        ("permission denied",),
        "permission is denied",
        "Change the permissions, or use another folder.",
    ),
    (
        {errno.EROFS},
        ("read-only file system",),
        "the disk may only be read",
        "Use another folder.",
    ),
    (
        {errno.EFBIG},
        ("file too large",),
        "files may not grow so large here",
        "Raise the limit (ulimit -f), or use another disk.",
    ),
)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that nobody ever sees half of it; an interrupted write leaves the old one.

    Args:
        path: Where to; the folder must be there.
        content: Text, written as UTF-8, or bytes.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    write_file(path, lambda part: part.write_bytes(data))


def described_os_error(error: OSError) -> tuple[str, str]:
    """Say what the machine refused, and what to do.

    Args:
        error: What came of reading or writing.

    Returns:
        What is wrong, and the next step.

    Example:
        >>> described_os_error(OSError(errno.ENOSPC, "No space left on device", "/films/x.npz"))
        ('/films/x.npz: the disk is full.', 'Make room, then run the same again.')
    """
    words = (error.strerror or str(error)).lower()
    what, step = refusal(error) or (words, "The same command with --debug shows where it happened.")
    return f"{error.filename}: {what}." if error.filename else f"{what[:1].upper()}{what[1:]}.", step


def refusal(error: Exception) -> tuple[str, str] | None:
    """Tell what a machine refuses to write from other errors, by its number or, of libraries, by its words.

    Args:
        error: What came of writing.

    Returns:
        What is wrong, and the next step; None when it is something else.
    """
    words, number = str(error).lower(), getattr(error, "errno", None)
    for numbers, phrases, what, step in _REFUSALS:
        if number in numbers or any(phrase in words for phrase in phrases):
            return what, step
    return None


def valid_text(value: object) -> str:
    r"""Spell a text as files can hold it: what is no valid Unicode becomes escapes.

    Example:
        >>> valid_text("b\udcffd.mp4")
        'b\\udcffd.mp4'
    """
    return str(value).encode("utf-8", "backslashreplace").decode()


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let somebody write a file so that nobody ever sees half of it.

    Args:
        path: Where to; the folder must be there.
        write: Called with a path beside it, to write to; what it raises leaves the old file.
    """
    part = path.absolute().with_name(f".{path.name[:40]}.{uuid.uuid4().hex[:8]}")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # as a plain file would be made
    try:
        write(part)
        sync_file(part)  # the rename must not reach the disk before the content
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

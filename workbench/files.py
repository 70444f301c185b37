"""Writing files whole or not at all."""

import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path


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
        ('/films/x.npz: no space left on device.', 'Make room, then run the same command again.')
    """
    steps = {
        errno.ENOSPC: "Make room, then run the same command again.",
        errno.EDQUOT: "Make room, then run the same command again.",
        errno.EACCES: "Change the permissions, or name another place.",
        errno.EROFS: "It may be read only; name another place.",
        errno.EFBIG: "Files may not grow so large here; raise the limit (ulimit -f), or name another place.",
    }
    what = (error.strerror or str(error)).lower()
    step = steps.get(error.errno or 0, "The same command with --debug shows where it happened.")
    return f"{error.filename}: {what}." if error.filename else f"{what[:1].upper()}{what[1:]}.", step


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

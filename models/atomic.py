"""Write a small text file whole or not at all."""

import os
import tempfile
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old content or the new one, never a part.

    Args:
        path: The file; its folder exists.
        text: The new content.

    Raises:
        OSError: If it cannot be written; the old file is as it was.

    Example:
        >>> write_whole(Path("note.txt"), "all of it")
        >>> Path("note.txt").read_text()
        'all of it'
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

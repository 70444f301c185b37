"""What holds for every media file, before anything decodes it."""

import os
import stat
from pathlib import Path

from workbench.errors import ClipDecodeError, SourceNotFoundError, UnsupportedMediaError
from workbench.media.names import display_name

MAX_PIXELS = 89_478_485  # the limit Pillow warns at: 8192 x 8192 passes, a decompression bomb does not


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

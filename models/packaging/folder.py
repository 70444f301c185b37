"""The folder a download grows in, its lock, and the step that makes a package of it.

A package appears under its name in one rename, with its manifest, or not at all. What is not
finished lies beside it in ``.<name>.partial``; a file whose announced hash is still the same is
taken over from there, everything else in it is thrown away.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from models.json_text import read_json
from models.packaging.hub_errors import DiskFullError, HubUnreachableError
from models.packaging.manifest import Manifest, save_manifest
from models.packaging.plan import RemoteFile
from models.packaging.transfer import disk_errors
from models.packaging.watch import POLL_S, Watch
from models.reprs import readable_size

STATE_NAME = ".download.json"
RESERVE_BYTES = 16 * 2**20  # for the manifest and whatever else wants to be written meanwhile
QUIET_S = 600.0  # another process that brings nothing for so long is not waited for


class PartialFolder:
    """The unfinished side of a package folder.

    Args:
        home: Where the package will lie.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home.with_name(f".{home.name}.partial")

    def prepare(self, commit: str, files: Sequence[RemoteFile]) -> None:
        """Make the folder, and throw away what belongs to no file of this download.

        Args:
            commit: The commit that is fetched.
            files: Its files.

        Raises:
            FolderNotWritableError: If it cannot be made.
        """
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            known = self._state()
            wanted = {file.path: _identity(file) for file in files}
            keep = {path for path, identity in wanted.items() if known.get(path) == identity}
            for path in sorted(self.path.rglob("*"), reverse=True):
                name = path.relative_to(self.path).as_posix()
                kept = name == STATE_NAME or name.removesuffix(".incomplete") in keep
                if path.is_symlink() or (path.is_file() and not kept):
                    path.unlink()
                elif path.is_dir():
                    with suppress(OSError):  # it still holds files that are wanted
                        path.rmdir()
            if known != wanted:
                fresh = self.path / f"{STATE_NAME}.new"
                fresh.write_text(json.dumps({"commit": commit, "files": wanted}))
                fresh.replace(self.path / STATE_NAME)

    def present_bytes(self, files: Sequence[RemoteFile]) -> int:
        """Bytes of these files that are here already."""
        known = self._state()
        return sum(self._here(file) for file in files if known.get(file.path) == _identity(file))

    def size_bytes(self) -> int:
        """Bytes of everything in the folder."""
        return folder_bytes(self.path)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and give the folder its name.

        Args:
            manifest: What the package is.

        Raises:
            FolderNotWritableError: If it cannot be renamed.
        """
        with disk_errors(self.home):
            save_manifest(self.path, manifest)
            broken = self.home.with_name(f".{self.home.name}.broken-{os.getpid()}")
            if self.home.is_symlink():
                self.home.unlink()
            elif self.home.is_dir():
                self.home.rename(broken)
            self.path.rename(self.home)
            (self.home / STATE_NAME).unlink(missing_ok=True)  # last: killed before, all is still known
            _sync_folder(self.home.parent)
        for old in self.home.parent.glob(f".{self.home.name}.broken-*"):
            shutil.rmtree(old, ignore_errors=True)

    def _here(self, file: RemoteFile) -> int:
        """Bytes of one file, whole or not."""
        for path in (self.path / file.path, self.path / f"{file.path}.incomplete"):
            if path.is_file():
                return min(path.stat().st_size, file.size)
        return 0

    def _state(self) -> dict[str, Any]:
        """Read which files were being fetched; a state that cannot be read says nothing."""
        try:
            state = read_json(self.path / STATE_NAME)
            return dict(state["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def check_room(directory: Path, needed: int) -> None:
    """See that the files will fit before the first byte.

    Args:
        directory: Where they go; it need not exist.
        needed: Bytes still to come.

    Raises:
        DiskFullError: If they do not fit.
    """
    existing = next(one for one in (directory, *directory.parents) if one.exists())
    with disk_errors(existing):
        free = shutil.disk_usage(existing).free
    if needed and needed + RESERVE_BYTES > free:
        raise DiskFullError(
            f"{readable_size(needed)} are still to come, but {existing} has only {readable_size(free)} free.",
            next_step="Free some space, or choose another disk with EMBEDDING_WORKBENCH_MODELS.",
        )


@contextmanager
def package_lock(home: Path, watch: Watch) -> Generator[None, None, None]:
    """Hold a package folder for this process and thread; a killed process lets go by itself.

    Args:
        home: The package folder.
        watch: Ends the waiting when Stop was asked for.

    Raises:
        FolderNotWritableError: If the lock file cannot be made.
        HubUnreachableError: If another process holds it and brings nothing for ten minutes.
    """
    path = home.with_name(f".{home.name}.lock")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    with file:
        _wait_for(file, PartialFolder(home), watch)
        yield


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; links are not followed.

    Args:
        folder: It need not exist.

    Returns:
        The sum of their sizes.
    """
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may be moving it
            total += path.lstat().st_size if path.is_file() or path.is_symlink() else 0
    return total


def _wait_for(file: IO[bytes], partial: PartialFolder, watch: Watch) -> None:
    """Wait until nobody else holds the lock, as long as the other one gets on."""
    size, changed_s = -1, time.monotonic()
    while not _try_lock(file):
        now = partial.size_bytes()
        if now != size:
            size, changed_s = now, time.monotonic()
        if time.monotonic() - changed_s > QUIET_S:
            raise HubUnreachableError(
                f"Another process downloads {watch.name} and brought nothing for {QUIET_S:.0f} s.",
                next_step="End that process and try again; what has arrived is kept.",
            )
        watch.sleep(POLL_S)


def _try_lock(file: IO[bytes]) -> bool:
    """Take the lock if it is free; a disk without locks has none, and hashes still protect."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            getattr(msvcrt, "locking")(file.fileno(), getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _identity(file: RemoteFile) -> str:
    """What makes a file the same file in another commit; one without a hash is never the same."""
    return f"{file.sha256 or file.git_oid or uuid.uuid4()} {file.size}"


def _sync_folder(folder: Path) -> None:
    """Ask the disk to keep the rename."""
    with suppress(OSError):  # some systems cannot sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

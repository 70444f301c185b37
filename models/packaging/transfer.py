"""Bring one file here: resume, watch for stalls and for Stop, count, hash.

Only bytes whose hash is the announced one get the file's name.
"""

import errno
import hashlib
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from models.errors import WorkbenchError
from models.packaging.hub_errors import (
    DiskFullError,
    DownloadedFileError,
    FolderNotWritableError,
    HubAnswerError,
    HubUnreachableError,
)
from models.packaging.manifest import PackageFile
from models.packaging.plan import RemoteFile
from models.packaging.watch import Feed, FileStream, Opener, Patience, Watch
from models.reprs import readable_size

CHUNK_BYTES = 2**18
WORTH_BYTES = 2**18  # an attempt that brought less counts as failed


def fetch_file(
    file: RemoteFile, target: Path, open_stream: Opener, watch: Watch, patience: Patience
) -> PackageFile:
    """Bring one file here, whole and with the announced hash.

    Args:
        file: What the hub announced.
        target: Where it goes; until it is whole it has the ending ".incomplete".
        open_stream: Opens the file at an offset.
        watch: Counts, and stops.
        patience: How long to wait.

    Returns:
        Its entry for the manifest.

    Raises:
        DownloadedFileError: If what arrives has another hash, twice.
        HubUnreachableError: If the hub gives up again and again.
        HubAnswerError: If it sends something else.
        DiskFullError: If there is no room.
        FolderNotWritableError: If the folder cannot be written to.
        DownloadStoppedError: If it was stopped.
    """
    incomplete = target.with_name(f"{target.name}.incomplete")
    for _ in range(2):
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _receive(file, incomplete, open_stream, watch, patience)
            except HubAnswerError:
                incomplete.unlink()  # bytes of something else
                raise
            entry = checked_entry(file, incomplete, watch)
            if entry is not None:
                _keep(incomplete)
                incomplete.replace(target)
                return entry
            incomplete.unlink()
        watch.advance(-file.size, file.path)
    raise DownloadedFileError(
        f"{file.path} of {watch.name} arrived twice with other content than the hub announced "
        f"({file.sha256 or file.git_oid}); nothing of it was kept.",
        next_step="Try again later, from another network if you can.",
    )


def checked_entry(file: RemoteFile, path: Path, watch: Watch) -> PackageFile | None:
    """Hash a file that is here; None when it is not the one that the hub announced.

    Args:
        file: What the hub announced.
        path: The file.
        watch: Stops it.

    Returns:
        Its entry for the manifest.
    """
    sha256, plain = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    git = hashlib.new("sha256" if len(file.git_oid or "") == 64 else "sha1", usedforsecurity=False)
    git.update(f"blob {file.size}\0".encode())
    hashes = (sha256,) if file.sha256 else (sha256, plain, git)
    if path.stat().st_size != file.size:
        return None
    with path.open("rb") as content:
        while piece := content.read(CHUNK_BYTES * 4):
            watch.check()
            for one in hashes:
                one.update(piece)
    wanted = file.sha256 or file.git_oid
    if wanted is not None and wanted not in {one.hexdigest() for one in hashes}:
        return None
    return PackageFile(file.path, file.size, sha256.hexdigest())


@contextmanager
def disk_errors(path: Path) -> Generator[None, None, None]:
    """Turn what the disk says into errors of ours.

    Args:
        path: What is being written, for the message.

    Raises:
        DiskFullError: If there is no room.
        FolderNotWritableError: If it cannot be written for any other reason.
    """
    try:
        yield
    except WorkbenchError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFullError(
                f"There is no room left for {path}; what has arrived is kept.",
                next_step="Free some space, or choose another disk with EMBEDDING_WORKBENCH_MODELS.",
            ) from error
        raise FolderNotWritableError(
            f"{path} cannot be written: {error.strerror or error}.",
            next_step="Choose another folder with model_dir= or EMBEDDING_WORKBENCH_MODELS.",
        ) from error


def _keep(path: Path) -> None:
    """Have the disk keep a file, also when the power fails after its manifest was written."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _receive(
    file: RemoteFile, incomplete: Path, open_stream: Opener, watch: Watch, patience: Patience
) -> None:
    """Append to the incomplete file until it is as long as announced."""
    incomplete.touch()
    best, failures, since_s = _size_here(incomplete, file, watch), 0, time.monotonic()
    while incomplete.stat().st_size < file.size:
        try:
            _receive_once(file, incomplete, open_stream, watch, patience)
        except HubUnreachableError as error:
            here = incomplete.stat().st_size
            if here - best >= WORTH_BYTES:
                best, failures, since_s = here, 0, time.monotonic()
            failures += 1
            wait_s = error.wait_s or patience.backoff_s * 2 ** (failures - 1)
            spent_s = time.monotonic() - since_s
            if failures >= patience.attempts or not patience.allows(error, wait_s, spent_s):
                raise
            watch.sleep(wait_s)


def _size_here(incomplete: Path, file: RemoteFile, watch: Watch) -> int:
    """Bytes of an earlier attempt; more than the file has are thrown away."""
    here = incomplete.stat().st_size
    if here > file.size:
        incomplete.write_bytes(b"")
        watch.advance(-here, file.path)
        return 0
    return here


def _receive_once(
    file: RemoteFile, incomplete: Path, open_stream: Opener, watch: Watch, patience: Patience
) -> None:
    """Read one response to its end; what came is kept even when it breaks off."""
    with incomplete.open("ab") as out, Feed(open_stream, out.tell(), watch, patience) as feed:
        head = feed.head()
        if head.start != out.tell():  # a hub that cannot resume begins again
            watch.advance(head.start - out.tell(), file.path)
            out.truncate(head.start)
        _check_length(file, head)
        here = head.start
        for piece in feed:
            here += len(piece)
            if here > file.size:
                raise _other_size(file, f"more than {file.size:,}", head)
            out.write(piece)
            out.flush()
            watch.advance(len(piece), file.path)
    if here < file.size:
        raise HubUnreachableError(
            f"The hub broke off {file.path} after {readable_size(here)} of {readable_size(file.size)}.",
            transient=True,
        )


def _check_length(file: RemoteFile, stream: FileStream) -> None:
    """Refuse a body that cannot be this file before reading it."""
    if stream.length is not None and stream.start + stream.length != file.size:
        raise _other_size(file, f"{stream.start + stream.length:,}", stream)


def _other_size(file: RemoteFile, came: str, stream: FileStream) -> HubAnswerError:
    """Build the error for a body of another length."""
    page = "html" in stream.content_type
    return HubAnswerError(
        f"The hub announced {file.size:,} bytes for {file.path}, but sends {came}"
        + (", a web page (the login page of a proxy?)." if page else ".")
    )

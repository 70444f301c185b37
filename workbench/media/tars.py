"""Members of a tar archive, which is hostile until shown otherwise; nothing of it is ever written to disk.

Only regular members of a bounded size with a plain relative name are let through, whatever the headers
say; everything else is listed with archive, member and reason.
"""

import bz2
import gzip
import io
import lzma
import re
import tarfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from workbench.errors import UnsupportedMediaError
from workbench.media.files import check_readable
from workbench.media.names import display_name, safe_text, shortened

__all__ = ["MAX_MEMBERS", "ShardProblem", "add_part", "checked_members", "content_of", "split_member"]

MAX_MEMBERS = 4_000_000
_MAX_HEADER_BYTES = 1 << 20  # of one member, with its long names and maps of holes
_BLOCK = 512
_UNPACK: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
_KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}

_DRIVE = re.compile(r"[A-Za-z]:")  # of Windows: a path from its root on


@dataclass(frozen=True)
class ShardProblem:
    """A member, a sample or the rest of a shard that was not read, and why.

    Args:
        shard: The archive.
        member: Name of the member, or key of the sample; "" for the archive itself.
        reason: What was wrong, for people.
    """

    shard: str
    member: str
    reason: str

    def __str__(self) -> str:
        inside = f", {self.member}" if self.member else ""
        return f"{self.shard}{inside}: {self.reason}"


def checked_members(
    path: Path, *, max_bytes: int | None = None
) -> Generator[tuple[tarfile.TarFile, tarfile.TarInfo] | ShardProblem, None, None]:
    """Walk an archive, and let only those members through that may be read.

    Args:
        path: A tar archive, plain or packed with gzip, bzip2 or xz. Hidden members are passed over.
        max_bytes: Longest member; None is any that lies wholly in the file.

    Yields:
        The open archive with a member of it, or what was left out and why.

    Raises:
        SourceNotFoundError: If there is no such file.
        UnsupportedMediaError: If it is no tar archive.
        ClipDecodeError: If it may not be read.
    """
    check_readable(path)
    shard, last, count = display_name(path), "", 0
    limit = path.stat().st_size if max_bytes is None else max_bytes
    with _opened(path, shard) as (tar, stream):
        try:
            while (info := tar.next()) is not None:
                tar.members.clear()  # ty: ignore[missing-attribute]  (it would keep every header)
                if info.isdir() or _is_hidden(info.name):
                    continue
                last, count = shortened(safe_text(info.name), 200), count + 1
                if count > MAX_MEMBERS:
                    yield ShardProblem(
                        shard, last, f"at most {MAX_MEMBERS:,} members are read; the rest was not"
                    )
                    return
                reason = _why_not(info, limit)
                stream.left = info.size
                yield ShardProblem(shard, last, reason) if reason else (tar, info)
                stream.left = _MAX_HEADER_BYTES
            if not _ends_well(tar, stream):
                yield ShardProblem(shard, "", f"damaged after {last or 'its start'}; the rest was not read")
        except Exception as error:  # whatever a damaged archive makes its readers raise
            yield ShardProblem(shard, last, f"damaged here ({error}); the rest was not read")


def content_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """Read a member that was let through.

    Raises:
        TarError: If it is not all there; whatever a damaged archive makes its readers raise.
    """
    stream = tar.extractfile(info)
    content = stream.read() if stream is not None else b""
    if len(content) != info.size:
        raise tarfile.ReadError(f"{len(content)} of {info.size} bytes are there")
    return content


def add_part(tar: tarfile.TarFile, key: str, suffix: str, content: bytes) -> None:
    """Put one part of a sample into an archive; the same parts give the same bytes."""
    info = tarfile.TarInfo(f"{key}.{suffix}")
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def split_member(name: str) -> tuple[str, str]:
    """Split a member's name into key and suffix at the first dot of its last part.

    Example:
        >>> split_member("./cats/0001.seg.PNG")
        ('cats/0001', 'seg.png')
    """
    folder, slash, last = name.removeprefix("./").rpartition("/")
    stem, _, suffix = last.partition(".")
    return f"{safe_text(folder)}{slash}{safe_text(stem)}", suffix.lower()


class _Metered:
    """A stream for `tarfile`, which reads as much as headers announce: it gives ``left`` bytes at most."""

    def __init__(self, stream: Any) -> None:
        self.left = _MAX_HEADER_BYTES
        self.seek, self.tell = stream.seek, stream.tell
        self._read = stream.read

    def read(self, size: int = -1) -> bytes:
        """Read, as any stream."""
        if not 0 <= size <= self.left:
            raise tarfile.ReadError(f"its headers are longer than {_MAX_HEADER_BYTES:,} bytes")
        self.left -= size
        return self._read(size)


@contextmanager
def _opened(path: Path, shard: str) -> Generator[tuple[tarfile.TarFile, _Metered]]:
    """Open an archive; whether and how it is packed is told by its content."""
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        unpack = next((unpack for magic, unpack in _UNPACK.items() if start.startswith(magic)), None)
        with closing(file if unpack is None else unpack(file)) as unpacked:
            stream = _Metered(unpacked)
            try:
                tar = tarfile.open(fileobj=cast("Any", stream), mode="r:")  # noqa: SIM115 - below
            except Exception as error:  # whatever a file that is none makes its readers raise
                raise UnsupportedMediaError(
                    f"{shard} is no tar archive ({error}).",
                    next_step="A shard is a .tar file of images and texts.",
                ) from error
            with tar:
                yield tar, stream


def _is_hidden(name: str) -> bool:
    """Whether a member is hidden as files of folders are, such as the ``._x.jpg`` that macOS adds."""
    return any(part.startswith(".") and part != ".." for part in PurePosixPath(name).parts)


def _why_not(info: tarfile.TarInfo, limit: int) -> str:
    """Say why a member is not read; "" when it may be."""
    if not info.isreg() or info.issparse():
        kind = "a sparse file" if info.issparse() else _KINDS.get(info.type, "no regular file")
        return f"it is {kind}; only regular files are read"
    name = PurePosixPath(info.name)
    outside = name.is_absolute() or ".." in name.parts or "\\" in info.name or bool(_DRIVE.match(info.name))
    if outside or not name.name or "\0" in info.name:
        return "its name leaves the folder"
    if not 0 <= info.size <= limit:
        return f"it has {info.size:,} bytes; at most {limit:,} are read"
    if not split_member(info.name)[1]:
        return "its name has no suffix"
    return ""


def _ends_well(tar: tarfile.TarFile, stream: _Metered) -> bool:
    """Tell whether the archive ends with an empty block, not with the file or a header that is no header."""
    stream.seek(tar.offset)
    block = stream.read(_BLOCK)
    return len(block) == _BLOCK and not any(block)  # an archive ends with empty blocks: else it was cut off

"""WebDataset shards: samples of a tar archive, read one after the other, nothing ever written to disk.

A shard is hostile until shown otherwise: only regular members of a bounded size with a plain relative
name are read; everything else is listed with shard, member and reason.
"""

import io
import tarfile
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from workbench.errors import UnsupportedMediaError
from workbench.media.files import check_readable
from workbench.media.names import display_name, safe_text, shortened

__all__ = [
    "MAX_MEMBER_BYTES",
    "ShardProblem",
    "ShardSample",
    "add_part",
    "checked_members",
    "read_shard",
    "split_member",
]

MAX_MEMBER_BYTES = 256 * 2**20
MAX_SAMPLE_PARTS = 64
_BLOCK = 512
_KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@dataclass(frozen=True)
class ShardSample:
    """One record of a shard.

    Args:
        key: Name of its members up to the first dot of the last part.
        shard: The archive.
        parts: Content by suffix, in lower case: {"jpg": b"...", "json": b"..."}.
    """

    key: str
    shard: str
    parts: dict[str, bytes] = field(repr=False)


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


def read_shard(
    path: Path | str,
    *,
    suffixes: Collection[str] | None = None,
    required: Collection[str] = (),
    max_member_bytes: int = MAX_MEMBER_BYTES,
) -> Iterator[ShardSample | ShardProblem]:
    """Read a shard from its start to its end; only one sample is in memory.

    Args:
        path: A tar archive, plain or gzip-compressed.
        suffixes: Which parts to read, such as {"jpg", "json"}; None reads all. A sample
            that has none of them comes with no parts.
        required: Suffixes without which a sample is incomplete and left out.
        max_member_bytes: Longest member that is read.

    Yields:
        A ``ShardSample`` for each complete record, in order; a ``ShardProblem`` for everything that
        was left out. A key that comes back later is a problem, not a second sample.

    Raises:
        SourceNotFoundError: If there is no such file.
        UnsupportedMediaError: If it is no tar archive.
        ClipDecodeError: If it may not be read.

    Example:
        >>> import io, tarfile, tempfile
        >>> path = tempfile.mktemp(suffix=".tar")
        >>> with tarfile.open(path, "w") as tar:
        ...     info = tarfile.TarInfo("a/0001.txt")
        ...     info.size = 3
        ...     tar.addfile(info, io.BytesIO(b"cat"))
        >>> [(sample.key, sample.parts) for sample in read_shard(path)]
        [('a/0001', {'txt': b'cat'})]
    """
    path = Path(path)
    shard = display_name(path)
    seen: set[str] = set()
    waiting: ShardSample | None = None
    for found in _members(path, suffixes, max_member_bytes):
        if isinstance(found, ShardProblem):
            yield found
            continue
        key, suffix, content = found
        if waiting is not None and key != waiting.key:
            yield _complete(waiting, required)
            waiting = None
        if waiting is None:
            if key in seen:
                yield ShardProblem(shard, f"{key}.{suffix}", "this key was in the shard before")
                continue
            seen.add(key)
            waiting = ShardSample(key, shard, {})
        if content is None:
            continue
        if suffix in waiting.parts:
            yield ShardProblem(shard, f"{key}.{suffix}", "this part is in the sample twice")
        elif len(waiting.parts) >= MAX_SAMPLE_PARTS:
            yield ShardProblem(shard, f"{key}.{suffix}", f"a sample has at most {MAX_SAMPLE_PARTS} parts")
        else:
            waiting.parts[suffix] = content
    if waiting is not None:
        yield _complete(waiting, required)


def checked_members(
    path: Path, *, max_bytes: int | None = None, mode: Literal["r:*", "r:"] = "r:*"
) -> Generator[tuple[tarfile.TarFile, tarfile.TarInfo] | ShardProblem, None, None]:
    """Walk an archive, and let only those members through that may be read.

    Args:
        path: A tar archive.
        max_bytes: Longest member; None is any that lies wholly in the file.
        mode: How `tarfile` opens it: "r:*" unpacks a compressed one, "r:" refuses it.

    Yields:
        The open archive with a member of it, or what was left out and why.

    Raises:
        MediaError: As `read_shard`.
    """
    check_readable(path)
    shard, last = display_name(path), ""
    limit = path.stat().st_size if max_bytes is None else max_bytes
    with _opened(path, shard, mode) as tar:
        try:
            for info in tar:
                if info.isdir():
                    continue
                last = shortened(safe_text(info.name), 200)
                reason = _why_not(info, limit)
                yield ShardProblem(shard, last, reason) if reason else (tar, info)
            if not _ends_well(tar):
                yield ShardProblem(shard, "", f"damaged after {last or 'its start'}; the rest was not read")
        except (tarfile.TarError, OSError, EOFError) as error:
            yield ShardProblem(shard, last, f"damaged here ({error}); the rest was not read")


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


def _members(
    path: Path, suffixes: Collection[str] | None, limit: int
) -> Iterator[tuple[str, str, bytes | None] | ShardProblem]:
    """Read the members that may be read: key, suffix, content; None for a part that is not wanted."""
    wanted = None if suffixes is None else {suffix.lower().lstrip(".") for suffix in suffixes}
    found = checked_members(path, max_bytes=limit)
    for one in found:
        if isinstance(one, ShardProblem):
            yield one
            continue
        tar, info = one
        key, suffix = split_member(info.name)
        try:
            content = _content(tar, info) if wanted is None or suffix in wanted else None
        except (tarfile.TarError, OSError, EOFError) as error:
            damage = found.throw(error)  # it says where, and ends
            if isinstance(damage, ShardProblem):
                yield damage
            return
        yield key, suffix, content


def _opened(path: Path, shard: str, mode: Literal["r:*", "r:"]) -> tarfile.TarFile:
    """Open an archive; its kind is told by its content."""
    try:
        return tarfile.open(path, mode)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UnsupportedMediaError(
            f"{shard} is no tar archive ({error}).", next_step="A shard is a .tar file of images and texts."
        ) from error


def _why_not(info: tarfile.TarInfo, limit: int) -> str:
    """Say why a member is not read; "" when it may be."""
    if not info.isreg() or info.issparse():
        kind = "a sparse file" if info.issparse() else _KINDS.get(info.type, "no regular file")
        return f"it is {kind}; only regular files are read"
    name = PurePosixPath(info.name)
    outside = name.is_absolute() or ".." in name.parts or "\\" in info.name or ":" in info.name.split("/")[0]
    if outside or not name.name or "\0" in info.name:
        return "its name leaves the folder"
    if not 0 <= info.size <= limit:
        return f"it has {info.size:,} bytes; at most {limit:,} are read"
    if not split_member(info.name)[1]:
        return "its name has no suffix"
    return ""


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """Read one member."""
    stream = tar.extractfile(info)
    content = stream.read() if stream is not None else b""
    if len(content) != info.size:
        raise tarfile.ReadError(f"{len(content)} of {info.size} bytes are there")
    return content


def _ends_well(tar: tarfile.TarFile) -> bool:
    """Tell whether the archive ends with an empty block or the file, not with a header that is no header."""
    stream = tar.fileobj
    if stream is None:
        return True
    stream.seek(tar.offset)
    block = stream.read(_BLOCK)
    return not any(block)


def _complete(sample: ShardSample, required: Collection[str]) -> ShardSample | ShardProblem:
    """Give the sample, or say what it lacks."""
    missing = [suffix for suffix in required if suffix not in sample.parts]
    if missing:
        return ShardProblem(sample.shard, sample.key, f"it lacks {', '.join(missing)}")
    return sample

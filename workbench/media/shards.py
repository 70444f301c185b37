"""WebDataset shards: samples of a tar archive, read one after the other, nothing ever written to disk."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.media.names import display_name
from workbench.media.tars import ShardProblem, checked_members, content_of, split_member

__all__ = ["MAX_MEMBER_BYTES", "ShardSample", "read_shard"]

MAX_MEMBER_BYTES = 256 * 2**20
MAX_SAMPLE_PARTS = 64
MAX_SAMPLE_BYTES = 2**30


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


def read_shard(
    path: Path | str,
    *,
    suffixes: Collection[str] | None = None,
    required: Collection[str] = (),
    max_member_bytes: int = MAX_MEMBER_BYTES,
) -> Iterator[ShardSample | ShardProblem]:
    """Read a shard from its start to its end; only one sample is in memory.

    Args:
        path: A tar archive, plain or packed with gzip, bzip2 or xz.
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
        reason = _no_room(waiting.parts, suffix, content)
        if reason:
            yield ShardProblem(shard, f"{key}.{suffix}", reason)
        else:
            waiting.parts[suffix] = content
    if waiting is not None:
        yield _complete(waiting, required)


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
            content = content_of(tar, info) if wanted is None or suffix in wanted else None
        except Exception as error:  # whatever a damaged archive makes its readers raise
            damage = found.throw(error)  # it says where, and ends
            if isinstance(damage, ShardProblem):
                yield damage
            return
        yield key, suffix, content


def _no_room(parts: dict[str, bytes], suffix: str, content: bytes) -> str:
    """Say why a sample cannot take a part; "" when it can."""
    if suffix in parts:
        return "this part is in the sample twice"
    if len(parts) >= MAX_SAMPLE_PARTS:
        return f"a sample has at most {MAX_SAMPLE_PARTS} parts"
    if sum(map(len, parts.values()), len(content)) > MAX_SAMPLE_BYTES:
        return f"a sample has at most {MAX_SAMPLE_BYTES:,} bytes"
    return ""


def _complete(sample: ShardSample, required: Collection[str]) -> ShardSample | ShardProblem:
    """Give the sample, or say what it lacks."""
    missing = [suffix for suffix in required if suffix not in sample.parts]
    if missing:
        return ShardProblem(sample.shard, sample.key, f"it lacks {', '.join(missing)}")
    return sample

"""Videos and images inside tar archives, read where they lie: nothing is unpacked.

A member is named like a file below its archive: ``00000.tar/0001.mp4``. So a clip of it needs nothing
that other clips lack, its name can be shown, saved and opened again, and worker processes find it too.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from models.json_text import parse_json
from workbench.errors import SourceNotFoundError, UnsupportedMediaError
from workbench.media.cache import BytesCache
from workbench.media.files import MediaFile
from workbench.media.names import display_name, one_line, safe_text
from workbench.media.outcome import SourceError
from workbench.media.tars import ShardProblem, checked_members, content_of, split_member
from workbench.media.walk import IMAGE_ENDINGS, SHARD_ENDING, VIDEO_ENDINGS, Found, Wanted

__all__ = ["find_member", "is_shard", "list_shard"]

_PACKED_ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_MAX_TEXT_BYTES = 64 << 10
_BYTES_PER_NAME = 250  # of an index, about
_CAPTION_NAMES = ("caption", "text")

Places = dict[str, tuple[int, int]]  # name of a member -> where it starts, bytes
_INDEX_BYTES = 64 << 20  # of all indexes; one that is larger by itself is kept alone: it takes long to make
_INDEXES: BytesCache[Places] = BytesCache(
    _INDEX_BYTES, lambda places: min(_BYTES_PER_NAME * len(places), _INDEX_BYTES)
)


@dataclass
class _Sample:
    """The members that share a key."""

    media: list[str] = field(default_factory=list)
    caption: str = ""


def is_shard(path: Path) -> bool:
    """Tell by its name whether a file is meant to be a shard; a compressed one will be refused.

    Example:
        >>> is_shard(Path("a/00000.tar")), is_shard(Path("a/00000.tar.gz")), is_shard(Path("tar.mp4"))
        (True, True, False)
    """
    return path.name.lower().endswith((SHARD_ENDING, *_PACKED_ENDINGS))


def list_shard(path: Path) -> Found:
    """List the videos and images of a WebDataset shard; only the headers of its members are read.

    The key of a clip is that of its sample, the caption comes from ``.txt`` or ``.json`` beside it.

    Args:
        path: A plain tar archive.

    Returns:
        What to read, and each member that must not be read with the reason.

    Raises:
        MediaError: If it is no such archive, or cannot be read.
    """
    found, samples, seen = Found(), dict[str, _Sample](), set[str]()
    for one in _members(path):
        if isinstance(one, ShardProblem):
            shown = f"{path}/{one.member}".rstrip("/")  # a Path would forget the archive before "/etc/x.jpg"
            found.broken.append(SourceError(safe_text(shown), _sentence(one.reason)))
            continue
        tar, info, name = one
        key, suffix = split_member(info.name)
        if name in seen:
            found.broken.append(SourceError(safe_text(str(path / name)), "This member is there twice."))
        elif PurePosixPath(name).suffix.lower() in VIDEO_ENDINGS | IMAGE_ENDINGS:
            samples.setdefault(key, _Sample()).media.append(name)
        elif suffix in {"txt", "json"} and info.size <= _MAX_TEXT_BYTES:
            sample = samples.setdefault(key, _Sample())
            sample.caption = _caption(tar, info, suffix) or sample.caption
        else:
            found.ignored += 1
        seen.add(name)
    for key, sample in samples.items():
        several = len(sample.media) > 1
        for name in sample.media:
            shown = f"{key}.{split_member(name)[1]}" if several else key
            found.files.append(Wanted(path / name, shown, caption=sample.caption))
    return found


def find_member(path: Path) -> MediaFile:
    """Find the bytes of a member.

    Args:
        path: Archive and member, such as ``shards/00000.tar/0001.mp4``.

    Returns:
        Where they are in the archive.

    Raises:
        SourceNotFoundError: If there is no such archive or member.
        UnsupportedMediaError: If the archive is compressed, or the member empty.
    """
    shard = next((parent for parent in path.parents if parent.is_file()), None)
    if shard is None:
        raise SourceNotFoundError(f"There is no file {display_name(path)}.")
    facts = shard.stat()
    identity = (str(shard.absolute()), facts.st_size, facts.st_mtime_ns)
    name = path.relative_to(shard).as_posix()
    start, size = _INDEXES.get(identity, lambda: _index(shard)).get(name, (0, -1))
    if size < 0:
        raise SourceNotFoundError(f"There is no file {safe_text(name)} in {display_name(shard)}.")
    if size == 0:
        raise UnsupportedMediaError(f"{safe_text(name)} is empty (0 bytes).")
    return MediaFile(shard, size, start, inside=True)


def _index(shard: Path) -> Places:
    """Note where each member lies; of two with one name the first counts."""
    places: Places = {}
    for one in _members(shard):
        if not isinstance(one, ShardProblem):
            places.setdefault(one[2], (one[1].offset_data, one[1].size))
    return places


def _members(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str] | ShardProblem]:
    """Walk the members that may be read, with their names as in a path."""
    with path.open("rb") as file:
        packed = file.read(6).startswith(_PACKED)
    if packed:
        raise UnsupportedMediaError(
            f"{display_name(path)} is compressed, so its members cannot be read where they lie.",
            next_step="Unpack it to a plain .tar first; videos and images are compressed already.",
        )
    for one in checked_members(path):
        yield one if isinstance(one, ShardProblem) else (*one, PurePosixPath(one[1].name).as_posix())


def _caption(tar: tarfile.TarFile, info: tarfile.TarInfo, suffix: str) -> str:
    """Read a caption from a text or a record; one that makes no sense is none."""
    try:
        text = content_of(tar, info).decode("utf-8", "replace")
        record = parse_json(text) if suffix == "json" else None
    except Exception:  # whatever a damaged archive or record makes its reader raise
        return ""
    if suffix == "json":
        fields = record if isinstance(record, dict) else {}
        text = next((fields[name] for name in _CAPTION_NAMES if isinstance(fields.get(name), str)), "")
    return one_line(text)


def _sentence(reason: str) -> str:
    """Write a reason as a sentence."""
    return f"{reason[:1].upper()}{reason[1:]}."

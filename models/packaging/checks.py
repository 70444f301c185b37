"""Look into what arrived: a page of a proxy, a pointer or a torn file is no model.

The hashes say that a file is the announced one. These checks say that the announced one can
be a file of a model at all; they read headers and configuration, never weights.
"""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.json_text import parse_json, read_json
from models.packaging.hub_errors import HubAnswerError

MAX_HEADER_BYTES = 100 * 2**20
MAX_TEXT_BYTES = 256 * 2**20
_WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}
_LFS_POINTER = b"version https://git-lfs.github.com/spec"
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


def check_content(path: Path, name: str) -> None:
    """Check that a file can be what its name says.

    Args:
        path: The file.
        name: What to call it.

    Raises:
        HubAnswerError: If it cannot.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(_LFS_POINTER):
        raise _no_model_file(name, "it is a pointer of git-lfs, not the file itself")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        raise _no_model_file(name, "it is a web page")
    ending = path.suffix.lower()
    if ending == ".json":
        _check_json(path, name)
    elif ending == ".safetensors":
        check_safetensors(path, name)
    elif ending in (".bin", ".pt", ".pth"):
        _check_checkpoint(path, name, start)


def check_safetensors(path: Path, name: str) -> None:
    """Check the header of a safetensors file: every byte of the data belongs to one tensor.

    Args:
        path: The file.
        name: What to call it.

    Raises:
        HubAnswerError: If the header is no header, or does not fit the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 10 or not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
            raise _no_model_file(name, f"its header would have {length:,} of {size:,} bytes")
        raw = file.read(length)
    try:
        header = parse_json(raw.decode("utf-8"), pairs=_unique)
    except ValueError as error:
        raise _no_model_file(name, f"its header cannot be read ({error})") from error
    if not isinstance(header, dict):
        raise _no_model_file(name, "its header is no table of tensors")
    header.pop("__metadata__", None)
    _check_tensors(header, size - 8 - length, name)


def check_shards(directory: Path, index: str, names: Sequence[str]) -> None:
    """Check that the index of sharded weights names exactly the shards of the package.

    Args:
        directory: Folder of the package.
        index: The index file.
        names: All files of the package.

    Raises:
        HubAnswerError: If it names others.
    """
    stem = index.removesuffix(".index.json")
    ending = f".{stem.rpartition('.')[2]}"
    here = {name for name in names if name.endswith(ending)}
    table = read_json(directory / index)
    weights = table.get("weight_map") if isinstance(table, dict) else None
    named = {str(shard) for shard in weights.values()} if isinstance(weights, dict) else set()
    if named != here:
        missing = ", ".join(sorted(named ^ here)[:5])
        raise _no_model_file(index, f"it does not name the shards that are there ({missing})")


def _check_tensors(header: dict[str, Any], data_bytes: int, name: str) -> None:
    """Check shapes, types and places of all tensors."""
    spans = sorted(_span(tensor, entry, name) for tensor, entry in header.items())
    if not spans:
        raise _no_model_file(name, "it holds no tensor")
    here = 0
    for begin, end in spans:
        if begin != here:
            raise _no_model_file(name, f"its tensors overlap or leave a gap at byte {begin:,}")
        here = end
    if here != data_bytes:
        raise _no_model_file(name, f"its tensors take {here:,} bytes, but {data_bytes:,} are there")


def _span(tensor: str, entry: Any, name: str) -> tuple[int, int]:
    """Read where one tensor lies; its length must be that of its shape and type."""
    try:
        begin, end = entry["data_offsets"]
        count = math.prod(entry["shape"])
        fits = end - begin == count * _WIDTHS[entry["dtype"]] and min(entry["shape"], default=0) >= 0 <= begin
    except (TypeError, KeyError, ValueError) as error:
        raise _no_model_file(name, f"its tensor {tensor!r} is described in no known way") from error
    if not fits:
        raise _no_model_file(name, f"its tensor {tensor!r} does not fit its place")
    return begin, end


def _check_json(path: Path, name: str) -> None:
    """Check that a JSON file is one, and that a configuration is an object."""
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise _no_model_file(name, "it is far too large for a configuration")
    try:
        value = read_json(path)
    except ValueError as error:
        raise _no_model_file(name, f"it cannot be read as JSON ({error})") from error
    if name.rpartition("/")[2] == "config.json" and not isinstance(value, dict):
        raise _no_model_file(name, "a configuration is a JSON object")


def _check_checkpoint(path: Path, name: str, start: bytes) -> None:
    """Check that a checkpoint has the outside of one; its inside is read by torch, weights only."""
    if not (zipfile.is_zipfile(path) or start.startswith(b"\x80")):
        raise _no_model_file(name, "it is no checkpoint of torch")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a name that comes twice is an error."""
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("a name comes twice")
    return built


def _no_model_file(name: str, why: str) -> HubAnswerError:
    """Build the error for a file that no model can use."""
    return HubAnswerError(
        f"The hub's {name} is not a file of a model: {why}.",
        next_step="Nothing of it is used. Look at the model's page; try another version or another hub.",
    )

"""Upright pictures: what a container's display matrix asks for, applied to arrays."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from workbench.media.files import media_file

_IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
_MATRIX_BYTES = 36
_MATROSKA_ROLL = b"\x76\x75"  # ProjectionPoseRoll: how Matroska and WebM write a rotation
_MATROSKA_HEAD = 1 << 16


def upright(picture: np.ndarray, matrix: tuple[int, ...] | None) -> np.ndarray:
    """Turn and mirror a stored picture as a display matrix asks.

    Only quarter turns and mirrors exist for pixels; any other angle goes to the nearest.

    Args:
        picture: Stored picture, (H, W, 3).
        matrix: Nine fixed-point numbers a b u c d v x y w, or None for none.

    Returns:
        The upright picture: (H, W, 3), or (W, H, 3) after a quarter turn. A view.

    Example:
        >>> grey = np.array([[1, 2], [3, 4]])
        >>> upright(grey, (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))  # a quarter turn clockwise
        array([[3, 1],
               [4, 2]])
    """
    if matrix is None:
        return picture
    a, b, _, c, d = matrix[:5]
    if _is_quarter_turn(matrix):
        picture, across, down = picture.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def rotation_degrees(matrix: tuple[int, ...] | None) -> int:
    """Return the clockwise turn of a display matrix: 0, 90, 180 or 270.

    A mirror has no angle of its own; it is reported as the turn that goes with it.

    Example:
        >>> rotation_degrees((-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30))
        180
    """
    if matrix is None:
        return 0
    if _is_quarter_turn(matrix):
        return 90 if matrix[1] > 0 else 270
    return 180 if matrix[0] < 0 and matrix[4] < 0 else 0


def matrix_from_bytes(data: bytes) -> tuple[int, ...] | None:
    """Read the nine numbers of a display matrix from its side data; None if malformed."""
    if len(data) < _MATRIX_BYTES:
        return None
    return struct.unpack("=9i", data[:_MATRIX_BYTES])


def may_be_turned(path: Path) -> bool:
    """Tell cheaply whether a file's headers may ask for a rotation or mirror.

    Reads box headers of MP4 and MOV, the first 64 kB of Matroska and WebM; True can be a false
    alarm (the caller then decodes one frame to know), False for other containers.
    """
    with media_file(path).open() as file:
        head = file.read(12)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _MATROSKA_ROLL in file.read(_MATROSKA_HEAD)
        file.seek(0, 2)
        size = file.tell()
        try:
            return _any_turned_box(file, 0, size)
        except struct.error:
            return False  # cut short inside a header: decoding will say so


def _is_quarter_turn(matrix: tuple[int, ...]) -> bool:
    """Tell whether the axes are swapped, going by the larger pair of numbers."""
    a, b, _, c, d = matrix[:5]
    return abs(b) + abs(c) > abs(a) + abs(d)


def _any_turned_box(file: BinaryIO, start: int, stop: int) -> bool:
    """Walk MP4 boxes in [start, stop) and look for a matrix that is not the identity."""
    while start + 8 <= stop:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        body = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            body += 8
        end = stop if size == 0 else start + size
        if end <= start or not kind.isalnum():
            return False
        if kind in {b"moov", b"trak"} and _any_turned_box(file, body, min(end, stop)):
            return True
        if kind in {b"mvhd", b"tkhd"} and _is_turned_header(file, body, kind):
            return True
        start = end
    return False


def _is_turned_header(file: BinaryIO, body: int, kind: bytes) -> bool:
    """Compare the matrix in a movie or track header with the identity."""
    file.seek(body)
    version = file.read(1)[:1]
    offset = {b"mvhd": 36, b"tkhd": 40}[kind] + (12 if version == b"\x01" else 0)
    file.seek(body + offset)
    numbers = struct.unpack(">9i", file.read(_MATRIX_BYTES))
    return numbers[:5] != _IDENTITY[:5]

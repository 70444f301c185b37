"""Enough of AV1's headers to tell which frames are kept for others to refer to.

Fields and their order are those of the AV1 Bitstream & Decoding Process Specification, sections 5.3 to 5.9.
"""

from collections.abc import Iterator
from typing import NamedTuple

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_ASIDES = {2, 4, 5, 7, 15}  # delimiters, tiles, metadata, repeated headers, padding
_KEY, _SWITCH = 0, 3
_CHOOSE = 2  # a sequence leaves the choice to its frames
_HEAD = 64  # bytes of a header that are read


class Sequence(NamedTuple):
    """What a sequence header says that frame headers cannot be read without.

    Args:
        screen_content: Whether screen content tools are allowed: 0, 1 or 2 for "each frame says".
        integer_mv: The same for whole motion vectors.
        order_hint_bits: Bits of a frame's place in the order.
    """

    screen_content: int
    integer_mv: int
    order_hint_bits: int


def read_sequence(data: "bytes | memoryview") -> Sequence | None:
    """Find and read a sequence header; None without one, or when it is of a rare kind (stills, stated times).

    Args:
        data: Open bitstream units, as a packet or the end of ``av1C`` holds them.
    """
    for kind, unit in _units(data):
        if kind == _SEQUENCE_HEADER:
            return _sequence(_Bits(unit))
    return None


def keeps_nothing(packet: "bytes | memoryview", sequence: Sequence) -> bool:
    """Tell whether no frame of a packet is kept for others.

    Args:
        packet: A temporal unit.
        sequence: What applies to it.
    """
    frames = 0
    for kind, unit in _units(packet):
        if kind in (_FRAME, _FRAME_HEADER):
            if _is_kept(_Bits(unit), sequence):
                return False
            frames += 1
        elif kind not in _ASIDES:
            return False
    return frames > 0


class _Bits:
    """Reads numbers bit by bit; beyond the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def __call__(self, count: int = 1) -> int:
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & (1 << count) - 1


def _units(data: "bytes | memoryview") -> Iterator[tuple[int, bytes]]:
    """Cut data into units: their kind, and how they begin."""
    place, end = 0, len(data)
    while place < end:
        header = data[place]
        place += 2 if header & 4 else 1
        size = end - place
        if header & 2:
            size, place = _leb128(data, place)
        yield header >> 3 & 15, bytes(data[place : place + min(size, _HEAD)])
        place += size


def _leb128(data: "bytes | memoryview", place: int) -> tuple[int, int]:
    """Read a number of seven bits a byte; return it and where it ends."""
    value = 0
    for number in range(8):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 127) << 7 * number
        if not byte & 128:
            break
    return value, place


def _sequence(read: _Bits) -> Sequence | None:
    """Read sequence_header_obu as far as it matters."""
    read(3)  # seq_profile
    read()  # still_picture
    if read() or read():  # reduced_still_picture_header, timing_info_present_flag
        return None
    has_display_delay = read()
    for _ in range(read(5) + 1):  # operating_points_cnt_minus_1
        read(12)
        if read(5) > 7:  # seq_level_idx
            read()
        if has_display_delay and read():
            read(4)
    width_bits, height_bits = read(4) + 1, read(4) + 1
    read(width_bits), read(height_bits)
    if read():  # frame_id_numbers_present_flag
        return None
    read(7)  # use_128x128_superblock to enable_dual_filter
    has_order = read()
    if has_order:
        read(2)  # enable_jnt_comp, enable_ref_frame_mvs
    screen_content = _CHOOSE if read() else read()
    integer_mv = _CHOOSE if not screen_content or read() else read()
    return Sequence(screen_content, integer_mv, read(3) + 1 if has_order else 0)


def _is_kept(read: _Bits, sequence: Sequence) -> bool:
    """Read uncompressed_header up to refresh_frame_flags; what is shown again counts as kept."""
    if read():  # show_existing_frame
        return True
    kind = read(2)
    if kind in (_KEY, _SWITCH) or not read():  # show_frame
        return True
    resilient = read()
    read()  # disable_cdf_update
    screen_content = read() if sequence.screen_content == _CHOOSE else sequence.screen_content
    if screen_content and sequence.integer_mv == _CHOOSE:
        read()
    read()  # frame_size_override_flag
    read(sequence.order_hint_bits)
    is_inter = kind == 1
    if is_inter and not resilient:
        read(3)  # primary_ref_frame
    return read(8) != 0  # refresh_frame_flags

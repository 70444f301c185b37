"""Which packets a decoder must be fed so that wanted frames come out exactly.

Decoding starts only at entries: packets from which everything after is decoded as it would be
from the start of the file. Arithmetic on time stamps; nothing is decoded here.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from workbench.media.nals import nal_units

# Codecs whose non-reference frames are referenced by nothing at all, so that leaving them out
# changes no other frame. HEVC is not among them: higher sub-layers may refer to such frames (see spare.py).
SKIPPABLE_CODECS = frozenset({"h264", "mpeg1video", "mpeg2video", "mpeg4"})
# Every key frame of these resets the decoder completely.
_SELF_CONTAINED_CODECS = frozenset({"vp8", "vp9", "mjpeg", "prores", "dnxhd"})
_MAX_REORDER = 64  # packets; more than any codec's reordering, less than a jump in time stamps


class Entry(Enum):
    """What a key frame is good for as a place to start."""

    CLEAN = "clean"  # the decoder may go straight on to it
    AFTER_FLUSH = "after flush"  # exact, but the decoder must forget what came before
    UNUSABLE = "unusable"  # frames after it may lean on frames before it


def is_well_timed(ticks: Sequence[int | None]) -> bool:
    """Tell whether time stamps, in decoding order, say for sure which frame is shown when.

    Missing and repeated stamps do not; nor do stamps that jump, as where films were joined.

    Example:
        >>> is_well_timed([0, 3, 1, 2]), is_well_timed([0, None, 2]), is_well_timed([0, 1, 1])
        (True, False, False)
    """
    known = [tick for tick in ticks if tick is not None]
    if not known or len(set(known)) != len(ticks):
        return False
    ranks = sorted(range(len(known)), key=known.__getitem__)
    return all(abs(rank - place) <= _MAX_REORDER for rank, place in enumerate(ranks))


def shown_tick(ordered_ticks: Sequence[int], tick: int) -> int:
    """Return the time stamp of the frame on screen: the last at or before, else the first.

    Example:
        >>> shown_tick([0, 10, 20], 19), shown_tick([0, 10, 20], -5)
        (10, 0)
    """
    return ordered_ticks[max(bisect_right(ordered_ticks, tick) - 1, 0)]


def ranges_to_feed(
    ticks: Sequence[int],
    key_places: Sequence[int],
    wanted: Iterable[int],
    entry: Callable[[int], Entry],
) -> list[tuple[int, int]]:
    """Plan which packets to feed, in decoding order.

    A wanted frame needs the nearest usable key frame at or before it, both in decoding and in
    presentation order: frames shown before a key frame that follow it in the file (an open
    group of pictures) belong to the group before.

    Args:
        ticks: Presentation time stamps of all packets, in decoding order.
        key_places: Places of the key frames in that list, increasing.
        wanted: Time stamps of the wanted frames.
        entry: What the key frame at a place is good for; asked only about candidates.

    Returns:
        Inclusive ranges (first, last) of places, increasing, not overlapping.

    Example:
        >>> always = lambda place: Entry.CLEAN
        >>> ranges_to_feed([0, 1, 2, 5, 3, 4], [0, 3], [2, 4], always)  # 3 and 4 lead the key at 5
        [(0, 5)]
    """
    place_of = {tick: place for place, tick in enumerate(ticks)}
    spans = sorted(
        (_entry_place(ticks, key_places, place_of[tick], entry), place_of[tick]) for tick in set(wanted)
    )
    ranges: list[tuple[int, int]] = []
    for first, last in spans:
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], last))
        else:
            ranges.append((first, last))
    return ranges


def entry_kind(codec: str, packet: bytes, extradata: bytes | None) -> Entry:
    r"""Judge a key frame by its codec and its bytes.

    Args:
        codec: FFmpeg's name of the codec.
        packet: The packet of the key frame.
        extradata: The codec's header from the container.

    Example:
        >>> entry_kind("vp9", b"", None), entry_kind("h264", b"\x00\x00\x01\x65", None)
        (<Entry.CLEAN: 'clean'>, <Entry.CLEAN: 'clean'>)
    """
    if codec in _SELF_CONTAINED_CODECS:
        return Entry.CLEAN
    if codec == "h264":
        return _h264_entry(packet, extradata or b"")
    return Entry.AFTER_FLUSH


def _entry_place(
    ticks: Sequence[int], key_places: Sequence[int], place: int, entry: Callable[[int], Entry]
) -> int:
    """Find where to start for the packet at a place; the first packet always will do."""
    for key in range(bisect_right(key_places, place) - 1, -1, -1):
        start = key_places[key]
        if ticks[start] <= ticks[place] and (start == 0 or entry(start) is not Entry.UNUSABLE):
            return start
    return 0


def _h264_entry(packet: bytes, extradata: bytes) -> Entry:
    """IDR is clean; a recovery point at once is exact after a flush; gradual refresh is not."""
    verdict = Entry.UNUSABLE
    for unit in nal_units("h264", packet, extradata):
        kind = unit[0] & 31
        if kind == 5:
            return Entry.CLEAN
        if kind == 6 and _recovers_at_once(unit[1:]):
            verdict = Entry.AFTER_FLUSH
    return verdict


def _recovers_at_once(message: bytes) -> bool:
    """Read supplemental messages: a recovery point (6) whose count of frames to wait is 0."""
    place = 0
    while place + 2 < len(message):
        kind, place = _long_number(message, place)
        size, place = _long_number(message, place)
        if kind == 6 and place < len(message):
            return bool(message[place] & 0x80)  # Exp-Golomb 0 is a single 1 bit
        place += size
    return False


def _long_number(message: bytes, place: int) -> tuple[int, int]:
    """Read a number written as bytes of 255 and a last smaller one."""
    value = 0
    while place < len(message) and message[place] == 255:
        value, place = value + 255, place + 1
    return value + (message[place] if place < len(message) else 0), place + 1

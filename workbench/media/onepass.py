"""The fast way to exact frames: index, feed only what is needed, skip what nothing refers to.

Two sizes of window, one method. A file of moderate size is one window: all its packets. Of a
long film only the neighbourhoods of the wanted moments are read, each after a seek, so memory
stays bounded. Anything strange raises `StrangeFileError`; the caller then decodes from the start.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.media.gops import (
    SKIPPABLE_CODECS,
    Entry,
    entry_kind,
    is_well_timed,
    ranges_to_feed,
    shown_tick,
)
from workbench.media.packets import PacketReader, Picture, shows_by_dts
from workbench.media.pixels import PictureMaker

if TYPE_CHECKING:
    from av.packet import Packet

    from workbench.media.container import OpenVideo

WHOLE_FILE_BYTES = 32 << 20  # up to this size all packets are kept while a file is read
_MOST_HELD_BYTES = 256 << 20
_WINDOW_S = 10.0  # moments closer than this share one seek,
_LONGEST_READ_S = 60.0  # up to this much of a film: what is read after one seek is held in memory
_MOST_REORDERED = 32  # twice what any codec allows: this many later frames, then no earlier one
_LONGEST_STEP_BACK_S = 600.0


class StrangeFileError(Exception):
    """Something in the file does not allow the fast way; decode it from the start."""


def decode_fast(video: "OpenVideo", times_s: np.ndarray) -> Iterator[Picture]:
    """Decode the frames on screen at some moments.

    Args:
        video: An open video whose packets have not been read.
        times_s: Moments in seconds from the start, float64 (T,).

    Yields:
        Each picture once, with the places in ``times_s`` that it is the answer to, and its own time.

    Raises:
        StrangeFileError: If an answer would not be sure to be exact; those before it are.
    """
    if shows_by_dts(video):
        raise StrangeFileError("the file does not say when reordered frames are shown")
    reader = PacketReader(video)
    wanted = reader.wanted_ticks(times_s)
    make = PictureMaker()
    size = video.container.size
    if size <= WHOLE_FILE_BYTES:
        windows: Iterator[tuple[Sequence[int], list[Packet]]] = iter([(wanted, list(reader))])
    else:
        windows = _seek_windows(video, reader, wanted)
    for ticks, packets in windows:
        if reader.note:
            raise StrangeFileError(reader.note)
        places = _places_by_tick(packets, ticks, wanted)
        for tick, picture in _decode_window(video, packets, places, make):
            yield Picture(places[tick], picture, reader.seconds(tick))


def _places_by_tick(
    packets: Sequence["Packet"], ticks: Sequence[int], wanted: Sequence[int]
) -> dict[int, list[int]]:
    """Find which packet is on screen at each wanted tick of this window: tick -> places in the answer."""
    if not is_well_timed([packet.pts for packet in packets]) or any(
        _changes_decoder(packet) for packet in packets
    ):
        raise StrangeFileError("time stamps or decoder settings change")
    shown = sorted(_stamp(packet) for packet in packets if not packet.is_discard)
    if not shown:
        raise StrangeFileError("nothing is shown")
    inside = set(ticks)
    places: dict[int, list[int]] = {}
    for place, tick in enumerate(wanted):
        if tick in inside:
            places.setdefault(shown_tick(shown, tick), []).append(place)
    return places


def _stamp(packet: "Packet") -> int:
    """Return a packet's presentation time stamp, which `is_well_timed` found to be there."""
    if packet.pts is None:
        raise StrangeFileError("time stamps are missing")
    return packet.pts


def _changes_decoder(packet: "Packet") -> bool:
    """Tell whether a packet is damaged or carries new decoder settings: neither may be jumped over."""
    return packet.is_corrupt or packet.has_sidedata("new_extradata") or packet.has_sidedata("param_change")


def _decode_window(
    video: "OpenVideo", packets: Sequence["Packet"], wanted: dict[int, list[int]], make: PictureMaker
) -> Iterator[tuple[int, np.ndarray]]:
    """Feed the packets that are needed, yield each wanted picture once."""
    decoder = video.decoder
    codec, extradata = video.codec, video.stream.codec_context.extradata
    keys = [place for place, packet in enumerate(packets) if packet.is_keyframe]
    ranges = ranges_to_feed(
        [_stamp(packet) for packet in packets],
        keys,
        wanted,
        lambda place: entry_kind(codec, bytes(packets[place]), extradata),
    )
    skips = codec in SKIPPABLE_CODECS
    left = set(wanted)
    for number, (first, last) in enumerate(ranges):
        if number and entry_kind(codec, bytes(packets[first]), extradata) is not Entry.CLEAN:
            yield from _pick(decoder.decode(None), left, make)
            decoder.flush_buffers()
        for packet in packets[first : last + 1]:
            if skips:
                decoder.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            yield from _pick(decoder.decode(packet), left, make)
    yield from _pick(decoder.decode(None), left, make)
    if left:
        raise StrangeFileError("some packets gave no frame")


def _pick(frames: list, left: set[int], make: PictureMaker) -> Iterator[tuple[int, np.ndarray]]:
    """Convert the frames that are still wanted; the others cost no conversion."""
    for frame in frames:
        if frame.pts in left:
            if frame.is_corrupt:
                raise StrangeFileError("a wanted frame is damaged")
            left.discard(frame.pts)
            yield frame.pts, make(frame)


def _seek_windows(
    video: "OpenVideo", reader: PacketReader, wanted: Sequence[int]
) -> Iterator[tuple[Sequence[int], list["Packet"]]]:
    """Yield groups of wanted ticks, each with the packets that surely hold their frames."""
    if not video.stream.duration and not video.container.duration:
        raise StrangeFileError("no length is stated, so the end cannot be found by seeking")
    gap, longest = (int(seconds / reader.time_base) for seconds in (_WINDOW_S, _read_s(video)))
    for group in _grouped(sorted(set(wanted)), gap, longest):
        yield group, _packets_around(video, reader, group[0], group[-1])
        video.decoder.flush_buffers()


def _read_s(video: "OpenVideo") -> float:
    """Seconds of film that may be read after one seek: few where a second has many bytes."""
    rate = video.container.bit_rate or video.stream.codec_context.bit_rate or 0
    held_s = _MOST_HELD_BYTES / 4 * 8 / rate if rate else _LONGEST_READ_S
    return float(np.clip(held_s, _WINDOW_S, _LONGEST_READ_S))


def _grouped(ticks: Sequence[int], gap: int, longest: int) -> list[list[int]]:
    """Cut increasing ticks into groups without a gap larger than ``gap``, each at most ``longest`` long."""
    groups: list[list[int]] = []
    for tick in ticks:
        if groups and tick - groups[-1][-1] <= gap and tick - groups[-1][0] <= longest:
            groups[-1].append(tick)
        else:
            groups.append([tick])
    return groups


def _packets_around(video: "OpenVideo", reader: PacketReader, first: int, last: int) -> list["Packet"]:
    """Read from a key frame shown at or before `first` until everything shown by `last` was read."""
    first = max(min(first, _last_tick(video, reader)), reader.start_tick)
    back_s = 0.0
    while back_s <= _LONGEST_STEP_BACK_S:
        goal = first - int(back_s / reader.time_base)
        video.container.seek(goal, stream=video.stream, backward=True)
        packets = _read_until(video, last, key_by=first)
        if packets and (_is_usable(video, packets[0]) or packets[0].pts == reader.first_pts):
            return packets
        back_s = max(1.0, back_s * 3)
    raise StrangeFileError("no key frame found by seeking")


def _is_usable(video: "OpenVideo", packet: "Packet") -> bool:
    """Tell whether a key frame is a place to start; the first packet of a file always is."""
    kind = entry_kind(video.codec, bytes(packet), video.stream.codec_context.extradata)
    return kind is not Entry.UNUSABLE


def _read_until(video: "OpenVideo", last: int, key_by: int) -> list["Packet"]:
    """Read packets from the next key frame on until all later ones are shown after `last`."""
    packets: list[Packet] = []
    held = later = 0
    for packet in video.container.demux(video.stream):
        if not packet.size or (not packets and not packet.is_keyframe):
            continue
        if not packets and _stamp(packet) > key_by:
            break  # landed too late; the caller steps back
        packets.append(packet)
        held += packet.size
        later += _stamp(packet) > last
        if held > _MOST_HELD_BYTES:
            raise StrangeFileError("key frames are too far apart to keep what lies between")
        if later > _MOST_REORDERED or (packet.dts is not None and packet.dts > last):
            break
    return packets


def _last_tick(video: "OpenVideo", reader: PacketReader) -> int:
    """Return the time stamp at which the headers say that the video ends."""
    if video.stream.duration:
        return reader.start_tick + video.stream.duration - 1
    return reader.start_tick + int((video.container.duration or 0) / 1_000_000 / reader.time_base)

"""Reading a long film stretch by stretch: read on while moments are wanted, seek over what is not.

A stretch ends where the next key frame to start from begins, so that no packet is in two of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.media.gops import Entry, entry_kind
from workbench.media.packets import PacketReader, StrangeFileError, stamp

if TYPE_CHECKING:
    from av.packet import Packet

    from workbench.media.container import OpenVideo

_MOST_HELD_BYTES = 256 << 20
_MOST_REORDERED = 32  # twice what any codec allows: this many later frames, then no earlier one
_LONGEST_STEP_BACK_S = 600.0


@dataclass(frozen=True)
class Stretch:
    """Packets that lie side by side in a file, and the moments whose frames are among them.

    Args:
        packets: In decoding order, from a key frame on.
        ticks: The wanted moments, as time stamps.
        goes_on: Whether the next stretch follows without a gap.
        leads_on: Whether wanted frames of the next stretch refer to frames of this one.
    """

    packets: "list[Packet]"
    ticks: Sequence[int]
    goes_on: bool = False
    leads_on: bool = False


def neighbourhoods(reader: PacketReader, ticks: Iterable[int], gap_s: float) -> list[list[int]]:
    """Group moments that lie close together, increasing.

    Args:
        reader: What the first packets of the film said.
        ticks: The moments, as time stamps.
        gap_s: Moments further apart than this are in different groups.
    """
    gap = int(gap_s / reader.time_base)
    groups: list[list[int]] = []
    for tick in sorted(set(ticks)):
        if groups and tick - groups[-1][-1] <= gap:
            groups[-1].append(tick)
        else:
            groups.append([tick])
    return groups


def stretches(
    video: "OpenVideo", reader: PacketReader, groups: Iterable[list[int]], length_s: float
) -> Iterator[Stretch]:
    """Read what holds the frames on screen at some moments of a film, in order.

    Args:
        video: An open video.
        reader: What its first packets said.
        groups: The moments, as time stamps; each group is reached by seeking.
        length_s: A stretch is about as long.

    Yields:
        Stretches that together hold every wanted frame and each packet once between two seeks.

    Raises:
        StrangeFileError: If the film does not allow it.
    """
    if not video.stream.duration and not video.container.duration:
        raise StrangeFileError("no length is stated, so the end cannot be found by seeking")
    length = int(length_s / reader.time_base)
    for group in groups:
        yield from _Reading(video, reader, group[0], length).stretches(group)


class _Reading:
    """The packets from the key frame at or before a moment on."""

    def __init__(self, video: "OpenVideo", reader: PacketReader, first: int, length: int) -> None:
        self._video = video
        self._reader = reader
        self._length = length
        self._source: Iterator[Packet] = iter(())
        self._held = [self._enter(first)]
        self._held_bytes = 0

    def stretches(self, ticks: Sequence[int]) -> Iterator[Stretch]:
        """Read on until the frames of these moments have been read."""
        while ticks:
            end = self._read_on(ticks[-1])
            packets, self._held = self._held[:end], self._held[end:]
            cut = min(map(stamp, self._held), default=ticks[-1] + 1)
            here, ticks = [t for t in ticks if t < cut], [t for t in ticks if t >= cut]
            leads_on = bool(ticks) and ticks[0] < stamp(self._held[0])
            yield Stretch(packets, here, bool(ticks), leads_on)

    def _enter(self, first: int) -> "Packet":
        """Seek to a usable key frame shown at or before a moment."""
        reader, video = self._reader, self._video
        first = max(min(first, _last_tick(video, reader)), reader.start_tick)
        back_s = 0.0
        while back_s <= _LONGEST_STEP_BACK_S:
            goal = first - int(back_s / reader.time_base)
            video.container.seek(goal, stream=video.stream, backward=True)
            self._source = (packet for packet in video.container.demux(video.stream) if packet.size)
            key = next((packet for packet in self._source if packet.is_keyframe), None)
            if key is not None and stamp(key) <= first and self._is_entry(key):
                return key
            back_s = max(1.0, back_s * 3)
        raise StrangeFileError("no key frame found by seeking")

    def _is_entry(self, key: "Packet") -> bool:
        """Tell whether a key frame is a place to start; the first packet of a file always is."""
        if key.pts == self._reader.first_pts:
            return True
        extradata = self._video.stream.codec_context.extradata
        return entry_kind(self._video.codec, bytes(key), extradata) is not Entry.UNUSABLE

    def _read_on(self, last: int) -> int:
        """Read until a stretch or all that is wanted is complete; return where the next one begins."""
        due = stamp(self._held[0]) + self._length
        goal = _Horizon(last)
        end, horizon = 0, goal
        for place, packet in enumerate(self._held_and_more()):
            if goal.passed_by(packet):
                break
            is_due = stamp(packet) >= due or self._held_bytes > _MOST_HELD_BYTES // 2
            if not end and place and packet.is_keyframe and is_due and self._is_entry(packet):
                end, horizon = place, _Horizon(stamp(packet))
            if end and horizon.passed_by(packet):
                if max(map(stamp, self._held[:end])) < min(map(stamp, self._held[end:])):
                    return end
                end = 0  # frames from before it are shown among those after it
        return len(self._held)

    def _held_and_more(self) -> "Iterator[Packet]":
        """Yield the packets that were read already, then further ones, which are held from then on."""
        self._held_bytes = 0
        for packet in list(self._held):
            self._held_bytes += packet.size
            yield packet
        for packet in self._source:
            self._held.append(packet)
            self._held_bytes += packet.size
            if self._held_bytes > _MOST_HELD_BYTES:
                raise StrangeFileError("key frames are too far apart to keep what lies between")
            yield packet


class _Horizon:
    """Tells when every frame that is shown by a moment has surely been read."""

    def __init__(self, tick: int) -> None:
        self._tick = tick
        self._later = 0

    def passed_by(self, packet: "Packet") -> bool:
        """Take the next packet; True once no later one can be shown by the moment."""
        self._later += stamp(packet) > self._tick
        return self._later > _MOST_REORDERED or (packet.dts is not None and packet.dts > self._tick)


def _last_tick(video: "OpenVideo", reader: PacketReader) -> int:
    """Return the time stamp at which the headers say that the video ends."""
    if video.stream.duration:
        return reader.start_tick + video.stream.duration - 1
    return reader.start_tick + int((video.container.duration or 0) / 1_000_000 / reader.time_base)

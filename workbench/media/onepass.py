"""The fast way to exact frames: index, feed only what is needed, skip what nothing refers to.

Two sizes of window, one method. A file of moderate size is one stretch: all its packets. Of a
long film only the neighbourhoods of the wanted moments are read, so memory stays bounded.
Anything strange raises `StrangeFileError`; the caller then decodes from the start.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.media.gops import (
    SKIPPABLE_CODECS,
    Entry,
    entry_kind,
    is_unreferenced,
    is_well_timed,
    ranges_to_feed,
    shown_tick,
)
from workbench.media.packets import PacketReader, Shown, StrangeFileError, shows_by_dts, stamp
from workbench.media.stretches import Stretch, stretches

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

    from workbench.media.container import OpenVideo

WHOLE_FILE_BYTES = 32 << 20  # up to this size all packets are kept while a file is read
_WINDOW_S = 10.0  # moments closer than this share one seek


def decode_fast(video: "OpenVideo", times_s: np.ndarray) -> Iterator[Shown]:
    """Decode the frames on screen at some moments.

    Args:
        video: An open video whose packets have not been read.
        times_s: Moments in seconds from the start, float64 (T,).

    Yields:
        Each frame once, in the order in which they are shown.

    Raises:
        StrangeFileError: If the answer would not be sure to be exact.
    """
    if shows_by_dts(video):
        raise StrangeFileError("the file does not say when reordered frames are shown")
    reader = PacketReader(video)
    wanted = reader.wanted_ticks(times_s)
    places: dict[int, list[int]] = {}
    for place, tick in enumerate(wanted):
        places.setdefault(tick, []).append(place)
    if video.container.size <= WHOLE_FILE_BYTES:
        parts: Iterable[Stretch] = [Stretch(list(reader), list(places))]
    else:
        parts = stretches(video, reader, wanted, _WINDOW_S)
    if reader.note:
        raise StrangeFileError(reader.note)
    for frame, ticks in _Feeder(video).frames(parts):
        yield Shown([place for tick in ticks for place in places[tick]], frame, reader.seconds(stamp(frame)))


class _Feeder:
    """Feeds the decoder what is needed of one stretch after another."""

    def __init__(self, video: "OpenVideo") -> None:
        self._decoder = video.decoder
        self._codec = video.codec
        self._extradata = video.stream.codec_context.extradata
        self._left: dict[int, Sequence[int]] = {}  # time stamps of frames that have not come out yet
        self._is_fed = False
        self._goes_on = False  # whether the decoder was fed the packet just before the next stretch

    def frames(self, parts: Iterable[Stretch]) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Yield each wanted frame with the moments it is on screen at."""
        for part in parts:
            yield from self._feed(part, _ticks_by_frame(part))
            if not part.goes_on:  # before the next is asked for: seeking empties the decoder
                yield from self._finish()

    def _feed(
        self, part: Stretch, wanted: dict[int, list[int]]
    ) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Feed the packets that are needed."""
        packets = part.packets
        self._left.update(wanted)
        ranges = ranges_to_feed(
            [stamp(packet) for packet in packets],
            [place for place, packet in enumerate(packets) if packet.is_keyframe],
            [*wanted, stamp(packets[-1])] if part.leads_on else wanted,
            lambda place: self._kind(packets[place]),
        )
        for first, last in ranges:
            goes_on = first == 0 and self._goes_on
            if not goes_on and self._kind(packets[first]) is not Entry.CLEAN:
                yield from self._drain()
            for packet in packets[first : last + 1]:
                if packet.pts not in wanted and self._is_unreferenced(packet):
                    continue
                if self._codec in SKIPPABLE_CODECS:
                    self._decoder.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
                self._is_fed = True
                yield from self._pick(self._decoder.decode(packet))
            self._goes_on = False
        self._goes_on = bool(ranges) and ranges[-1][1] == len(packets) - 1

    def _kind(self, packet: "Packet") -> Entry:
        """Judge a key frame as a place to start."""
        return entry_kind(self._codec, bytes(packet), self._extradata)

    def _is_unreferenced(self, packet: "Packet") -> bool:
        """Whether the decoder would leave a packet out: it costs less not to hand it over."""
        return self._codec == "h264" and is_unreferenced(memoryview(packet), self._extradata)

    def _drain(self) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Take what the decoder still holds, and let it forget."""
        if self._is_fed:
            yield from self._pick(self._decoder.decode(None))
            self._decoder.flush_buffers()
        self._is_fed = False

    def _finish(self) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """End what lies side by side: every frame has to have come out."""
        yield from self._drain()
        self._goes_on = False
        if self._left:
            raise StrangeFileError("some packets gave no frame")

    def _pick(self, frames: "list[VideoFrame]") -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Pick the frames that are wanted."""
        for frame in frames:
            if frame.pts in self._left:
                if frame.is_corrupt:
                    raise StrangeFileError("a wanted frame is damaged")
                yield frame, self._left.pop(frame.pts)


def _ticks_by_frame(part: Stretch) -> dict[int, list[int]]:
    """Find which packet is on screen at each wanted moment: time stamp -> moments."""
    if not is_well_timed([packet.pts for packet in part.packets]) or any(map(_changes_decoder, part.packets)):
        raise StrangeFileError("time stamps or decoder settings change")
    shown = sorted(stamp(packet) for packet in part.packets if not packet.is_discard)
    if not shown and part.ticks:
        raise StrangeFileError("nothing is shown")
    ticks: dict[int, list[int]] = {}
    for tick in part.ticks:
        ticks.setdefault(shown_tick(shown, tick), []).append(tick)
    return ticks


def _changes_decoder(packet: "Packet") -> bool:
    """Tell whether a packet is damaged or carries new decoder settings: neither may be jumped over."""
    return packet.is_corrupt or packet.has_sidedata("new_extradata") or packet.has_sidedata("param_change")

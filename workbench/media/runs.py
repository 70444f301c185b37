"""Runs of packets: what a decoder has to be fed, in order, for the frames that are wanted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.media.gops import (
    SKIPPABLE_CODECS,
    Entry,
    entry_kind,
    is_well_timed,
    ranges_to_feed,
    shown_tick,
)
from workbench.media.packets import StrangeFileError, stamp
from workbench.media.spare import spare_places
from workbench.media.stretches import Stretch

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

    from workbench.media.container import OpenVideo

_NEW_SETTINGS = frozenset({"new_extradata", "param_change"})


@dataclass(frozen=True)
class Run:
    """Packets that lie side by side, from a place to start to the last one needed.

    Args:
        packets: In decoding order.
        wanted: Time stamp of each wanted frame among them -> the moments it is on screen at.
        entry: How a decoder may start with it.
        follows_on: Whether it follows the run before without a gap.
        goes_on: Whether the run after it may follow without a gap, and lean on it.
        before_seek: Whether the file is sought after it, which empties the file's own decoder.
    """

    packets: "Sequence[Packet]"
    wanted: dict[int, list[int]]
    entry: Entry
    follows_on: bool
    goes_on: bool
    before_seek: bool

    @property
    def stands_alone(self) -> bool:
        """True where any decoder that is empty gives its frames."""
        return not self.follows_on and not self.goes_on


def runs_of(video: "OpenVideo", parts: Iterable[Stretch]) -> Iterator[Run]:
    """Plan what to feed of each stretch.

    Args:
        video: The video that the packets are from.
        parts: Its stretches, in order.

    Yields:
        Runs that together hold each wanted frame once, in the order of the film.

    Raises:
        StrangeFileError: If a stretch does not say for sure which frame is shown when.
    """
    extradata = video.stream.codec_context.extradata
    goes_on = False
    for part in parts:
        packets = part.packets
        ticks = _ticks_by_frame(part)

        def kind(place: int, packets: "list[Packet]" = packets) -> Entry:
            return entry_kind(video.codec, bytes(packets[place]), extradata)

        ranges = ranges_to_feed(
            [stamp(packet) for packet in packets],
            [place for place, packet in enumerate(packets) if packet.is_keyframe],
            [*ticks, stamp(packets[-1])] if part.leads_on else ticks,
            kind,
        )
        for first, last in ranges:
            run = packets[first : last + 1]
            wanted = {stamp(packet): ticks[stamp(packet)] for packet in run if packet.pts in ticks}
            follows_on, goes_on = first == 0 and goes_on, part.goes_on and last == len(packets) - 1
            before_seek = not part.goes_on and (first, last) == ranges[-1]
            yield Run(run, wanted, kind(first), follows_on, goes_on, before_seek)
        goes_on = goes_on and bool(ranges)


class Feeder:
    """Feeds one decoder run after run, leaving out what nothing refers to.

    Args:
        decoder: An empty decoder.
        video: The video that the runs are from.
    """

    def __init__(self, decoder: "VideoCodecContext", video: "OpenVideo") -> None:
        self._decoder = decoder
        self._codec = video.codec
        self._extradata = video.stream.codec_context.extradata
        self._left: dict[int, Sequence[int]] = {}  # time stamps of frames that have not come out yet
        self._is_fed = False
        self._left_out = ""

    def feed(self, run: Run) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Yield frames that come out, of this run or the one before, with the moments they are on screen at.

        Raises:
            StrangeFileError: If a frame is damaged.
        """
        if not run.follows_on and run.entry is not Entry.CLEAN:
            yield from self._drain()
        self._left.update(run.wanted)
        spare = spare_places(self._codec, run.packets, self._extradata, is_whole=run.stands_alone)
        for place, packet in enumerate(run.packets):
            if place in spare and packet.pts not in run.wanted:
                continue
            self._leave_out(nothing=packet.pts in run.wanted)
            self._is_fed = True
            yield from self._pick(self._decoder.decode(packet))

    def finish(self) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Yield what the decoder still holds, and leave it empty.

        Raises:
            StrangeFileError: If a wanted frame did not come out.
        """
        yield from self._drain()
        if self._left:
            raise StrangeFileError("some packets gave no frame")

    def _leave_out(self, *, nothing: bool) -> None:
        """Tell the decoder what to leave out of what comes next: nothing, or what nothing refers to."""
        left_out = "DEFAULT" if nothing or self._codec not in SKIPPABLE_CODECS else "NONREF"
        if left_out != self._left_out:
            self._decoder.skip_frame = self._left_out = left_out

    def _drain(self) -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Take what the decoder still holds, and let it forget."""
        if self._is_fed:
            yield from self._pick(self._decoder.decode(None))
            self._decoder.flush_buffers()
        self._is_fed = False

    def _pick(self, frames: "list[VideoFrame]") -> "Iterator[tuple[VideoFrame, Sequence[int]]]":
        """Pick the frames that are wanted. A damaged one may be referred to, and is mended otherwise here."""
        for frame in frames:
            if frame.is_corrupt:
                raise StrangeFileError("a frame is damaged")
            if frame.pts in self._left:
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
    return packet.is_corrupt or any(side.data_type in _NEW_SETTINGS for side in packet.iter_sidedata())

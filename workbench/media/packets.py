"""Reading packets and frames from a file that may be damaged: what can be had, and since when."""

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import av.error
import numpy as np

from workbench.media.frames import Frames

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

    from workbench.media.container import OpenVideo

_PEEK = 64  # packets; the first picture shown is among them whatever the reordering
_HALF_MICROSECOND = Fraction(1, 2_000_000)
_FOREVER_S = 1e9


class PacketReader:
    """Packets of the chosen stream, with the time stamp at which the video starts.

    Iterating ends early, with a note, where the file ends early.
    """

    def __init__(self, video: "OpenVideo") -> None:
        self._video = video
        self._packets = self._tolerant(video)
        self._peeked = list(islice(self._packets, _PEEK))
        ticks = [packet.pts for packet in self._peeked if packet.pts is not None and not packet.is_discard]
        self.time_base: Fraction = video.stream.time_base or Fraction(1, 1000)
        self.start_tick: int = min(ticks, default=0)
        self.first_pts = self._peeked[0].pts if self._peeked else None
        self.shows_as_it_decodes = len(ticks) > 1 and all(
            packet.pts is not None and packet.pts == packet.dts for packet in self._peeked
        )
        self.note = ""

    def __iter__(self) -> Iterator["Packet"]:
        return chain(self._peeked, self._packets)

    def wanted_ticks(self, times_s: np.ndarray) -> list[int]:
        """Translate seconds from the start into time stamps, exactly."""
        clipped = np.clip(times_s, 0.0, _FOREVER_S)  # before the first frame it is the first
        return [
            self.start_tick + math.floor((Fraction(float(time)) + _HALF_MICROSECOND) / self.time_base)
            for time in clipped
        ]

    def seconds(self, tick: int) -> float:
        """Translate a time stamp into seconds from the start."""
        return float((tick - self.start_tick) * self.time_base)

    def seek(self, time_s: float) -> None:
        """Continue from the key frame at or before a moment; where seeking fails, from here on."""
        tick = self.wanted_ticks(np.array([time_s]))[0]
        with suppress(av.error.FFmpegError):
            self._video.container.seek(tick, stream=self._video.stream, backward=True)
            self._peeked, self._packets = [], self._tolerant(self._video)

    def _tolerant(self, video: "OpenVideo") -> Iterator["Packet"]:
        """Yield packets with content until the end or the first read error."""
        try:
            for packet in _all_packets(video):
                if packet.size:
                    yield packet
        except (av.error.FFmpegError, OSError) as error:
            self.note = f"The file ends early ({getattr(error, 'strerror', None) or error})."


def _all_packets(video: "OpenVideo") -> Iterator["Packet"]:
    """Demux the stream; PyAV trips over packets of streams that begin later, which do not matter."""
    while True:
        try:
            yield from video.container.demux(video.stream)
        except IndexError:
            continue
        return


def shows_by_dts(video: "OpenVideo", packets: PacketReader) -> bool:
    """Tell whether presentation times cannot be trusted, and frames are reordered.

    AVI has none. Other containers that were filled from one by copying have decoding times in their place.
    """
    reordered = bool(video.stream.codec_context.has_b_frames)
    return reordered and (video.container.format.name == "avi" or packets.shows_as_it_decodes)


class StrangeFileError(Exception):
    """Something in the file does not allow the fast way; decode it from the start."""


def stamp(timed: "Packet | VideoFrame") -> int:
    """Return the presentation time stamp of a packet or frame that has to have one."""
    if timed.pts is None:
        raise StrangeFileError("time stamps are missing")
    return timed.pts


class OtherSizeError(StrangeFileError):
    """Frames of a card are not of the size that the file states: FFmpeg crops two of their sides only."""


class TimesRunBackError(Exception):
    """Presentation times are not in the order in which frames are shown, as in some AVI files."""


class FrameReader:
    """All frames of a video in the order they are shown, passing over damaged packets.

    Args:
        video: An open video.
        packets: Its packets.
        patient: Mend times that are missing or run back by counting on from the one before;
            False raises `TimesRunBackError` instead when one runs back.
        by_dts: Take decoding times for presentation times, as is done anyway where `shows_by_dts`.
    """

    def __init__(
        self, video: "OpenVideo", packets: PacketReader, *, patient: bool = True, by_dts: bool = False
    ) -> None:
        self._decoder = video.decoder
        self._packets = packets
        self._patient = patient
        self._by_dts = by_dts or shows_by_dts(video, packets)
        rate = video.stream.average_rate or video.stream.guessed_rate or Fraction(25)
        self._step = max(1, round(1 / (rate * packets.time_base)))
        # The smallest between decoding times: the stated rate of an AVI may be that of half frames.
        self._gap = 0
        self._last: int | None = None
        self._first_dts: int | None = None
        self._damaged = 0

    @property
    def note(self) -> str:
        """What was passed over so far; empty when nothing was."""
        damage = f"{self._damaged} damaged packets were passed over." if self._damaged else ""
        return f"{damage} {self._packets.note}".strip()

    def __iter__(self) -> Iterator[tuple[int, "VideoFrame"]]:
        for packet in chain(self._packets, [None]):
            for frame in self._decoded(packet):
                yield self._tick(frame), frame

    def _decoded(self, packet: "Packet | None") -> list["VideoFrame"]:
        """Decode one packet; a damaged one gives no frames."""
        try:
            return self._decoder.decode(packet)
        except (av.error.FFmpegError, EOFError):
            self._damaged += packet is not None
            return []

    def _tick(self, frame: "VideoFrame") -> int:
        """Return a frame's time stamp; where there is none that can be, count on."""
        tick = self._decoding_tick(frame) if self._by_dts else frame.pts
        if self._last is None:
            self._last = self._packets.start_tick if tick is None else tick
        elif tick is not None and tick > self._last:
            if self._by_dts:
                self._gap = min(self._gap or tick - self._last, tick - self._last)
            self._last = tick
        elif tick is not None and not self._patient:
            raise TimesRunBackError
        else:
            self._last += self._gap or self._step
        return self._last

    def _decoding_tick(self, frame: "VideoFrame") -> int | None:
        """Return a frame's decoding time, moved so that the first frame is the start."""
        if frame.dts is None:
            return None
        if self._first_dts is None:
            self._first_dts = frame.dts
        return self._packets.start_tick + frame.dts - self._first_dts


class Shown(NamedTuple):
    """A frame with the places in an answer that show it.

    Args:
        places: Numbers of the moments it is on screen at.
        frame: The frame as it is stored.
        matrix: Its display matrix, or None.
        time_s: Its presentation time in seconds from the start.
        note: What had been passed over until then.
    """

    places: list[int]
    frame: "VideoFrame"
    matrix: tuple[int, ...] | None
    time_s: float
    note: str = ""


class Collector:
    """Fills the frames of an answer in any order, each picture stored once it is made."""

    def __init__(self, num_frames: int) -> None:
        self._pictures: np.ndarray | None = None
        self._times_s = np.zeros(num_frames)
        self._missing = set(range(num_frames))

    @property
    def complete(self) -> bool:
        """True when no frame is missing any more."""
        return not self._missing

    def put(self, places: list[int], picture: np.ndarray, time_s: float) -> None:
        """Store one picture at all places that show it."""
        if self._pictures is None:
            self._pictures = np.empty((len(self._times_s), *picture.shape), np.uint8)
        self._pictures[places] = picture
        self._times_s[places] = time_s
        self._missing.difference_update(places)

    def frames(self, note: str = "") -> Frames | None:
        """Return the answer, or None while something is missing."""
        if self._missing or self._pictures is None:
            return None
        return Frames(self._pictures, self._times_s, note)

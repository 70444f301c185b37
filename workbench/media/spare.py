"""Which frames nothing refers to: leaving them out changes no other frame, and they are half of many films.

Read from the packets themselves, so that a decoder need not be handed such a frame at all.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.media import av1
from workbench.media.nals import nal_units
from workbench.media.packets import stamp

if TYPE_CHECKING:
    from av.packet import Packet

_H264_SLICE, _H264_ASIDES = 1, {6, 9, 12}  # messages, delimiters and filling change no picture
_HEVC_ASIDES = {35, 38, 39, 40}  # delimiters, filling, messages
_HEVC_SLICES = 32  # units below are slices; those below 16 with even numbers are of non-reference pictures


def spare_places(
    codec: str, packets: "Sequence[Packet]", extradata: bytes | None, *, is_whole: bool
) -> set[int]:
    """Find the packets whose frames nothing refers to, and that hold nothing else that counts.

    Args:
        codec: FFmpeg's name of the codec; of others than h264, hevc and av1 none is known to be spare.
        packets: Side by side in decoding order, from a place to start on.
        extradata: The codec's header from the container.
        is_whole: Whether nothing outside these packets refers to any of them.

    Returns:
        Places in ``packets``.
    """
    if codec == "h264" and _is_reordered(packets):
        return {place for place, packet in enumerate(packets) if _is_spare_h264(packet, extradata)}
    if codec == "hevc" and is_whole:
        return _spare_hevc(packets, extradata)
    if codec == "av1":
        return set(_spare_av1(packets, extradata))
    return set()


def _is_reordered(packets: "Sequence[Packet]") -> bool:
    """Whether some frame is decoded after one that is shown later: where none is, few are spare."""
    return any(stamp(one) > stamp(other) for one, other in pairwise(packets))


def _is_spare_h264(packet: "Packet", extradata: bytes | None) -> bool:
    """Whether every slice is of a picture that is not for reference."""
    slices = 0
    for unit in nal_units("h264", memoryview(packet), extradata):
        kind = unit[0] & 31
        if kind == _H264_SLICE and not unit[0] >> 5 & 3:
            slices += 1
        elif kind not in _H264_ASIDES:
            return False
    return slices > 0


def _spare_hevc(packets: "Sequence[Packet]", extradata: bytes | None) -> set[int]:
    """Find pictures not for reference in the highest of the sub-layers: higher ones might refer to them."""
    layers = [_hevc_layer(packet, extradata) for packet in packets]
    highest = max(abs(layer) for layer in layers)
    return {place for place, layer in enumerate(layers) if layer == highest > 0}


def _hevc_layer(packet: "Packet", extradata: bytes | None) -> int:
    """The sub-layer of a picture, from 1; negative where it is for reference or something else is there."""
    layer, is_spare = 0, True
    for unit in nal_units("hevc", memoryview(packet), extradata):
        kind = unit[0] >> 1 & 63
        if kind < _HEVC_SLICES and len(unit) > 1:
            layer = max(layer, unit[1] & 7)
            is_spare = is_spare and kind < 16 and not kind & 1 and not unit[0] & 1 and not unit[1] >> 3
        else:
            is_spare = is_spare and kind in _HEVC_ASIDES
    return layer if is_spare else -layer


def _spare_av1(packets: "Sequence[Packet]", extradata: bytes | None) -> Iterator[int]:
    """Yield the places of packets of which no frame is kept."""
    sequence = av1.read_sequence((extradata or b"")[4:])
    for place, packet in enumerate(packets):
        if packet.is_keyframe:
            sequence = av1.read_sequence(memoryview(packet)) or sequence
        elif sequence is not None and av1.keeps_nothing(memoryview(packet), sequence):
            yield place

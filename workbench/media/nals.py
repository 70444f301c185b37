"""The units of which packets of H.264 and HEVC are made."""

from collections.abc import Iterator

_HEAD = 64  # bytes: enough for headers and short messages


def nal_units(codec: str, packet: "bytes | memoryview", extradata: bytes | None) -> Iterator[bytes]:
    r"""Cut a packet into its units, whichever of the two ways it is written.

    Args:
        codec: "h264" or "hevc".
        packet: The packet.
        extradata: The codec's header from the container, which tells the way.

    Yields:
        The first 64 bytes of each unit.

    Example:
        >>> list(nal_units("h264", b"\x00\x00\x01\x65\x88\x00\x00\x01\x06", None))
        [b'e\x88', b'\x06']
    """
    place_of_size = 4 if codec == "h264" else 21
    if extradata and extradata[0] == 1 and len(extradata) > place_of_size:
        length_size, place, end = (extradata[place_of_size] & 3) + 1, 0, len(packet)
        while place + length_size < end:
            head = bytes(
                packet[place : place + length_size + _HEAD]
            )  # one copy: this is asked of every packet
            size = int.from_bytes(head[:length_size], "big")
            if size:
                yield head[length_size : length_size + size]
            place += length_size + size
    else:
        yield from (unit[:_HEAD] for unit in bytes(packet).split(b"\x00\x00\x01")[1:] if unit)

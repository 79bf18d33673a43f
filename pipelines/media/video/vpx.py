"""What size the pictures in a packet of VP8 or VP9 claim, before anything is allocated for them.

Range    pixels; None where a picture takes the size of one before it.
Source   RFC 6386, section 9.1; VP9 Bitstream Specification, sections 6.2, 7.2 and annex B.
"""

from __future__ import annotations

from collections.abc import Iterator

KEY_SIGN, VP9_SIGN = b"\x9d\x01\x2a", 0x498342
RGB = 7
"""The colour space of VP9 that has no halved differences to name."""


def sizes_in(codec: str, packet: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of every picture in a packet that says its own."""
    if codec == "vp8":
        if len(packet) >= 10 and not packet[0] & 1 and packet[3:6] == KEY_SIGN:
            yield tuple(int.from_bytes(packet[at : at + 2], "little") & 0x3FFF for at in (6, 8))  # type: ignore[misc]
    elif codec == "vp9":
        for picture in _pictures(packet):
            size = _size(_Bits(picture[:40]))
            if size:
                yield size


def _pictures(packet: bytes) -> Iterator[bytes]:
    """The pictures of a superframe, which ends with their lengths; or the one picture that a packet is."""
    mark = packet[-1] if packet else 0
    count, width = (mark & 7) + 1, (mark >> 3 & 3) + 1
    index = 2 + count * width
    if mark & 0xE0 != 0xC0 or len(packet) < index or packet[-index] != mark:
        yield packet
        return
    at = 0
    for number in range(count):
        begin = len(packet) - index + 1 + number * width
        length = int.from_bytes(packet[begin : begin + width], "little")
        yield packet[at : at + length]
        at += length


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits as a number; zeros behind the end."""
        self._left -= count
        shifted = self._number >> self._left if self._left >= 0 else self._number << -self._left
        return shifted & ((1 << count) - 1)


def _size(bits: _Bits) -> tuple[int, int] | None:
    if bits.take(2) != 2:
        return None
    profile = bits.take(1) + 2 * bits.take(1)
    if profile == 3:
        bits.take(1)
    if bits.take(1):  # shows a picture that is there already
        return None
    inter, shown, resilient = bits.take(1), bits.take(1), bits.take(1)
    if not inter:
        return _told(bits, profile, colour=True)
    intra_only = 0 if shown else bits.take(1)
    if not resilient:
        bits.take(2)
    if intra_only:
        return _told(bits, profile, colour=profile > 0, references=True)
    bits.take(8 + 3 * 4)
    taken = any(bits.take(1) for _ in range(3))
    return None if taken else _sides(bits)


def _told(bits: _Bits, profile: int, colour: bool, references: bool = False) -> tuple[int, int] | None:
    if bits.take(24) != VP9_SIGN:
        return None
    if colour:
        if profile >= 2:
            bits.take(1)
        rgb = bits.take(3) == RGB
        bits.take((1 if rgb else 4) if profile in (1, 3) else (0 if rgb else 1))
    if references:
        bits.take(8)
    return _sides(bits)


def _sides(bits: _Bits) -> tuple[int, int]:
    return bits.take(16) + 1, bits.take(16) + 1

"""How long each picture of an animation stands: the delays of GIF, APNG and WebP, without decoding a picture.

Range    seconds, exact.
Source   GIF89a; PNG, third edition (acTL, fcTL); the WebP container (ANMF).
Differs  Delay 0 is 0.1 s, as browsers show it, and in a GIF so is 0.01 s. Browsers slow 10 ms of APNG and WebP down to
         0.1 s as well; here they are kept, because they are how 100 frames a second are written.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ..limits import CHEAP_PIXELS, refuse_size
from ..signatures import PNG

MOST_PIXELS_A_BYTE = 10_000
"""Deflate packs 8256 pixels of one bit into a byte, LZW fewer."""
MOST_PICTURES = 100_000
"""More are no clip; counting them alone would take seconds."""
INSTEAD_OF_0 = Fraction(1, 10)
SIGNATURES: Mapping[bytes, str] = {b"GIF87a": "gif", b"GIF89a": "gif", PNG: "png", b"RIFF": "webp"}
UNITS: Mapping[str, Fraction] = {"gif": Fraction(1, 100), "webp": Fraction(1, 1000), "png": Fraction(0)}
"""What a delay is rounded to, in seconds; 0 where it is exact."""


@contextmanager
def from_its_beginning(source: str | Path | BytesIO) -> Iterator[BinaryIO]:
    """The bytes of a file, or of one that is in memory."""
    if isinstance(source, BytesIO):
        source.seek(0)
        yield source
        source.seek(0)
    else:
        with Path(source).open("rb") as file:
            yield file


def kind_of(source: str | Path | BytesIO) -> str | None:
    """gif, png or webp by the file's first bytes, whatever its name is; None for anything else."""
    with from_its_beginning(source) as file:
        head = file.read(12)
    kind = next((kind for signature, kind in SIGNATURES.items() if head.startswith(signature)), None)
    return None if kind == "webp" and head[8:] != b"WEBP" else kind


def size_of(source: str | Path | BytesIO) -> tuple[int, int]:
    """Width and height that a GIF, PNG or WebP claims in its head; 1 x 1 for a WebP that has none there."""
    with from_its_beginning(source) as file:
        head = file.read(30).ljust(30, b"\0")
    if head.startswith(b"GIF"):
        return struct.unpack("<HH", head[6:10])
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    return struct.unpack(">II", head[16:24]) if head.startswith(PNG) else (1, 1)


def refuse_claim(source: str | Path | BytesIO, name: str) -> None:
    """ValueError for a GIF, PNG or WebP of more pixels than its bytes can hold, whatever they are, or above the limits.

    Of a large one, bytes that are no pixels do not count.
    """
    width, height = size_of(source)
    refuse_size(name, width, height)
    kind, large = kind_of(source), width * height > CHEAP_PIXELS
    with from_its_beginning(source) as file:
        length = file.seek(0, 2)
        if kind and large:
            length = _bytes_of_pixels(kind, file, enough=-(-width * height // MOST_PIXELS_A_BYTE))
    if (kind != "webp" or large) and width * height > MOST_PIXELS_A_BYTE * length:
        raise ValueError(
            f"{name} claims {width} x {height} pixels and has {length} bytes for them; it is cut or "
            "damaged. Export it again."
        )


def is_animated_png(path: Path) -> bool:
    """Whether a PNG has an animation in it; False for whatever cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(8) == PNG and any(kind == b"acTL" for kind, _, _ in _png_chunks(file))
    except OSError:
        return False


NOTE = re.compile(rb"rgba_fps=(\d{1,9})/(\d{1,9}) rgba_frames=(\d{1,9})")
NOTE_WITHIN = 1 << 16
"""Bytes at the beginning and at the end of a file in which a note is looked for."""


def note_of(fps: Fraction, count: int) -> bytes:
    """What our writers note in a file whose delays are rounded, or that keeps equal pictures once."""
    return f"rgba_fps={fps.numerator}/{fps.denominator} rgba_frames={count}".encode()


def noted(source: str | Path | BytesIO) -> tuple[Fraction, int] | None:
    """The rate and the number of frames that one of our writers noted; None where there is no note."""
    with from_its_beginning(source) as file:
        head = file.read(NOTE_WITHIN)
        file.seek(max(0, file.seek(0, 2) - NOTE_WITHIN))
        found = NOTE.search(head) or NOTE.search(file.read())
    if found is None:
        return None
    over, under, count = (int(each) for each in found.groups())
    return (Fraction(over, under), count) if over and under and count else None


def _bytes_of_pixels(kind: str, file: BinaryIO, enough: int) -> int:
    """Of the pictures of a file, or `enough` if they have more."""
    file.seek(0)
    found = 0
    for _, length in READERS[kind](file):
        found += length
        if found >= enough:
            break
    return found


def delays_of(source: str | Path | BytesIO) -> list[Fraction]:
    """The seconds that each picture of an animation stands; one entry for a picture that does not move.

    ValueError for more pictures than a clip has.
    """
    kind = kind_of(source)
    if kind is None:
        raise ValueError("A GIF, PNG or WebP was expected.")
    with from_its_beginning(source) as file:
        found = (delay for delay, _ in READERS[kind](file) if delay is not None)
        delays = list(islice(found, MOST_PICTURES + 1))
    if len(delays) > MOST_PICTURES:
        raise ValueError(f"it has more than {MOST_PICTURES} pictures; cut it into parts, or save it as a video.")
    return delays or [INSTEAD_OF_0]


Pictures = Iterator[tuple[Fraction | None, int]]
"""The delay of each picture and the bytes of its pixels, which may follow with no delay of their own."""


@cache
def _hundredths(delay: int) -> Fraction:
    return Fraction(delay, 100) if delay > 1 else INSTEAD_OF_0


def _gif(file: BinaryIO) -> Pictures:
    head = file.read(13)
    _skip_palette(file, head[10:11])
    delay = 0
    while kind := file.read(1):
        if kind == b"!":
            label = file.read(1)
            block = _gif_blocks(file, keep=label == b"\xf9")[0]
            if len(block) >= 4:
                delay = int.from_bytes(block[1:3], "little")
        elif kind == b",":
            place = file.read(9)
            if len(place) < 9:
                return
            _skip_palette(file, place[8:9])
            file.seek(1, 1)
            yield _hundredths(delay), _gif_blocks(file, keep=False)[1]
            delay = 0
        elif kind == b";":
            return


def _skip_palette(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), 1)


def _gif_blocks(file: BinaryIO, keep: bool) -> tuple[bytes, int]:
    """What the blocks up to the next empty one hold, or nothing, and how much that is."""
    parts, length = [], 0
    while (size := file.read(1)) and size[0]:
        length += size[0]
        if keep:
            parts.append(file.read(size[0]))
        else:
            file.seek(size[0], 1)
    return b"".join(parts), length


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, of a control chunk contents, and length, up to the first picture of a PNG that does not move."""
    moves = False
    while len(head := file.read(8)) == 8:
        size, name = struct.unpack(">I4s", head)
        moves = moves or name == b"acTL"
        contents = file.read(size) if name == b"fcTL" and size < 100 else b""
        yield name, contents, size
        if name == b"IEND" or (name == b"IDAT" and not moves):
            return
        file.seek(size - len(contents) + 4, 1)


def _png(file: BinaryIO) -> Pictures:
    file.seek(8)
    for name, contents, size in _png_chunks(file):
        if name == b"fcTL" and len(contents) == 26:
            over, under = struct.unpack(">HH", contents[20:24])
            yield Fraction(over, under or 100) if over else INSTEAD_OF_0, 0
        elif name in (b"IDAT", b"fdAT"):
            yield None, size


def _webp(file: BinaryIO) -> Pictures:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        frame = file.read(16) if name == b"ANMF" else b""
        if len(frame) == 16:
            yield Fraction(int.from_bytes(frame[12:15], "little"), 1000) or INSTEAD_OF_0, size
        elif name in (b"VP8 ", b"VP8L"):
            yield None, size
        file.seek(size + size % 2 - len(frame), 1)


READERS: Mapping[str, Callable[[BinaryIO], Pictures]] = {"gif": _gif, "png": _png, "webp": _webp}

"""Reading PNG of every kind: which way its pixels are read, and what its chunks say of colour and animation.

Layout   (H, W, C) as stored: grey, grey + alpha, RGB or RGBA of 8 or 16 bits; palettes and small depths are expanded.
Source   W3C PNG, third edition: cICP goes before iCCP, sRGB, and gAMA with cHRM; alpha is straight.
Differs  Grey, RGB and RGBA of 8 and 16 bits are read by FFmpeg, which is quicker than OpenImageIO; all others by that.
         FFmpeg passes over checksums, and leaves rows that are missing black: both are looked at here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..limits import check_size
from ..signatures import PNG
from .colour_tags import ToDisplay, from_code_points, from_gamma
from .gamut import Chromaticities, is_possible
from .pillow_file import ORIENTATION
from .profiles import from_profile

HEADER_END = 33
END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
QUICK = frozenset({(0, 8), (0, 16), (2, 8), (2, 16), (6, 8), (6, 16)})
"""Colour types and depths that FFmpeg reads as they are."""

DEFLATE_RATIO = 1032
"""The most that Deflate can shrink by."""

LARGEST_PROFILE = 16 << 20
INFLATED = 1 << 20
"""Bytes that are inflated at a time."""

SAID = frozenset({b"tRNS", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"acTL", b"eXIf"})


@dataclass(frozen=True)
class Header:
    """What the chunks before the pixels say."""

    width: int
    height: int
    depth: int
    color_type: int
    chunks: Mapping[bytes, bytes]
    pixels: int
    """Where the first chunk of pixels begins."""

    @property
    def is_quick(self) -> bool:
        return (self.color_type, self.depth) in QUICK and not {b"tRNS", b"acTL"} & self.chunks.keys()


def read_header(file: bytes) -> Header:
    """The header of a PNG. ValueError when it is none, too large, or has fewer bytes than its pixels can take."""
    if len(file) < HEADER_END or not file.startswith(PNG) or file[12:16] != b"IHDR":
        raise ValueError("a PNG was expected, this file is none.")
    width, height, depth, color_type = struct.unpack_from(">IIBB", file, 16)
    if color_type not in CHANNELS:
        raise ValueError(f"its colour type is {color_type}, which PNG does not have; the file is broken.")
    if zlib.crc32(file[12:29]) != struct.unpack_from(">I", file, 29)[0]:
        raise ValueError("the checksum of its header is wrong; the file is broken.")
    check_size(width, height)
    size = (width * depth * CHANNELS[color_type] // 8) * height
    if size > DEFLATE_RATIO * len(file):
        raise ValueError(f"{width} x {height} pixels cannot be held by {len(file)} bytes; the file is cut or broken.")
    return Header(width, height, depth, color_type, *_chunks(file))


def colour_of(header: Header) -> tuple[ToDisplay | None, str]:
    """How the stored colours become sRGB, None where they are; a sentence for the artist, or ""."""
    chunks = header.chunks
    try:
        if b"cICP" in chunks:
            primaries, transfer, *_ = struct.unpack(">4B", chunks[b"cICP"])
            return from_code_points(primaries, transfer)
        if b"iCCP" in chunks:
            compressed = chunks[b"iCCP"].partition(b"\0")[2][1:]
            return from_profile(zlib.decompressobj().decompress(compressed, LARGEST_PROFILE))
        if b"sRGB" in chunks:
            return None, ""
        gamma = struct.unpack(">I", chunks[b"gAMA"])[0] / 100_000 if b"gAMA" in chunks else None
        primaries = _primaries(chunks.get(b"cHRM"))
        if primaries is not None and not is_possible(primaries):
            raise ValueError(primaries)
        return from_gamma(gamma or None, primaries)
    except (struct.error, zlib.error, ValueError):
        return None, "The colour tags of the file are broken; its colours are taken as sRGB."


def animation_note(header: Header) -> str:
    """That only the first of several frames is read, or ""."""
    if len(said := header.chunks.get(b"acTL", b"")) != 8:
        return ""
    count, _ = struct.unpack(">II", said)
    return f"The file is an animation of {count} frames; the first was read. Load it as a video." if count > 1 else ""


def orientation_of(header: Header) -> int:
    """How the picture is to be turned, as Exif numbers it; 1: it is not."""
    exif = Image.Exif()
    try:
        exif.load(header.chunks.get(b"eXIf", b""))
        return int(exif.get(ORIENTATION, 1))
    except (ValueError, TypeError, KeyError, SyntaxError, struct.error, OSError):
        return 1


def _primaries(said: bytes | None) -> Chromaticities | None:
    """x and y of red, green, blue and white, which the chunk has in another order."""
    if said is None:
        return None
    white_x, white_y, *rest = (each / 100_000 for each in struct.unpack(">8I", said))
    red_x, red_y, green_x, green_y, blue_x, blue_y = rest
    return red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y


def only_pixels(file: bytes, header: Header) -> bytes:
    """The file without all that FFmpeg need not see: it inflates texts and profiles to any size.

    ValueError when there are no pixels, or their checksums are wrong.
    """
    end = header.pixels
    for data in _pixel_chunks(file, header):
        end += len(data) + 12
    if end == header.pixels:
        raise ValueError("it has no pixels; the file is cut or broken.")
    return b"".join((file[:HEADER_END], memoryview(file)[header.pixels : end], END))


def refuse_missing_rows(file: bytes, header: Header, pixels: np.ndarray) -> None:
    """ValueError when there are fewer rows than the header says: FFmpeg leaves those black and empty."""
    if pixels[-1].any():
        return
    inflate = _inflater()
    inflated = sum(len(part) for data in _pixel_chunks(file, header) for part in _inflated(inflate, data))
    row = header.width * CHANNELS[header.color_type] * header.depth // 8 + 1
    if inflated < row * header.height:  # an interlaced picture has more rows, which are shorter
        raise ValueError("some of its rows are missing; the file is cut or broken.")


def _inflated(inflate: Any, data: memoryview) -> Iterator[bytes]:
    """The data inflated, a part at a time: nothing says how large it gets."""
    rest: bytes | memoryview = data
    while rest and not inflate.eof:
        yield inflate.decompress(rest, INFLATED)
        rest = inflate.unconsumed_tail


def _inflater() -> Any:
    """ISA-L's, which takes a third of the time, where it is installed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompressobj()
    return isal_zlib.decompressobj()


def _pixel_chunks(file: bytes, header: Header) -> Iterator[memoryview]:
    """The data of each chunk of pixels. ValueError when one is cut, or its checksum is wrong."""
    place, view = header.pixels, memoryview(file)
    while place + 12 <= len(file):
        size, kind = struct.unpack_from(">I4s", file, place)
        if kind != b"IDAT":
            return
        end = place + 8 + size
        if end + 4 > len(file):
            raise ValueError("its pixels end too early; the file is cut.")
        if zlib.crc32(view[place + 4 : end]) != struct.unpack_from(">I", file, end)[0]:
            raise ValueError("the checksum of its pixels is wrong; the file is broken.")
        yield view[place + 8 : end]
        place = end + 4


def _chunks(file: bytes) -> tuple[dict[bytes, bytes], int]:
    """Those of SAID that stand before the pixels, and where the pixels begin."""
    chunks: dict[bytes, bytes] = {}
    place = HEADER_END
    while place + 12 <= len(file):
        size, kind = struct.unpack_from(">I4s", file, place)
        if kind in (b"IDAT", b"IEND"):
            break
        if kind in SAID:
            chunks.setdefault(kind, file[place + 8 : place + 8 + size])
        place += size + 12
    return chunks, place

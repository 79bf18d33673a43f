"""PNG: lossless stills of 8 or 16 bits, straight alpha by specification.

Layout   (H, W, C): C = 1 grey, 3 RGB, 4 RGBA.
Range    the whole of uint8 or uint16.
Source   W3C Portable Network Graphics, third edition; pixels by FFmpeg's encoder through PyAV.
Differs  FFmpeg filters no rows unless told to (files twice as large) and writes the pixel aspect 0:1 for an unset
         one; here rows are filtered, above level 1 by the best of five, and pixels are square. Colour tags and text
         are set in here: FFmpeg writes no text, and PyAV 16.0 cannot tag a frame.
"""

import re
import struct
from collections.abc import Mapping
from zlib import crc32

import numpy as np

from .codec import decoded, encoded, pixels_of

PIXEL_FORMATS = {
    (np.dtype(np.uint8), 1): "gray",
    (np.dtype(np.uint8), 3): "rgb24",
    (np.dtype(np.uint8), 4): "rgba",
    (np.dtype(np.uint16), 1): "gray16be",
    (np.dtype(np.uint16), 3): "rgb48be",
    (np.dtype(np.uint16), 4): "rgba64be",
}
FILTERS = {0: "none", 1: "up"}
"""How rows are filtered at a level of compression, as FFmpeg says it; above, by the best of the five."""

STORED_ABOVE = 0.8
"""Share of its size that a frame keeps by deflating, above which what is spared is not worth ten times the time."""

TRIED_ROWS = 8
TRIED_EVERY = 160
"""The share is tried on so many rows out of so many."""

HEADER_END = 33
"""Signature (8 bytes) and IHDR (25): colour and text stand behind them, before the pixels."""

PERCEPTUAL = 0
WHITE_RED_GREEN_BLUE = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
KEYWORD = re.compile(r"(?=.{1,79}$)[!-~]+( [!-~]+)*")


def encode(
    pixels: np.ndarray, *, compression: int = 4, srgb: bool = True, text: Mapping[str, str] | None = None
) -> bytes:
    """A whole PNG file.

    compression  0 (stored) to 9 (smallest, slow); the pixels are the same at every level. At 1, frames
                 of 16 bits that would hardly shrink, for noise in the lower 8, are stored.
    srgb         tag as sRGB (chunks sRGB, gAMA, cHRM); False for what is no colour, such as a matte.
    text         keyword to text, readable by any viewer; ComfyUI loads a graph from `workflow` and `prompt`.

    ValueError for other dtypes or channels, a level outside 0..9, and keywords or texts that PNG cannot carry.
    """
    pixel_format = PIXEL_FORMATS.get((pixels.dtype, pixels.shape[-1])) if pixels.ndim == 3 else None
    if pixel_format is None or not pixels.size:
        raise ValueError(
            f"A PNG wants (H, W, 1, 3 or 4) of uint8 or uint16, got {pixels.shape} of {pixels.dtype}; quantise first."
        )
    if not 0 <= compression <= 9:
        raise ValueError(f"PNG compression goes from 0 to 9, got {compression}; 4 is a good middle.")
    chunks = [*(_srgb_chunks() if srgb else ()), *(_text_chunk(*entry) for entry in (text or {}).items())]
    if compression == 1 and pixels.itemsize == 2 and _hardly_shrinks(pixels, pixel_format):
        compression = 0
    file = encoded("png", pixels, pixel_format, _options(compression))
    return b"".join([file[:HEADER_END], *chunks, file[HEADER_END:]])


def decode(file: bytes) -> np.ndarray:
    """The pixels of a PNG that `encode` has made, or of any other of 8 or 16 bits in grey, RGB or RGBA.

    ValueError when it is none of these. Values of 16 bits are in the file's order of bytes, the big end first.
    """
    frame = decoded("png", file)
    channels = {name: each for (_, each), name in PIXEL_FORMATS.items()}.get(frame.format.name)
    if channels is None:
        raise ValueError(f"A PNG in grey, RGB or RGBA of 8 or 16 bits was expected, got {frame.format.name}.")
    return pixels_of(frame, channels)


def _hardly_shrinks(pixels: np.ndarray, pixel_format: str) -> bool:
    """Whether a few rows of every part keep more than STORED_ABOVE of their size at level 1."""
    rows = np.arange(0, len(pixels), TRIED_EVERY)[:, None] + np.arange(TRIED_ROWS)
    tried = pixels[rows[rows[:, -1] < len(pixels)].flatten()]
    return len(tried) > 0 and len(encoded("png", tried, pixel_format, _options(1))) > STORED_ABOVE * tried.nbytes


def _options(compression: int) -> Mapping[str, str]:
    return {"compression_level": str(compression), "pred": FILTERS.get(compression, "mixed")}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", crc32(kind + data))


def _srgb_chunks() -> list[bytes]:
    """sRGB, and gAMA and cHRM as the specification recommends beside it for readers that know only those."""
    return [
        _chunk(b"sRGB", bytes([PERCEPTUAL])),
        _chunk(b"gAMA", struct.pack(">I", 45455)),
        _chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in WHITE_RED_GREEN_BLUE))),
    ]


def _text_chunk(keyword: str, text: str) -> bytes:
    """tEXt for ASCII, else iTXt: tEXt is Latin-1 by specification but UTF-8 to ComfyUI's web page."""
    if not KEYWORD.fullmatch(keyword):
        raise ValueError(f"A PNG keyword is 1 to 79 ASCII characters with single spaces, got {keyword!r}.")
    if "\0" in text:
        raise ValueError(f"PNG text cannot hold a NUL character; the text of {keyword!r} has one.")
    if text.isascii():
        return _chunk(b"tEXt", f"{keyword}\0{text}".encode("ascii"))
    return _chunk(b"iTXt", f"{keyword}\0\0\0\0\0{text}".encode())

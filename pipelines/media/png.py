"""PNG: lossless stills of 8 or 16 bits, straight alpha by specification.

Layout   (H, W, C): C = 1 grey, 3 RGB, 4 RGBA.
Range    the whole of uint8 or uint16.
Source   W3C Portable Network Graphics, third edition; pixels by FFmpeg's encoder through PyAV.
Differs  FFmpeg filters no rows unless told to (files twice as large) and writes the pixel aspect 0:1 for an unset
         one; here rows are filtered by the best of five and pixels are square. Colour tags and text are set in here:
         FFmpeg writes no text, and PyAV 16.0 cannot tag a frame.
"""

import re
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import cast
from zlib import crc32

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

PIXEL_FORMATS = {
    (np.dtype(np.uint8), 1): "gray",
    (np.dtype(np.uint8), 3): "rgb24",
    (np.dtype(np.uint8), 4): "rgba",
    (np.dtype(np.uint16), 1): "gray16be",
    (np.dtype(np.uint16), 3): "rgb48be",
    (np.dtype(np.uint16), 4): "rgba64be",
}
HEADER_END = 33
"""Signature (8 bytes) and IHDR (25): colour and text stand behind them, before the pixels."""

PERCEPTUAL = 0
WHITE_RED_GREEN_BLUE = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
KEYWORD = re.compile(r"(?=.{1,79}$)[!-~]+( [!-~]+)*")


def encode(
    pixels: np.ndarray, *, compression: int = 4, srgb: bool = True, text: Mapping[str, str] | None = None
) -> bytes:
    """A whole PNG file.

    compression  0 (stored) to 9 (smallest, slow); the pixels are the same at every level.
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
    file = _encode_pixels(pixels, pixel_format, compression)
    return b"".join([file[:HEADER_END], *chunks, file[HEADER_END:]])


def _encode_pixels(pixels: np.ndarray, pixel_format: str, compression: int) -> bytes:
    codec = cast(VideoCodecContext, av.CodecContext.create("png", "w"))
    codec.height, codec.width = pixels.shape[:2]
    codec.pix_fmt = pixel_format
    codec.time_base = Fraction(1)
    codec.sample_aspect_ratio = Fraction(1)
    codec.thread_count = 1
    codec.options = {"compression_level": str(compression), "pred": "mixed"}
    plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(plane), format=pixel_format)
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


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

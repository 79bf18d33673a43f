"""TGA: stills of 8 bits for game engines, alpha straight by custom.

Layout   (H, W, C): C = 1 grey, 3 RGB, 4 RGBA.
Range    the whole of uint8.
Source   Truevision TGA file format specification 2.0; pixels by FFmpeg's encoder through PyAV.
Differs  The extension area, which could say what alpha means, is not written: hardly a reader looks at it.
"""

import struct

import numpy as np

from ..limits import check_size
from .codec import decoded, encoded, pixels_of

PIXEL_FORMATS = {1: "gray", 3: "bgr24", 4: "bgra"}
ORDER = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
LARGEST = 65535

HEADER = 18
FOOTER = b"TRUEVISION-XFILE.\0"
QUICK = frozenset({(2, 24), (2, 32), (10, 24), (10, 32), (3, 8), (11, 8)})
"""Image types and depths that FFmpeg reads as they are."""

RUNS, LONGEST_RUN = 8, 128
RIGHT_TO_LEFT = 0x10
ATTRIBUTES, PREMULTIPLIED = 494, 4
"""Where the extension area says what alpha is, and one of its answers."""


def encode(pixels: np.ndarray, *, compression: int = 4) -> bytes:
    """A whole TGA file: stored at compression 0, run lengths above; the pixels are the same.

    ValueError for other dtypes, channels or sizes.
    """
    pixel_format = PIXEL_FORMATS.get(pixels.shape[-1]) if pixels.ndim == 3 else None
    if pixel_format is None or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(
            f"A TGA wants (H, W, 1, 3 or 4) of uint8, got {pixels.shape} of {pixels.dtype}; quantise first."
        )
    if max(pixels.shape[:2]) > LARGEST:
        raise ValueError(f"A TGA has at most {LARGEST} pixels a side, got {pixels.shape[1]} x {pixels.shape[0]}.")
    options = {"rle": "1" if compression else "0"}
    return bytes(encoded("targa", pixels[..., ORDER[pixels.shape[-1]]], pixel_format, options))


def is_quick(file: bytes) -> bool:
    """Whether `decode` reads a TGA: 8, 24 or 32 bits, no palette, left to right.

    ValueError when its size is above the limits, or more than its bytes can hold.
    """
    if len(file) < HEADER:
        raise ValueError("a TGA was expected, this file is none.")
    _, palette, kind, width, height, depth, descriptor = struct.unpack_from("<3B9x2H2B", file)
    if (kind, depth) not in QUICK or palette or descriptor & RIGHT_TO_LEFT:
        return False
    check_size(width, height)
    packed = LONGEST_RUN if kind & RUNS else 1
    if width * height * (depth // 8) > packed * len(file):
        raise ValueError(f"{width} x {height} pixels cannot be held by {len(file)} bytes; the file is cut or broken.")
    return True


def has_alpha_bit(file: bytes) -> bool:
    """Whether the sixteenth bit of a pixel is alpha: some programs take 1 as opaque, others 0, most pass it over."""
    return file[16] == 16 and file[17] & 0xF == 1


def says_premultiplied(file: bytes) -> bool:
    """Whether the extension area, which few files have, calls alpha premultiplied."""
    if not file.endswith(FOOTER) or len(file) < len(FOOTER) + 8:
        return False
    (extension,) = struct.unpack_from("<I", file, len(file) - len(FOOTER) - 8)
    return 0 < extension < len(file) - ATTRIBUTES and file[extension + ATTRIBUTES] == PREMULTIPLIED


def decode(file: bytes) -> np.ndarray:
    """The pixels of a TGA of 8, 24 or 32 bits, (H, W, 1, 3 or 4). ValueError for other kinds."""
    frame = decoded("targa", file)
    channels = {"bgr0": 4} | {name: each for each, name in PIXEL_FORMATS.items()}
    if frame.format.name not in channels:
        raise ValueError(f"A TGA in grey, RGB or RGBA of 8 bits was expected, got {frame.format.name}.")
    stored = pixels_of(frame, channels[frame.format.name])
    pixels = stored[..., ORDER[stored.shape[-1]]]
    return pixels[..., :3] if frame.format.name == "bgr0" else pixels

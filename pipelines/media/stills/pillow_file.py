"""Pictures that Pillow reads: JPEG, BMP, WebP and AVIF, and the kinds of TIFF that OpenImageIO reads wrong.

Layout   (H, W, C) uint8: grey, grey + alpha, RGB or RGBA; Lab as L, a + 128, b + 128.
Differs  Measured on Pillow's, OpenImageIO's and libtiff's test pictures: OpenImageIO 3.0 reads BMP upside down, or
         empty where its fourth byte means nothing, and ends the process over JPEG with a gain map and tiled CMYK.
         A palette of TIFF has 16 bits; programs write its 8 bits in the upper half, in both, or in the lower. Pillow
         takes the upper ones, where OpenImageIO scales all 16 and makes 254 of a white of 0xFF00.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..limits import check_size

ORIENTATION = 274
MODES: Mapping[str, str] = {"1": "L", "P": "RGBA", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "RGBX": "RGB"}
"""What other modes are converted to."""

HEADER_WITH_SIZE = 40
"""Bytes of the header of a BMP from which on sizes have four bytes."""

AVIF_HEADER = 1 << 16
"""Bytes in which the boxes before the pixels lie."""

HEADER_WITH_ALPHA = 56
BIT_FIELDS, BIT_FIELDS_WITH_ALPHA = 3, 6
"""Of a BMP's compression."""

FOURTH_BYTE = "The header does not say that the fourth byte of a pixel is alpha; it was read as that."

BROKEN = (OSError, RuntimeError, SyntaxError, struct.error, EOFError, KeyError, IndexError, TypeError, OverflowError)
"""What Pillow raises for broken files."""


@dataclass(frozen=True)
class Picture:
    """A picture, how many there are in the file, its profile of colour, and how it is to be turned (1: it is not).

    mode  what Pillow calls it, before it was converted: CMYK, LAB, ...
    """

    pixels: np.ndarray
    count: int
    profile: bytes
    orientation: int
    mode: str
    guessed: str = ""
    """A sentence about what was guessed, or none."""
    code_points: tuple[int, int] | None = None
    """Primaries and transfer by ITU-T H.273, of an AVIF that says them."""


def read_picture(path: Path, formats: tuple[str, ...]) -> Picture:
    """The first picture of a file of these formats. ValueError when it is none, cut or too large."""
    kind = " or ".join(formats)
    try:
        if formats == ("BMP",) and (pixels := _bit_fields(path)) is not None:
            return Picture(pixels, 1, b"", 1, "RGBA")
        with Image.open(path, formats=formats) as image:
            check_size(*image.size)
            return _loaded(image, path)
    except Image.DecompressionBombError as error:
        raise ValueError(f"it is larger than Pillow reads ({error}); make it smaller, or save it as PNG.") from None
    except BROKEN as error:
        problem = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({error})"
        raise ValueError(
            f"a picture in {kind} was expected, this file is none, cut, or of a kind that is not read{problem}."
        ) from None


def _loaded(image: Image.Image, path: Path) -> Picture:
    try:
        image.load()
        target = MODES.get(image.mode, image.mode)
        pixels = np.asarray(image if target == image.mode else image.convert(target))
    except ValueError as error:  # Pillow's own, which says nothing of what to do
        raise SyntaxError(error) from None
    if image.mode == "LAB":  # Pillow hands out a and b with signs, as TIFF has them
        pixels = pixels ^ np.array([0, 128, 128], np.uint8)
    guessed = ""
    if image.format == "BMP" and image.mode == "RGB" and (alpha := _fourth_bytes(path)) is not None:
        pixels, guessed = np.dstack((pixels, alpha)), FOURTH_BYTE
    return Picture(
        pixels if pixels.ndim == 3 else pixels[..., None],
        getattr(image, "n_frames", 1),
        bytes(image.info.get("icc_profile") or b""),
        image.getexif().get(ORIENTATION, 1),
        image.mode,
        guessed,
        _code_points(path) if image.format == "AVIF" else None,
    )


def _code_points(path: Path) -> tuple[int, int] | None:
    """Primaries and transfer of an AVIF's colour box (ISO/IEC 23008-12), which Pillow leaves out."""
    with path.open("rb") as file:
        _, found, after = file.read(AVIF_HEADER).partition(b"colrnclx")
    return struct.unpack_from(">HH", after) if found and len(after) >= 4 else None


class _BMP(NamedTuple):
    """A BMP's header: where its pixels begin, its own size, and what they are; rows go up for a height above 0."""

    start: int
    size: int
    width: int
    height: int
    bits: int
    compression: int

    def upright(self, picture: np.ndarray) -> np.ndarray:
        return picture if self.height < 0 else picture[::-1]


def _bmp_header(file: bytes) -> _BMP:
    return _BMP(*struct.unpack_from("<10xIIii2xHI", file))


def _fourth_bytes(path: Path) -> np.ndarray | None:
    """(H, W) of a BMP with four bytes a pixel whose header says nothing of the fourth; None where all are 0."""
    file = path.read_bytes()
    header = _bmp_header(file)
    if header.size < HEADER_WITH_SIZE or header.bits != 32 or header.compression:
        return None
    width, height = header.width, abs(header.height)
    rows = np.frombuffer(file, np.uint8, width * height * 4, header.start).reshape(height, width, 4)
    alpha = header.upright(rows[..., 3])
    return alpha if alpha.any() else None


def _bit_fields(path: Path) -> np.ndarray | None:
    """(H, W, 3 or 4) uint16 of a BMP that says which bits of a pixel are which colour; None for all others."""
    file = path.read_bytes()
    if len(file) < 54 or not file.startswith(b"BM"):
        return None
    header = _bmp_header(file)
    bits, width, height = header.bits, header.width, abs(header.height)
    if header.size < HEADER_WITH_SIZE or bits not in (16, 32):
        return None
    if header.compression not in (BIT_FIELDS, BIT_FIELDS_WITH_ALPHA):
        return None
    check_size(width, height)
    has_alpha = header.size >= HEADER_WITH_ALPHA or header.compression == BIT_FIELDS_WITH_ALPHA
    masks = [each for each in struct.unpack_from("<4I" if has_alpha else "<3I", file + bytes(16), 54) if each]
    stride = (width * bits // 8 + 3) // 4 * 4
    if len(masks) < 3 or len(file) < header.start + stride * height:
        raise SyntaxError("pixels or colours are missing")
    rows = np.frombuffer(file, np.uint8, stride * height, header.start).reshape(height, stride)
    stored = np.ascontiguousarray(rows[:, : width * bits // 8]).view(f"<u{bits // 8}").astype(np.uint32)
    planes = []
    for mask in masks:
        low = (mask & -mask).bit_length() - 1
        largest = mask >> low
        planes.append(np.rint(((stored & np.uint32(mask)) >> low) * (65535.0 / largest)).astype(np.uint16))
    return header.upright(np.stack(planes, axis=-1))

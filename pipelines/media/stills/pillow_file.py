"""Pictures that Pillow reads: WebP and AVIF, and TIFF with a palette.

Layout   (H, W, C) uint8: grey, grey + alpha, RGB or RGBA.
Differs  A palette of TIFF has 16 bits; programs write its 8 bits in the upper half, in both, or in the lower. Pillow
         takes the upper ones, where OpenImageIO scales all 16 and makes 254 of a white of 0xFF00.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..limits import check_size

ORIENTATION = 274
MODES: Mapping[str, str] = {"1": "L", "P": "RGBA", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "RGBX": "RGB"}
"""What other modes are converted to."""


BROKEN = (OSError, RuntimeError, SyntaxError, struct.error, EOFError, KeyError, IndexError, TypeError, OverflowError)
"""What Pillow raises for broken files."""


@dataclass(frozen=True)
class Picture:
    """A picture, how many there are in the file, its profile of colour, and how it is to be turned (1: it is not)."""

    pixels: np.ndarray
    count: int
    profile: bytes
    orientation: int


def read_picture(path: Path, formats: tuple[str, ...]) -> Picture:
    """The first picture of a file of these formats. ValueError when it is none, cut or too large."""
    try:
        with Image.open(path, formats=formats) as image:
            check_size(*image.size)
            image.load()
            target = MODES.get(image.mode, image.mode)
            pixels = np.asarray(image if target == image.mode else image.convert(target))
            return Picture(
                pixels if pixels.ndim == 3 else pixels[..., None],
                getattr(image, "n_frames", 1),
                bytes(image.info.get("icc_profile") or b""),
                image.getexif().get(ORIENTATION, 1),
            )
    except Image.DecompressionBombError as error:
        raise ValueError(f"{error}; such a picture is not read.") from None
    except BROKEN as error:
        kind = " or ".join(formats)
        problem = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({error})"
        raise ValueError(f"a picture in {kind} was expected, this file is none or is cut{problem}.") from None

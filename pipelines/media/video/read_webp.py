"""Reading an animated WebP, which FFmpeg does not: by Pillow.

Layout   frames (H, W, 4) of uint8, one after the other.
Range    straight, sRGB, alpha 255 = opaque.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ..limits import refuse_size

DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for a file that is none."""


def size_of(source: str | Path | BytesIO, name: str) -> tuple[int, int]:
    """Width and height. ValueError when it is no WebP, or too large."""
    with _opened(source, name) as image:
        refuse_size(name, *image.size)
        return image.size


def pictures_of(source: str | Path | BytesIO, name: str) -> Iterator[np.ndarray]:
    """Every stored picture, composed, one at a time."""
    with _opened(source, name) as image:
        for index in range(getattr(image, "n_frames", 1)):
            try:
                image.seek(index)
                pixels = np.asarray(image.convert("RGBA"))
            except DAMAGED as error:
                raise ValueError(f"{name} is damaged at picture {index}: {error}. Export it again.") from None
            yield pixels


@contextmanager
def _opened(source: str | Path | BytesIO, name: str) -> Iterator[Image.Image]:
    if isinstance(source, BytesIO):
        source.seek(0)
    try:
        image = Image.open(source, formats=["WEBP"])
    except DAMAGED as error:
        raise ValueError(f"An animated WebP was expected, {name} is none: {error}.") from None
    with image:
        yield image

"""TIFF: lossless stills of 16 bits, whose header says that alpha is straight.

Layout   (H, W, C): C = 1 grey, 3 RGB, 4 RGBA.
Range    the whole of uint16.
Source   TIFF 6.0 (Adobe, 1992), ExtraSamples 2 = unassociated alpha; pixels by FFmpeg's encoder through PyAV.
Differs  Nothing. There is no tag for sRGB in it: TIFF's RGB is read as sRGB by custom.
"""

import numpy as np

from .codec import decoded, encoded, pixels_of

PIXEL_FORMATS = {1: "gray16le", 3: "rgb48le", 4: "rgba64le"}


def encode(pixels: np.ndarray, *, compression: int = 4) -> bytes:
    """A whole TIFF file: stored at compression 0, Deflate above; the pixels are the same.

    ValueError for other dtypes or channels.
    """
    pixel_format = PIXEL_FORMATS.get(pixels.shape[-1]) if pixels.ndim == 3 else None
    if pixel_format is None or pixels.dtype != np.uint16 or not pixels.size:
        raise ValueError(
            f"A TIFF wants (H, W, 1, 3 or 4) of uint16, got {pixels.shape} of {pixels.dtype}; quantise first."
        )
    return bytes(encoded("tiff", pixels, pixel_format, {"compression_algo": "deflate" if compression else "raw"}))


def decode(file: bytes) -> np.ndarray:
    """The pixels of a TIFF that `encode` has made, (H, W, 1, 3 or 4), in its order of bytes. ValueError for others."""
    frame = decoded("tiff", file)
    channels = {"gray": 1, "rgb24": 3, "rgba": 4} | {
        name.replace("le", end): each for each, name in PIXEL_FORMATS.items() for end in ("le", "be")
    }
    if frame.format.name not in channels:
        raise ValueError(f"A TIFF in grey, RGB or RGBA of 8 or 16 bits was expected, got {frame.format.name}.")
    return pixels_of(frame, channels[frame.format.name])

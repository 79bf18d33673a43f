"""A still on disk as straight RGBA, whatever its format.

Layout   (H, W, 4) float32.
Range    straight colour in display space (sRGB), 0..1; light above 1 goes on along the curve. Alpha 1 = opaque.
Source   PNG: straight by specification. EXR: premultiplied light by custom, chromaticities in its header. TIFF: as
         its ExtraSamples say. TGA: straight by custom. A sidecar, or the artist, knows better than all of these.
Differs  Premultiplied colour is divided wherever alpha is above 0; where it is 0 it stays as it stands.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...alpha.association import PREMULTIPLIED, STRAIGHT, unpremultiply
from . import exr, png, tga, tiff
from .light import rgba_of

DECODERS: Mapping[str, Callable[[bytes], np.ndarray]] = {
    ".png": png.decode,
    ".tif": tiff.decode,
    ".tiff": tiff.decode,
    ".tga": tga.decode,
}
READABLE = frozenset({".exr", *DECODERS})
"""Suffixes of what can be read, in small letters."""


def read_still(path: Path, association: str | None = None) -> Tensor:
    """(H, W, 4) of a file; `association` overrides what the file says. ValueError naming the file when it is none."""
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise ValueError(f"{path.name}: one of {', '.join(sorted(READABLE))} was expected.")
    file = path.read_bytes()
    try:
        if suffix == ".exr":
            picture = exr.decode(file)
            return rgba_of(picture.channels, picture.chromaticities, association != STRAIGHT)
        said = PREMULTIPLIED if suffix.startswith(".tif") and tiff.says_premultiplied(file) else STRAIGHT
        return rgba_from(DECODERS[suffix](file), (association or said) == PREMULTIPLIED)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def rgba_from(pixels: np.ndarray, premultiplied: bool = False) -> Tensor:
    """Straight RGBA (H, W, 4) of whole numbers (H, W, 1, 3 or 4), of any unsigned type."""
    values = torch.from_numpy(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max)
    if values.shape[-1] < 4:
        rgb = values.expand(-1, -1, 3)
        return torch.cat((rgb, torch.ones_like(rgb[..., :1])), dim=-1)
    if not premultiplied:
        return values
    rgb, alpha = values.split((3, 1), dim=-1)
    return torch.cat((unpremultiply(rgb, alpha, keep_hidden=True), alpha), dim=-1)

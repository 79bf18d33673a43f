"""The still formats that a sequence can be made of: one row each.

Every file is decoded again and compared before it is handed on: what comes out of `encode` holds what went in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...alpha.association import PREMULTIPLIED
from ..passes import Pass
from ..read_back import refuse_difference
from . import exr, png, tga, tiff
from .gamut import SPACES
from .light import light_channels
from .quantise import quantise


@dataclass(frozen=True)
class Frame:
    """One frame to encode: straight RGBA (H, W, 4), its number for messages, and what its header is to hold."""

    rgba: Tensor
    number: int
    fps: Fraction
    text: Mapping[str, str]


@dataclass(frozen=True)
class Light:
    """How light is stored in an EXR: the colour space, whether colour stays where alpha is 0, the compression."""

    space: str = "linear Rec.709"
    emissive: bool = False
    kind: str = "zip"


@dataclass(frozen=True)
class Still:
    """A format: the suffix of its files, the bits of a channel, how passes of one frame become a file."""

    suffix: str
    bits: int
    encode: Callable[[Frame, Sequence[Pass]], bytes]
    """One pass in a file; an EXR takes several, as layers."""
    light: Light | None = None
    """Of a format that holds light; None where it holds display values, sRGB."""

    def association(self, of: Pass) -> str | None:
        """Colour that is beside its alpha in an EXR is premultiplied, whatever the pass."""
        return PREMULTIPLIED if self.light and of.channels == "RGBA" else of.association


def _display_still(
    suffix: str,
    bits: int,
    encode: Callable[[np.ndarray, Pass, Mapping[str, str]], bytes],
    decode: Callable[[bytes], np.ndarray],
) -> Still:
    """A format of whole numbers: what is read back is the same to the last bit."""

    def encoded(frame: Frame, passes: Sequence[Pass]) -> bytes:
        (of,) = passes
        pixels = quantise(of.picture(frame.rgba), bits, frame.number)
        file = encode(pixels, of, frame.text)
        refuse_difference(f"Frame {frame.number}", pixels, decode(file))
        return file

    return Still(suffix, bits, encoded)


def png_still(bits: int, compression: int, _: Light | None = None) -> Still:
    """PNG of 8 or 16 bits, compression 0 to 9; colour is tagged sRGB, a matte is left untagged."""
    return _display_still(
        "png",
        bits,
        lambda pixels, of, text: png.encode(pixels, compression=compression, srgb=of.is_color, text=text),
        png.decode,
    )


def tiff_still(compression: int, _: Light | None = None) -> Still:
    """TIFF of 16 bits: stored at compression 0, else Deflate. It carries no graph."""
    return _display_still("tif", 16, lambda pixels, *_: tiff.encode(pixels, compression=compression), tiff.decode)


def tga_still(compression: int, _: Light | None = None) -> Still:
    """TGA of 8 bits: stored at compression 0, else run lengths. It carries no graph."""
    return _display_still("tga", 8, lambda pixels, *_: tga.encode(pixels, compression=compression), tga.decode)


def exr_still(bits: int, compression: int, light: Light | None = None) -> Still:
    """EXR of half (16) or float (32); several passes are layers of one file; `compression` is its level."""
    light = light or Light()
    stored = torch.float16 if bits == 16 else torch.float32

    def encoded(frame: Frame, passes: Sequence[Pass]) -> bytes:
        found = light_channels(frame.rgba, passes, light.space, light.emissive, layers=len(passes) > 1, stored=stored)
        # too much for half became infinite, which `encode` refuses by name
        channels = {name: values.numpy() for name, values in found.items()}
        mark = {exr.PASS: exr.MATTE} if "Y" in channels else {}
        try:
            file = exr.encode(
                channels,
                kind=light.kind,
                compression=compression,
                chromaticities=SPACES[light.space],
                fps=frame.fps,
                text={**frame.text, **mark},
            )
        except ValueError as error:
            raise ValueError(f"Frame {frame.number}: {error}") from None
        read = exr.decode(file)
        limit = exr.LOSS if light.kind in exr.LOSSY else 0.0
        for name, values in channels.items():
            refuse_difference(f"Frame {frame.number}, channel {name}", values, read[name], limit)
        return file

    return Still("exr", bits, encoded, light)


STILLS: Mapping[str, Callable[..., Still]] = {
    "png 8-bit": partial(png_still, 8),
    "png 16-bit": partial(png_still, 16),
    "exr half": partial(exr_still, 16),
    "exr float": partial(exr_still, 32),
    "tiff 16-bit": tiff_still,
    "tga": tga_still,
}
"""Name in the saver's menu, to the format at a compression level; light is for those that hold light."""

SUFFIXES = ("png", "exr", "tif", "tga")

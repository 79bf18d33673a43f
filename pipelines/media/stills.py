"""The still formats that a sequence can be made of: one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from . import png
from .passes import Pass
from .quantise import quantise


@dataclass(frozen=True)
class Still:
    """A format: the suffix of its files, the bits of a channel, and how one pass of one frame becomes a file."""

    suffix: str
    bits: int
    encode: Callable[[Tensor, Pass, int, Mapping[str, str]], bytes]
    """(picture (H, W, C), its pass, its frame number for messages, text for the file's header) to bytes."""


def png_still(bits: int, compression: int) -> Still:
    """PNG of 8 or 16 bits, compression 0 to 9; colour is tagged sRGB, a matte is left untagged."""

    def encode(picture: Tensor, of: Pass, number: int, text: Mapping[str, str]) -> bytes:
        return png.encode(quantise(picture, bits, number), compression=compression, srgb=of.is_color, text=text)

    return Still("png", bits, encode)


STILLS: Mapping[str, Callable[[int], Still]] = {
    "png 8-bit": partial(png_still, 8),
    "png 16-bit": partial(png_still, 16),
}
"""Name in the saver's menu, to the format at a compression level."""

SUFFIXES = ("png",)

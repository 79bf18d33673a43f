"""TIFF: which program reads a kind of it right, and which kinds are refused.

Source   TIFF 6.0; measured on libtiff's, BitMiracle's and Pillow's test pictures beside Pillow, tifffile and FFmpeg.
Differs  OpenImageIO 3.0 reads most kinds. It reads old JPEG in tiles as noise, Lab by a monitor's curves and a palette
         by its lower bits; it ends the process over CMYK in tiles: these are Pillow's. Floats of 24 bits, and of 64 in
         tiles, it reads as noise: these are refused.
"""

from __future__ import annotations

from .image_file import Part

BITS, COMPRESSION, MEANING = "oiio:BitsPerSample", "tiff:Compression", "tiff:PhotometricInterpretation"

WHITE_IS_ZERO, PALETTE, SEPARATED, LOGLUV = 0, 3, 5, (32844, 32845)
BLACK_AND_WHITE = frozenset({WHITE_IS_ZERO, 1})
LAB = frozenset({8, 9, 10})
"""Of PhotometricInterpretation; SEPARATED is CMYK."""

OLD_JPEG = 6
LEFT_OUT = frozenset({34925, 50000})
"""Compressions, LZMA and Zstandard, that OpenImageIO's wheels leave out."""

SIGNED = frozenset({"int8", "int16", "int"})
SIGNED_NOTE = (
    "The file holds signed whole numbers; they were divided by the largest, so that some may be below 0. Save it "
    "unsigned if it is a picture."
)
LOGLUV_NOTE = (
    "The file is in SGI LogLuv, which was read with 8 bits; light above white is cut. Save it as EXR to keep it."
)


def is_tiff(part: Part) -> bool:
    """Whether the part is of a TIFF."""
    return COMPRESSION in part.attributes


def is_for_pillow(part: Part) -> bool:
    """Whether Pillow reads this kind of TIFF, and OpenImageIO not, or wrong."""
    said = part.attributes
    meaning, bits = said.get(MEANING), int(said.get(BITS, 8))
    if said.get(COMPRESSION) in LEFT_OUT | {OLD_JPEG} or (bits == 1 and meaning in BLACK_AND_WHITE):
        return True
    if meaning == SEPARATED and part.tiled and len(part.channels) <= 4:
        return True
    return bits <= 8 and (meaning == PALETTE or meaning in LAB)


def refuse_kind(part: Part) -> None:
    """ValueError for the kinds that nothing here reads right."""
    said = part.attributes
    meaning, bits = said.get(MEANING), int(said.get(BITS, 8))
    kind = ""
    if meaning in LAB:
        kind = f"Lab with {bits} bits a channel"
    elif meaning == SEPARATED and bits < 8:  # OpenImageIO 3.0 writes beyond its memory here, which ends the process
        kind = f"CMYK with {bits} bits a channel"
    elif meaning == SEPARATED and {*part.channels} != {*"RGB"}:
        kind = "CMYK with more than four channels"
    elif bits == 24 and "float" in part.types:
        kind = "floats of 24 bits"
    elif bits == 24 and said.get("planarconfig") == "separate":
        kind = "whole numbers of 24 bits in separate planes"
    elif part.tiled and "double" in part.types:  # read wrong by OpenImageIO 3.0 and 3.2, without an error
        kind = "floats of 64 bits in tiles"
    if kind:
        raise ValueError(f"it is a TIFF that holds {kind}, which is not read; save it as RGB with 8, 16 or 32 bits.")

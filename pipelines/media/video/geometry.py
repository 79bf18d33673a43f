"""The picture as it is shown: upright, alpha taken from beside the colour, pixels made square.

Layout   (H, W, 4) to (H', W', 4).
Range    0..1; alpha 1 = opaque.
Source   ISO/IEC 14496-12, the matrix of a track header: x' = a x + c y, y' = b x + d y. Layouts: custom of players that
         have no video with alpha.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import cos, radians, sin
from typing import Any, cast

import torch
from av.video.frame import VideoFrame
from torch import Tensor

from ...alpha.resize import resize

PLAIN, FILL_AND_KEY = "plain", "fill and key"
BESIDE: Mapping[str, tuple[int, bool]] = {
    "colour above alpha": (0, True),
    "colour below alpha": (0, False),
    "colour left of alpha": (1, True),
    "colour right of alpha": (1, False),
}
"""Layout, to the side that is halved (0 = height) and whether colour is in the first half."""
LAYOUTS = (PLAIN, *BESIDE, FILL_AND_KEY)
SLANTED = 0.02


@dataclass(frozen=True)
class Geometry:
    """How a stored picture is turned, and how wide a pixel is for its height, as the file says both.

    transposed, mirrored, upside_down  in this order: rows become columns, left becomes right, top becomes bottom
    """

    transposed: bool = False
    mirrored: bool = False
    upside_down: bool = False
    pixel: Fraction = Fraction(1)
    notes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        return not (self.transposed or self.mirrored or self.upside_down or self.pixel != 1)

    def turn(self, picture: Tensor) -> Tensor:
        """The picture upright."""
        picture = picture.transpose(0, 1) if self.transposed else picture
        flipped = [side for side, wanted in enumerate((self.upside_down, self.mirrored)) if wanted]
        return picture.flip(flipped) if flipped else picture

    def square(self, picture: Tensor) -> Tensor:
        """Straight RGBA of square pixels."""
        width, height = self.square_size(picture.shape[1], picture.shape[0])
        return resize(picture, height, width)

    def square_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an upright picture whose pixels are square."""
        if self.transposed:
            return width, max(1, round(height * self.pixel))
        return max(1, round(width * self.pixel)), height

    def shown_size(self, width: int, height: int, layout: str) -> tuple[int, int]:
        """Width and height of what is read, of a stored picture of this width and height."""
        size = [width, height] if self.transposed else [height, width]
        if layout in BESIDE:
            size[BESIDE[layout][0]] //= 2
        return self.square_size(size[1], size[0])


def display_matrix(frame: VideoFrame) -> bytes | None:
    """Nine 16.16 numbers in native order of bytes, as FFmpeg puts them beside a frame; None where it is upright."""
    try:
        sides = cast(Any, frame.side_data)  # PyAV's stub has names for keys; numbers are what it indexes by
    except ValueError:  # there is a kind that this PyAV has no name for: the angle is all that can be known
        return _matrix_of(frame.rotation)
    found = (sides[index] for index in range(len(sides)))
    return next((bytes(each) for each in found if each.type.name == "DISPLAYMATRIX"), None)


def _matrix_of(degrees: int) -> bytes | None:
    """The display matrix of a turn to the left; None for no turn."""
    a, b = (round(65536 * part(radians(degrees))) for part in (cos, sin))
    return struct.pack("=9i", a, -b, 0, b, a, 0, 0, 0, 1 << 30) if degrees else None


def geometry_of(matrix: bytes | None, pixel: Fraction | None) -> Geometry:
    """Of a display matrix (nine 16.16 numbers, native order of bytes) and a pixel's width for its height; None and 0:
    the file says nothing.
    """
    notes = []
    pixel = pixel if pixel and pixel > 0 else Fraction(1)
    if not Fraction(1, 20) <= pixel <= 20:
        notes.append(f"Its pixels are said to be {float(pixel):g} times as wide as high; they were read as square.")
        pixel = Fraction(1)
    if pixel != 1:
        notes.append(f"Its pixels are {pixel} as wide as high; the picture was scaled to square ones.")
    a, b, c, d = _right_angles(matrix)
    if matrix and not (a or b):
        notes.append("It is turned by an angle that is not a multiple of 90 degrees; it was read as it is stored.")
        a, b, c, d = 1, 0, 0, 1
    transposed = a == 0
    across, down = (c, b) if transposed else (a, d)
    return Geometry(transposed, across < 0, down < 0, pixel, tuple(notes))


def _right_angles(matrix: bytes | None) -> tuple[int, int, int, int]:
    """a, b, c, d as -1, 0 or 1; all 0 for an angle that is none of four."""
    if not matrix or len(matrix) < 36:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    for one, other, zeros in (((a, d), (b, c), False), ((b, c), (a, d), True)):
        if all(one) and max(map(abs, other)) <= SLANTED * min(map(abs, one)):
            first, second = (1 if each > 0 else -1 for each in one)
            return (0, first, second, 0) if zeros else (first, 0, 0, second)
    return 0, 0, 0, 0


def split(shown: Tensor, layout: str) -> Tensor:
    """(H, W, 4) of a picture with alpha beside its colour: the mean of what is there. ValueError for an odd side."""
    if layout not in BESIDE:
        return shown
    side, colour_first = BESIDE[layout]
    if shown.shape[side] % 2:
        name = ("height", "width")[side]
        raise ValueError(f"{layout.capitalize()} has an even {name}, got {shown.shape[side]}; choose the layout plain.")
    halves = shown[..., :3].chunk(2, dim=side)
    rgb, grey = halves if colour_first else halves[::-1]
    return torch.cat((rgb, grey.mean(dim=-1, keepdim=True)), dim=-1)

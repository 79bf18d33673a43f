"""Filled ellipses on a small grid, cell for cell as OpenCV paints them.

Layout   (H, W), row j and column i are cells; centre and semi-axes in whole cells as (x, y).
Range    bool, True = covered.
Source   Behaviour of `cv2.ellipse(image, centre, axes, angle, 0, 360, 1, -1)`, on which the fit of Wan-Alpha's
         `gen_gaussian_mask.py` rests: its growing loop stops by counting these cells.
Differs  Nothing known: equal cell for cell in the tests, ellipses that leave the frame included.

OpenCV does not evaluate the ellipse. It makes a coarse polygon with corners in 16-bit fixed point, traces its outline
with a digital line, and fills between its two sides row by row. For ellipses of a few cells that is a different set of
cells than the analytic one, so every rounding below is part of the result.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

_SHIFT = 16
_ONE = 1 << _SHIFT
_HALF = _ONE >> 1
# Sines of whole degrees with seven decimals in float32, the precision of OpenCV's own table.
_SINES: list[float] = torch.tensor([round(math.sin(math.radians(d)), 7) for d in range(360)]).tolist()

_Point = tuple[int, int]


def fill_ellipse(height: int, width: int, centre: _Point, axes: _Point, angle: float) -> Tensor:
    """The cells of a filled ellipse: bool (height, width), on the CPU.

    `centre` is (x, y) and may lie off the frame, `axes` are the two semi-axes (along `angle`, and across it), at
    least 0; `angle` in degrees, clockwise on screen, is rounded to whole degrees. Raises ValueError on a negative axis
    or a frame without cells.
    """
    if height < 1 or width < 1:
        raise ValueError(f"A raster wants at least one cell, got {height} x {width}.")
    if min(axes) < 0:
        raise ValueError(f"Semi-axes must be 0 or more cells, got {axes}.")
    corners = _polygon(centre, axes, round(angle))
    cells = torch.zeros(height, width, dtype=torch.bool)
    for start, end in zip([corners[-1], *corners[:-1]], corners, strict=True):
        _trace(cells, start, end)
    if len(corners) > 2:
        _fill_rows(cells, corners)
    return cells


def _polygon(centre: _Point, axes: _Point, angle: int) -> list[_Point]:
    """Corners in fixed point, consecutive repetitions left out."""
    larger = max(axes)
    step = 90 if larger < 3 else 30 if larger < 10 else 18 if larger < 15 else 5
    cos, sin = _cos_sin(angle)
    corners: list[_Point] = []
    for turn in range(0, 361, step):
        cos_turn, sin_turn = _cos_sin(turn)
        along, across = axes[0] * _ONE * cos_turn, axes[1] * _ONE * sin_turn
        corner = (
            round(centre[0] * _ONE + along * cos - across * sin),
            round(centre[1] * _ONE + along * sin + across * cos),
        )
        if not corners or corner != corners[-1]:
            corners.append(corner)
    return corners


def _cos_sin(degrees: int) -> tuple[float, float]:
    return _SINES[(degrees + 90) % 360], _SINES[degrees % 360]


def _trace(cells: Tensor, start: _Point, end: _Point) -> None:
    """Mark the 8-connected digital line between two fixed-point corners."""
    height, width = cells.shape
    clipped = _clip(start, end, (width << _SHIFT) - 1, (height << _SHIFT) - 1)
    if clipped is None:
        return
    start, end = clipped
    steep = abs(end[0] - start[0]) <= abs(end[1] - start[1])
    if steep:  # walk along y: swap the roles of the two coordinates
        start, end = (start[1], start[0]), (end[1], end[0])
    if end[0] < start[0]:
        start, end = end, start
    length = end[0] - start[0]
    slope = _divide((end[1] - start[1]) << _SHIFT, length | 1)
    walk = [(_cell(start[0]) + k, _cell(start[1] + k * slope)) for k in range((length >> _SHIFT) + 1)]
    walk.append((_cell(end[0]), _cell(end[1])))
    for major, minor in walk:
        x, y = (minor, major) if steep else (major, minor)
        if 0 <= x < width and 0 <= y < height:
            cells[y, x] = True


def _clip(start: _Point, end: _Point, right: int, bottom: int) -> tuple[_Point, _Point] | None:
    """The part of a segment inside [0, right] x [0, bottom], first cut in y, then in x; None when nothing is left."""
    (x1, y1), (x2, y2) = start, end
    if max(x1, x2) < 0 or min(x1, x2) > right or max(y1, y2) < 0 or min(y1, y2) > bottom:
        return None
    if not 0 <= y1 <= bottom:
        edge = 0 if y1 < 0 else bottom
        x1, y1 = x1 + int(float(edge - y1) * (x2 - x1) / (y2 - y1)), edge
    if not 0 <= y2 <= bottom:
        edge = 0 if y2 < 0 else bottom
        x2, y2 = x2 + int(float(edge - y2) * (x2 - x1) / (y2 - y1)), edge
    if max(x1, x2) < 0 or min(x1, x2) > right:
        return None
    if not 0 <= x1 <= right:
        edge = 0 if x1 < 0 else right
        x1, y1 = edge, y1 + int(float(edge - x1) * (y2 - y1) / (x2 - x1))
    if not 0 <= x2 <= right:
        edge = 0 if x2 < 0 else right
        x2, y2 = edge, y2 + int(float(edge - x2) * (y2 - y1) / (x2 - x1))
    return (x1, y1), (x2, y2)


def _fill_rows(cells: Tensor, corners: list[_Point]) -> None:
    """Fill between the two sides of a convex polygon, from its top row to the row above its last."""
    height, width = cells.shape
    top = min(range(len(corners)), key=lambda k: corners[k][1])
    down = corners[top:] + corners[:top]
    first_row = _cell(down[0][1])
    sides = zip(_side(down), _side([down[0], *reversed(down[1:])]), strict=True)
    for row, (one, other) in enumerate(sides, start=first_row):
        left, right = _cell(min(one, other)), _cell(max(one, other))
        if 0 <= row < height and right >= 0 and left < width:
            cells[row, max(left, 0) : right + 1] = True


def _side(corners: list[_Point]) -> list[int]:
    """x in fixed point, one per row, along one side of the polygon; `corners` start at the top and go round."""
    row, last_row = _cell(corners[0][1]), max(_cell(y) for _, y in corners)
    xs: list[int] = []
    for (x, _), (next_x, next_y) in pairwise(corners):
        rows = _cell(next_y) - row
        if rows > 0:
            slope = _divide(2 * (next_x - x) + rows, 2 * rows)
            xs.extend(x + k * slope for k in range(rows))
            row += rows
        if row == last_row:
            break
    return xs


def _cell(coordinate: int) -> int:
    """The cell that a fixed-point coordinate rounds to, halves upwards."""
    return (coordinate + _HALF) >> _SHIFT


def _divide(numerator: int, denominator: int) -> int:
    """Integer division that truncates towards zero."""
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient

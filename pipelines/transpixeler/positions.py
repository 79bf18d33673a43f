"""Positions: both domains have those of one clip, and CogVideoX those that it was trained with.

Layout   a rotary table is (cos, sin), each (t * h * w, head_dim) with t outermost, for interleaved pairs; of head_dim a
         quarter is time, three eighths are height, three eighths width.
Range    time 0..t-1; height and width in cells of the grid of 480 x 720 pixels, 30 x 45, over its largest centred part
         that has the clip's aspect ratio.
Source   TransPixeler, arXiv:2501.03006, equation 5; CogVideoX, arXiv:2408.06072, section 2.2 (3D-RoPE).
Differs  The host multiplies the cells by 1.875 and starts every clip at 0, whatever its size.
"""

from __future__ import annotations

import torch
from einops import repeat
from torch import Tensor

THETA = 10000.0
BASE_GRID = (30, 45)
"""Rows and columns of patches at 480 x 720, the size that CogVideoX 1.0 was trained at."""

Table = tuple[Tensor, Tensor]


def cogvideox_rotary(
    t: int, h: int, w: int, head_dim: int = 64, device: torch.device | str = "cpu", base: tuple[int, int] = BASE_GRID
) -> Table:
    """(cos, sin) of one domain of t frames of h x w patches, float32."""
    top, left, height, width = _centred_part(h, w, base)
    axes = (
        (torch.arange(t, dtype=torch.float32), head_dim // 4),
        (_cells(top, top + height, h), head_dim // 8 * 3),
        (_cells(left, left + width, w), head_dim // 8 * 3),
    )
    angles = [_angles(positions.to(device), dim) for positions, dim in axes]
    by_time, by_row, by_column = angles
    grid = [
        repeat(by_time, "t d -> (t h w) d", h=h, w=w),
        repeat(by_row, "h d -> (t h w) d", t=t, w=w),
        repeat(by_column, "w d -> (t h w) d", t=t, h=h),
    ]
    whole = torch.cat(grid, dim=-1)
    return whole.cos(), whole.sin()


def shared(table: Tensor, dim: int = 0) -> Tensor:
    """The first half of a table of both domains, twice: alpha stands where RGB stands."""
    half = table.narrow(dim, 0, table.shape[dim] // 2)
    return torch.cat([half, half], dim)


def _centred_part(h: int, w: int, base: tuple[int, int]) -> tuple[int, int, int, int]:
    """top, left, height, width of the largest part of the base grid with the aspect ratio of h x w, whole cells."""
    rows, columns = base
    if h * columns > rows * w:
        height, width = rows, round(rows / h * w)
    else:
        height, width = round(columns / w * h), columns
    return round((rows - height) / 2), round((columns - width) / 2), height, width


def _cells(start: int, stop: int, count: int) -> Tensor:
    return torch.linspace(start, stop * (count - 1) / count, count, dtype=torch.float32)


def _angles(positions: Tensor, dim: int) -> Tensor:
    frequencies = 1.0 / THETA ** (torch.arange(0, dim, 2, dtype=torch.float32, device=positions.device) / dim)
    return torch.outer(positions, frequencies).repeat_interleave(2, dim=-1)

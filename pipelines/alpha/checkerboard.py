"""The checkerboard that stands for transparency.

Layout   (H, W, 3).
Range    0..1, two greys.
Source   Custom of image editors.
Differs  The reference stretches a fixed board to the frame, so its squares are not square; here they are.
"""

from __future__ import annotations

import torch
from torch import Tensor


def checkerboard(height: int, width: int, square: int = 16, light: float = 0.8, dark: float = 0.6) -> Tensor:
    """Squares of `square` pixels, the light one in the upper left corner: float32 (height, width, 3), on the CPU."""
    if min(height, width, square) < 1:
        raise ValueError(f"A checkerboard wants sizes of 1 pixel or more, got {height} x {width}, squares of {square}.")
    rows = torch.arange(height) // square
    columns = torch.arange(width) // square
    is_light = (rows[:, None] + columns) % 2 == 0
    return torch.where(is_light, light, dark)[..., None].expand(-1, -1, 3).contiguous()

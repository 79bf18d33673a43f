"""Stacked frames: colour above, alpha as grey below, one opaque picture twice as high.

For everything that cannot carry alpha, or forgets the colour of pixels that are transparent: a browser's canvas does.

Layout   (H, W, 4) to (2H, W, 3).
Range    as the frame's; colour stays straight, alpha is linear coverage, 1 = opaque = white.
"""

import torch
from torch import Tensor


def stacked(rgba: Tensor) -> Tensor:
    """(2H, W, 3) of one straight RGBA frame (H, W, 4)."""
    return torch.cat((rgba[..., :3], rgba[..., 3:].expand(-1, -1, 3)))

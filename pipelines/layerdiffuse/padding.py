"""Colour for what is transparent, as the transparent encoder was trained to see it: a pyramid of premultiplied colour.

Layout   rgb (H, W, 3), alpha (H, W, 1); result (H, W, 3).
Range    0..1, straight; the result is not clipped.
Source   lllyasviel/LayerDiffuse_DiffusersCLI, pad_rgb: levels 1.2 times smaller each by area, then from the smallest
         up, colour * alpha + (what is below, bilinear) * (1 - alpha).
Differs  The release resizes with OpenCV, we with torch (8e-7 apart). Soft pixels get back colour * alpha plus what is
         around them, so this is not their own colour; `alpha.bleed` leaves that alone.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

RATIO = 1.2
LEAST = 1e-8


def pad(rgb: Tensor, alpha: Tensor) -> Tensor:
    """rgb with what is invisible filled from around it; black where nothing is visible."""
    levels = pyramid(rearrange(torch.cat([rgb * alpha, alpha], dim=-1), "h w c -> c h w"))
    light, opacity = reduce(levels[-1], "c h w -> c", "sum").split((3, 1))
    padded = rearrange(light / opacity.clamp(min=LEAST), "c -> 1 c 1 1")
    for level in reversed(levels):
        around = F.interpolate(padded, size=level.shape[1:], mode="bilinear", align_corners=False)
        padded = level[:3] + around * (1 - level[3:])
    return rearrange(padded, "1 c h w -> h w c")


def pyramid(picture: Tensor) -> list[Tensor]:
    """Planes (C, h, w), each level 1.2 times smaller than the one before it, until a side has a single pixel."""
    levels = [picture]
    while min(levels[-1].shape[1:]) > 1:
        level = levels[-1]
        for axis in (1, 2):
            level = _smaller(level, int(level.shape[axis] / RATIO), axis)
        levels.append(level)
    return levels


def _smaller(picture: Tensor, size: int, axis: int) -> Tensor:
    """Each new pixel is the mean of the old ones that it covers, those at its rim in part."""
    scale = picture.shape[axis] / size
    start = torch.arange(size, dtype=torch.float64, device=picture.device) * scale
    first, made = start.floor(), torch.zeros(())
    shape = [-1 if each == axis else 1 for each in range(picture.ndim)]
    for step in range(math.ceil(scale) + 1):
        old = first + step
        covered = (torch.minimum(start + scale, old + 1) - torch.maximum(start, old)).clamp(min=0) / scale
        pixels = picture.index_select(axis, old.long().clamp(max=picture.shape[axis] - 1))
        made = made + covered.to(picture).reshape(shape) * pixels
    return made

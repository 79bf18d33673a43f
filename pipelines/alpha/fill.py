"""Colour for pixels that have none, from those around them that have.

Layout   color (H, W, C), weight (H, W, 1); result (H, W, C).
Range    any colour; weight 0..1, how far a pixel's own colour is to be trusted.
Source   Pull-push of S. J. Gortler, R. Grzeszczuk, R. Szeliski, M. F. Cohen, "The Lumigraph", SIGGRAPH 1996: averages
         over blocks of 2 x 2 up to a single pixel, and back down where weight is missing.
Differs  There a wider kernel on the way up; with blocks of 2 x 2 the nearest colours count for more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


def fill(color: Tensor, weight: Tensor) -> Tensor:
    """color where weight is 1, colours from around where it is 0, between them in proportion.

    Where no pixel has weight there is nothing to take from, and the result is 0.
    """
    planes = rearrange(color, "h w c -> 1 c h w")
    trust = rearrange(weight, "h w 1 -> 1 1 h w").to(planes)
    return rearrange(_filled(planes, trust), "1 c h w -> h w c")


def _filled(color: Tensor, weight: Tensor) -> Tensor:
    """Planes (1, C, h, w) and (1, 1, h, w). A block that holds any full weight is fully known one level up."""
    known = torch.where(weight > 0, color, 0)
    if bool((weight == 1).all()) or weight.numel() == 1:
        return known
    share = F.avg_pool2d(weight, 2, ceil_mode=True)
    average = F.avg_pool2d(known * weight, 2, ceil_mode=True) / torch.where(share > 0, share, 1)
    coarse = _filled(average, (4 * share).clamp(max=1))
    around = F.interpolate(coarse, size=color.shape[-2:], mode="bilinear", align_corners=False)
    return known * weight + around * (1 - weight)

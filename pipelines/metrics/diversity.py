"""Diversity: how much the samples of one prompt differ from each other.

Layout   clips (T, H, W, 4), any sizes.
Range    0..1 in; 0 = all the same.
Source   TransPixeler, arXiv:2501.03006, speaks of diversity and gives no measure; this one is ours.
Differs  Nothing to differ from. Needs no weights, so it sees colour and place, not meaning: noise is diverse too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..alpha.association import premultiply

GRID = (4, 16, 16)


def thumbnail(rgba: Tensor) -> Tensor:
    """The clip's premultiplied RGBA as means over 4 x 16 x 16 blocks, one vector."""
    rgb, alpha = rgba.split((3, 1), dim=-1)
    planes = rearrange(torch.cat((premultiply(rgb, alpha), alpha), dim=-1), "t h w c -> c t h w")
    return F.adaptive_avg_pool3d(planes, GRID).flatten()


def diversity(thumbnails: Tensor) -> float:
    """Root mean square difference of two thumbnails (N, D), the mean over all pairs; NaN for a single clip."""
    return (torch.pdist(thumbnails) / thumbnails.shape[-1] ** 0.5).mean().item()

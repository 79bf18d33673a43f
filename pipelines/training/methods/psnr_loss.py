"""PSNR as a loss: what is seen through a VAE, and its alpha, in decibels.

    psnr = -10 log10(mean (x - y)^2 + a floor),    the mean over the batch

Layout   clips (B, C, T, H, W); rgb (B, 3, T, H, W); alpha (B, 1, T, H, W), or the three grey channels of a decoder.
Range    -1..1, straight colour, alpha 1 = opaque; PSNR in dB of a range of 1.
Source   Our own; what is seen is as `metrics.fidelity` has it.
Differs  Bent towards `CEILING`, where `metrics.fidelity.psnr` goes on: the last decibels of a disc are not worth hair.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...alpha.render import COLORS
from .reconstruction import soft_rendered

CEILING = 40.0
"""dB that a clip's PSNR approaches; at a PSNR of it, a gain counts half."""


def psnr(clips: Tensor, true: Tensor) -> Tensor:
    """A scalar. Each clip counts by the share of its error that is gained, however large that is."""
    error = (clips - true).square().flatten(1).mean(1) / 4  # of a range of 1
    return -10 / math.log(10) * torch.log(error + 10 ** (-CEILING / 10)).mean()


def seen_psnr(rgb: Tensor, alpha: Tensor, true_rgb: Tensor, true_alpha: Tensor) -> Tensor:
    """That of the colour, soft-rendered over black and over white, and that of alpha, added."""
    grey = alpha.mean(1, keepdim=True)
    return psnr(_over_both(rgb, grey), _over_both(true_rgb, true_alpha)) + psnr(grey, true_alpha)


def _over_both(rgb: Tensor, alpha: Tensor) -> Tensor:
    return torch.cat([soft_rendered(rgb, alpha, COLORS[wall]) for wall in ("black", "white")], dim=1)

"""Errors of an alpha channel, as the matting literature counts them.

Layout   alpha (T, H, W, 1), the true one first.
Range    0..1, 1 = opaque; each function names its unit.
Source   SAD, MSE and gradient error: C. Rhemann and others, "A Perceptually Motivated Online Benchmark for Image
         Matting", CVPR 2009. dtSSD: M. Erofeev and others, "Perceptually Motivated Benchmark for Video Matting", BMVC
         2015. Alpha MAE: the mean of absolute differences.
Differs  No trimap: all pixels count. Some tools stretch each alpha to 0..1 before its gradient is taken, which hides a
         faint alpha; here it stands as it is. Published tables multiply: MAE and MSE by 1000, dtSSD by 100; we do not.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .fidelity import mean_squared_error, same_shape

GRADIENT_SIGMA = 1.4
KERNEL_CUT = 0.01
"""The Gaussian is cut off where its density falls below this."""


def mae(true: Tensor, made: Tensor) -> float:
    """Mean absolute error."""
    same_shape(true, made)
    return (made - true).abs().mean().item()


def sad(true: Tensor, made: Tensor) -> float:
    """Sum of absolute differences of a frame, in thousands of pixels; the mean over frames."""
    same_shape(true, made)
    return (made - true).abs().sum(dim=(-3, -2, -1)).mean().item() / 1000


def mse(true: Tensor, made: Tensor) -> float:
    """Mean squared error."""
    return mean_squared_error(true, made)


def gradient_error(true: Tensor, made: Tensor) -> float:
    """Sum over a frame of squared differences of the gradients' lengths, in thousands; the mean over frames.

    Gradients are those of a Gaussian of sigma 1.4, its derivative filter scaled to unit energy, edge pixels repeated.
    """
    same_shape(true, made)
    per_frame = [
        (_gradient_length(one) - _gradient_length(other)).square().sum()
        for one, other in zip(*(rearrange(clip, "... h w 1 -> (...) h w 1") for clip in (true, made)))
    ]
    return torch.stack(per_frame).mean().item() / 1000


def dtssd(true: Tensor, made: Tensor) -> float:
    """Root of the mean squared difference between the two clips' changes from frame to frame; the mean over pairs.

    NaN for a single frame.
    """
    same_shape(true, made)
    change = (made - true).diff(dim=0)
    return change.square().mean(dim=(-3, -2, -1)).sqrt().mean().item()


def _gradient_length(alpha: Tensor) -> Tensor:
    """(H, W, 1) to (H, W)."""
    kernel = _derivative_kernel().to(alpha)
    half = len(kernel) // 2
    padded = F.pad(alpha[None, None, ..., 0], (half, half, half, half), mode="replicate")
    along_x, along_y = F.conv2d(padded, torch.stack((kernel, kernel.T))[:, None])[0]
    return torch.hypot(along_x, along_y)


def _derivative_kernel() -> Tensor:
    """The derivative along x of a two-dimensional Gaussian, unit energy: float64 (9, 9) for sigma 1.4."""
    sigma = GRADIENT_SIGMA
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * KERNEL_CUT)))
    x = torch.arange(-half, half + 1, dtype=torch.float64)
    bell = torch.exp(-x.square() / (2 * sigma**2))
    kernel = bell[:, None] * (x * bell)
    return kernel / kernel.square().sum().sqrt()

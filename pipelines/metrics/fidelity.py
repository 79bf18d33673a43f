"""PSNR and SSIM: how close a clip is to its reference.

Layout   (..., H, W, C); frames are all that stands before H.
Range    0..1, which is the peak of both measures.
Source   SSIM: Z. Wang and others, "Image Quality Assessment", IEEE TIP 2004: an 11 x 11 Gaussian of sigma 1.5,
         K1 = 0.01, K2 = 0.03. RGBA SSIM is named in summaries of TransPixeler and defined nowhere; ours is below.
Differs  PSNR is of the mean squared error of the whole clip, not a mean of PSNRs, which one equal frame makes infinite.
         SSIM is taken where the window fits the frame, of every channel by itself. The papers do not say before which
         wall colour is judged: here before black and white, which for PSNR and SSIM is the mean over all eight colours.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..alpha.association import premultiply
from ..alpha.render import COLORS, soft_render

WINDOW = 11
SIGMA = 1.5
STABILISERS = (0.01**2, 0.03**2)


def seen(rgba: Tensor) -> Tensor:
    """The clip (T, H, W, 4) soft-rendered over black and over white: (2, T, H, W, 3)."""
    rgb, alpha = rgba.split((3, 1), dim=-1)
    return torch.stack([soft_render(rgb, alpha, COLORS[wall]) for wall in ("black", "white")])


def mean_squared_error(true: Tensor, made: Tensor, where: Tensor | None = None) -> float:
    """Mean of (made - true)^2 over the whole clip, or over the pixels that `where` (..., H, W, 1) marks.

    `where` may lack leading dimensions; NaN when it marks nothing. Raises ValueError for unequal shapes.
    """
    same_shape(true, made)
    squared = (made - true).square()
    if where is None:
        return squared.mean().item()
    marked = where.expand(squared.shape)
    return squared[marked].mean().item()


def psnr(true: Tensor, made: Tensor, where: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB, infinite for equal clips; arguments and errors as in `mean_squared_error`."""
    error = mean_squared_error(true, made, where)
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(true: Tensor, made: Tensor) -> float:
    """Mean structural similarity over frames, channels and windows: 1 for equal clips.

    Raises ValueError for unequal shapes and for frames smaller than the window.
    """
    same_shape(true, made)
    height, width = true.shape[-3:-1]
    if min(height, width) < WINDOW:
        raise ValueError(f"SSIM wants frames of at least {WINDOW} x {WINDOW}, got {width} x {height}; use PSNR there.")
    frames = zip(*(rearrange(clip, "... h w c -> (...) h w c") for clip in (true, made)))
    return torch.stack([_ssim_of_frame(one, other) for one, other in frames]).mean().item()


def rgba_ssim(true: Tensor, made: Tensor) -> float:
    """SSIM of (T, H, W, 4) over four channels, colour premultiplied: what cannot be seen does not count."""
    return ssim(_premultiplied(true), _premultiplied(made))


def same_shape(true: Tensor, made: Tensor) -> None:
    """Raises ValueError unless both clips have one shape, and something in it."""
    if true.shape != made.shape or not true.numel():
        raise ValueError(
            f"Two clips of one size and length were expected, got {tuple(true.shape)} and {tuple(made.shape)}; "
            "cut or render them alike, a resize would be measured too."
        )


def _premultiplied(rgba: Tensor) -> Tensor:
    rgb, alpha = rgba.split((3, 1), dim=-1)
    return torch.cat((premultiply(rgb, alpha), alpha), dim=-1)


def _ssim_of_frame(true: Tensor, made: Tensor) -> Tensor:
    x, y = (rearrange(frame, "h w c -> c h w") for frame in (true, made))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _blurred(torch.stack((x, y, x * x, y * y, x * y)))
    variance_x, variance_y = mean_xx - mean_x.square(), mean_yy - mean_y.square()
    covariance = mean_xy - mean_x * mean_y
    of_means, of_variances = STABILISERS
    luminance = (2 * mean_x * mean_y + of_means) / (mean_x.square() + mean_y.square() + of_means)
    structure = (2 * covariance + of_variances) / (variance_x + variance_y + of_variances)
    return (luminance * structure).mean()


def _blurred(planes: Tensor) -> Tensor:
    """(N, C, H, W) by the Gaussian window, where it fits."""
    offsets = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * SIGMA**2))
    weights = weights / weights.sum()
    single = rearrange(planes, "n c h w -> (n c) 1 h w")
    columns = F.conv2d(single, weights.reshape(1, 1, -1, 1))
    return rearrange(F.conv2d(columns, weights.reshape(1, 1, 1, -1)), "(n c) 1 h w -> n c h w", n=len(planes))

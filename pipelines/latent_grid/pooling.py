"""From the pixel grid to the latent grid: one cell for eight by eight pixels and, after the first frame, four frames.

Layout   subject (T, H, W) on the pixel grid (T = 4t - 3, H = 8h, W = 8w) or on a latent grid of any size; to (t, h, w).
Range    [0, 1], 1 = subject; means and bilinear weights keep it.
Source   Wan-Alpha: `gen_gaussian_mask.py` pools, `generate_mask` of the text-to-video pipeline resizes.
Differs  The reference resizes in space only and fails on any other frame count; here a pixel grid is pooled as well.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import reduce
from torch import Tensor

from .size_rule import CELL, FRAMES, PICTURE_VAE, to_pixel_shape


def to_latent_grid(subject: Tensor, t: int, h: int, w: int, rounding: torch.dtype | None = None) -> Tensor:
    """The subject on the latent grid (t, h, w).

    4t - 3 frames of 8h x 8w are pooled: 8 x 8 means in space, the first frame alone and then means of four. t frames of
    any other size are resized in space, bilinear, corners not aligned. A single frame of 8h x 8w is a pixel frame.

    The result's dtype is `rounding`, by default the subject's own. A subject on the latent grid is rounded before it
    is resized, as the reference does with bfloat16; a pooled one after.

    Raises ValueError naming both grids for every other shape, a single frame for a longer clip included.
    """
    rounding = subject.dtype if rounding is None else rounding
    shape = tuple(subject.shape)
    frames, height, width = to_pixel_shape(t, h, w)
    if shape == (frames, height, width):
        return mean_of_fours(mean_of_cells(subject)).to(rounding)
    if subject.ndim != 3 or shape[0] != t or 0 in shape:
        raise ValueError(
            f"The subject must have {frames} frames of {width} x {height} (width x height, pixel grid) "
            f"or {t} frames of any size (latent grid {w} x {h}), got {_describe(shape)}; "
            "make it for the length and size of this latent."
        )
    rounded = subject.to(rounding)
    if shape == (t, h, w):
        return rounded
    return F.interpolate(rounded[None], size=(h, w), mode="bilinear", align_corners=False)[0]


def mean_of_cells(frames: Tensor) -> Tensor:
    """Means of 8 x 8 pixels: (T, H, W) to (T, H / 8, W / 8). Raises ValueError unless H and W are multiples of 8."""
    height, width = frames.shape[-2:]
    PICTURE_VAE.check("The clip", width, height)
    return F.avg_pool2d(frames[:, None], CELL)[:, 0]


def mean_of_fours(frames: Tensor) -> Tensor:
    """The first frame alone, then means of four: (4t - 3, ...) to (t, ...)."""
    return torch.cat([frames[:1], reduce(frames[1:], "(t four) ... -> t ...", "mean", four=FRAMES)])


def _describe(shape: tuple[int, ...]) -> str:
    if len(shape) != 3:
        return f"a shape of {shape}"
    return f"{shape[0]} frame{'s' * (shape[0] != 1)} of {shape[2]} x {shape[1]}"

"""The Gaussian blur of TransPixeler's backgrounds.

Layout   (H, W, C), any number of channels.
Range    Any; a flat picture stays as it is.
Source   TransPixeler, arXiv:2501.03006, appendix 8: OpenCV's Gaussian of 201 taps, which has a sigma of 30.5.
Differs  OpenCV rounds 8-bit pictures between its two passes; nothing is rounded here.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

TAPS = 201


def blur(picture: Tensor, taps: int = TAPS) -> Tensor:
    """The picture through a Gaussian of so many taps, mirrored at the borders without repeating the last row."""
    sigma = 0.3 * ((taps - 1) * 0.5 - 1) + 0.8  # what OpenCV takes for this many taps
    places = torch.arange(taps, dtype=torch.float64) - taps // 2
    weights = torch.exp(-places.square() / (2 * sigma**2))
    weights = (weights / weights.sum()).to(picture)
    planes = rearrange(picture, "h w c -> c 1 h w")
    for axis, kernel in ((2, weights[:, None]), (3, weights[None])):
        length = planes.shape[axis]
        around = _mirror(torch.arange(-(taps // 2), length + taps // 2), length).to(picture.device)
        planes = functional.conv2d(planes.index_select(axis, around), kernel[None, None])
    return rearrange(planes, "c 1 h w -> h w c")


def _mirror(places: Tensor, length: int) -> Tensor:
    if length == 1:
        return places * 0
    period = 2 * (length - 1)
    folded = places.remainder(period)
    return torch.minimum(folded, period - folded)

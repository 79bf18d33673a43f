"""Edge bleed: the subject's colour goes on under low alpha, so that a filter or a codec finds no foreign colour there.

Layout   rgb (H, W, 3), alpha (H, W, 1); result (H, W, 3).
Range    0..1, straight colour, 1 = opaque.
Source   Custom of texture tools ("alpha bleeding", "edge padding"); the colours by pull-push, see `fill`.
Differs  Tools repeat the nearest pixel outward; here colours run into each other, which compresses better.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fill import fill


def edge_bleed(rgb: Tensor, alpha: Tensor, below: float = 0.0) -> Tensor:
    """rgb untouched where alpha >= below (or > 0), colour from there elsewhere. Alpha stays as it is.

    Between 0 and `below` a pixel's own colour counts alpha / below: faint pixels carry colours that nobody has seen.
    A frame without a visible pixel comes back as it is.
    """
    weight = (alpha / below).clamp(0, 1) if below > 0 else (alpha > 0).to(rgb.dtype)
    if not bool(weight.any()):
        return rgb
    return torch.where(weight == 1, rgb, fill(rgb, weight))

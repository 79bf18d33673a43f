"""Straight to premultiplied colour and back.

Layout   rgb (..., H, W, 3), alpha (..., H, W, 1).
Range    alpha 0..1, 1 = opaque; colour of any range, linear or encoded, is scaled as it stands.
Source   T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984.
Differs  Nothing. Colour under an alpha of 0 is lost by premultiplying; unpremultiplying gives 0 there.
"""

from __future__ import annotations

import torch
from torch import Tensor


def premultiply(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Straight to premultiplied: rgb * alpha."""
    return rgb * alpha


def unpremultiply(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Premultiplied to straight: rgb / alpha, and 0 where alpha is 0."""
    visible = alpha > 0
    return torch.where(visible, rgb / torch.where(visible, alpha, 1), 0)

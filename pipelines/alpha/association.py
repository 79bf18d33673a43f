"""Straight to premultiplied colour and back, and a guess which of the two a picture is.

Layout   rgb (..., H, W, 3), alpha (..., H, W, 1).
Range    alpha 0..1, 1 = opaque; colour of any range, linear or encoded, is scaled as it stands.
Source   T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984.
Differs  Nothing. Colour under an alpha of 0 is lost by premultiplying. Unpremultiplying sets it to 0, or keeps what
         stands there: light that covers nothing, as a flame or a glow in an EXR.
"""

from __future__ import annotations

import torch
from torch import Tensor

PREMULTIPLIED, STRAIGHT = "premultiplied", "straight"
"""What a file or a person calls the two."""

ROUNDING = 1 / 255
"""A premultiplied picture that was stored in 8 bits can exceed its alpha by this much."""

FEWEST = 64
"""Below so many soft pixels, colour no brighter than alpha is chance."""


def premultiply(rgb: Tensor, alpha: Tensor) -> Tensor:
    """Straight to premultiplied: rgb * alpha."""
    return rgb * alpha


def unpremultiply(rgb: Tensor, alpha: Tensor, keep_hidden: bool = False) -> Tensor:
    """Premultiplied to straight: rgb / alpha. Where alpha is 0 the colour is 0; `keep_hidden` leaves it as it is."""
    visible = alpha > 0
    straight = rgb / torch.where(visible, alpha, 1)
    return straight if keep_hidden else torch.where(visible, straight, 0)


def looks_premultiplied(rgb: Tensor, alpha: Tensor) -> bool:
    """Whether rgb <= alpha at every soft pixel (0 < alpha < 1), as premultiplied colour is and straight rarely.

    False where there are fewer than 64 soft pixels, or where they are all black: that tells nothing.
    """
    soft = ((alpha > 0) & (alpha < 1))[..., 0]
    if int(soft.count_nonzero()) < FEWEST:
        return False
    color, opacity = rgb[soft], alpha[soft]
    return bool((color <= opacity + ROUNDING).all()) and bool((color > ROUNDING).any())

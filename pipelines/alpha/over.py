"""The over operator: one RGBA picture in front of another.

Layout   rgb (..., H, W, 3), alpha (..., H, W, 1); leading dimensions broadcast.
Range    0..1, straight colour in and out, 1 = opaque.
Source   T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984, section 4.
Differs  There with premultiplied colour; here straight, so the result is divided by its alpha (0 where that is 0).
"""

from __future__ import annotations

from torch import Tensor

from .association import premultiply, unpremultiply


def over(front_rgb: Tensor, front_alpha: Tensor, back_rgb: Tensor, back_alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Front over back: (rgb, alpha) of the two seen as one picture, straight colour."""
    shines_through = 1 - front_alpha
    alpha = front_alpha + back_alpha * shines_through
    light = premultiply(front_rgb, front_alpha) + premultiply(back_rgb, back_alpha) * shines_through
    return unpremultiply(light, alpha), alpha

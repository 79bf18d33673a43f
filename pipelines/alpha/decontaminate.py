"""Colour decontamination as TransPixeler's authors prepare their data: background in place of a subject's edge.

Layout   rgb and background (..., H, W, 3), alpha (..., H, W, 1).
Range    0..1, 1 = opaque.
Source   TransPixeler, arXiv:2501.03006, appendix 8: RGB (1 - m) + m Background with a refined mask m, gain 1.1, choke
         0.5.
Differs  The paper does not define m and no code of it was released. `levels` and `choke` are two readings of it, both
         of the background's mask b = 1 - alpha; neither is official.
"""

from __future__ import annotations

from torch import Tensor

READINGS = ("levels", "choke")
"""levels: gain about the point choke. choke: what is below choke is gone, the rest is stretched."""


def decontaminate(
    rgb: Tensor, alpha: Tensor, background: Tensor, gain: float = 1.1, choke: float = 0.5, reading: str = "levels"
) -> Tensor:
    """The colour with the background in it wherever the refined mask is. Alpha stays as it is."""
    mask = refined_mask(alpha, gain, choke, reading)
    return rgb * (1 - mask) + mask * background


def refined_mask(alpha: Tensor, gain: float, choke: float, reading: str) -> Tensor:
    """m, 1 = background. Raises ValueError for a choke of 1, which leaves `choke` nothing to stretch."""
    background = 1 - alpha
    if reading == "levels":
        return (gain * (background - choke) + choke).clamp(0, 1)
    if choke >= 1:
        raise ValueError(f"The reading 'choke' wants a choke below 1, got {choke}; 0.5 is the paper's.")
    return (gain * (background - choke) / (1 - choke)).clamp(0, 1)

"""Colour decontamination as TransPixeler's authors prepare their data: background in place of a subject's edge.

    m = the refined background mask,    rgb' = rgb * (1 - m) + m * background

Layout   rgb (..., H, W, 3), alpha (..., H, W, 1), background (H, W, 3) or (..., H, W, 3).
Range    0..1, straight, alpha 1 = opaque; gain 1.1 and choke 0.5 as printed.
Source   TransPixeler, arXiv:2501.03006, appendix 8. The background is blurred first: see `blur`.
Differs  The paper does not define m and no code of it was released. Of the background's mask b = 1 - alpha, `levels` is
         clip(gain * (b - choke) + choke), which stretches about the choke; `choke` is
         clip(gain * (b - choke) / (1 - choke)), which is 0 up to the choke. Neither is official.
"""

from __future__ import annotations

from torch import Tensor

GAIN, CHOKE = 1.1, 0.5

READINGS = LEVELS, CHOKED = "levels", "choke"
"""levels: gain about the point choke. choke: what is below choke is gone, the rest is stretched."""


def decontaminate(
    rgb: Tensor, alpha: Tensor, background: Tensor, gain: float = GAIN, choke: float = CHOKE, reading: str = LEVELS
) -> Tensor:
    """The colour with the background in it wherever the refined mask is. Alpha stays as it is."""
    mask = refined_mask(alpha, gain, choke, reading)
    return rgb * (1 - mask) + mask * background


def refined_mask(alpha: Tensor, gain: float = GAIN, choke: float = CHOKE, reading: str = LEVELS) -> Tensor:
    """m, 1 = background. Raises ValueError for an unknown reading, and for a choke of 1 where `choke` divides by 0."""
    if reading not in READINGS:
        raise ValueError(f"reading must be one of {', '.join(READINGS)}, got {reading!r}.")
    if reading == CHOKED and choke >= 1:
        raise ValueError(f"The reading 'choke' needs a choke below 1, got {choke}; the paper uses 0.5.")
    above = gain * (1 - alpha - choke)
    return (above + choke if reading == LEVELS else above / (1 - choke)).clamp(0, 1)

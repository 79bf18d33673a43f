"""TransPixeler's preparation of footage that was keyed: the old background's colour taken out of soft edges, and every
clip set before one blurred picture.

    m = the refined background mask,    rgb' = rgb * (1 - m) + m * background

Layout   rgb (..., H, W, 3), alpha (..., H, W, 1), background (H, W, 3).
Range    0..1, straight, alpha 1 = opaque; gain 1.1 and choke 0.5 as printed.
Source   TransPixeler, arXiv:2501.03006, supplement; the blur is OpenCV's Gaussian of 201 taps, sigma 30.5.
Differs  The paper does not say what m is and no code was released. Of b = 1 - alpha, `levels` is
         clip(gain * (b - choke) + choke), which stretches about the choke; `choke` is
         clip(gain * (b - choke) / (1 - choke)), which is 0 up to the choke.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

GAIN, CHOKE = 1.1, 0.5
TAPS = 201
READINGS = LEVELS, CHOKED = "levels", "choke"


def refined_mask(alpha: Tensor, reading: str = LEVELS, gain: float = GAIN, choke: float = CHOKE) -> Tensor:
    """How much of the background replaces the colour."""
    if reading not in READINGS:
        raise ValueError(f"decontamination is one of {', '.join(READINGS)}, got {reading!r}.")
    above = gain * (1 - alpha - choke)
    return (above + choke if reading == LEVELS else above / (1 - choke)).clamp(0, 1)


def decontaminated(rgb: Tensor, alpha: Tensor, background: Tensor, reading: str = LEVELS) -> Tensor:
    """The colour with the background's in place of what shone through."""
    mask = refined_mask(alpha, reading)
    return rgb * (1 - mask) + mask * background


def blurred(picture: Tensor, taps: int = TAPS) -> Tensor:
    """(H, W, 3) through a Gaussian of so many taps, mirrored at the borders without repeating the last row."""
    sigma = 0.3 * ((taps - 1) * 0.5 - 1) + 0.8  # what OpenCV takes for this many taps
    places = torch.arange(taps, dtype=torch.float64) - taps // 2
    weights = torch.exp(-places.square() / (2 * sigma**2))
    weights = (weights / weights.sum()).to(picture)
    stack = picture.movedim(-1, 0)[:, None]  # channels as a batch of grey pictures
    for axis, kernel in ((2, weights[:, None]), (3, weights[None])):
        length = stack.shape[axis]
        around = _mirrored(torch.arange(-(taps // 2), length + taps // 2), length).to(picture.device)
        stack = functional.conv2d(stack.index_select(axis, around), kernel[None, None])
    return stack[:, 0].movedim(0, -1)


def _mirrored(places: Tensor, length: int) -> Tensor:
    if length == 1:
        return places * 0
    period = 2 * (length - 1)
    folded = places.remainder(period)
    return torch.minimum(folded, period - folded)

"""Un-matte: takes the backdrop out of soft edges, where a picture still holds the background it was seen before.

Layout   rgb and plate (H, W, 3), alpha (H, W, 1); result (H, W, 3).
Range    0..1, 1 = opaque.
Source   The compositing equation I = a F + (1 - a) B of T. Porter, T. Duff (SIGGRAPH 1984), solved for F.
Differs  F is limited to 0..1, since noise in I grows by 1 / a. Where alpha is 0 no F exists and I stays.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fill import fill

EMPTY = 1 / 255
"""Alpha up to this shows the background alone, in 8 bits."""


def unmatte(rgb: Tensor, alpha: Tensor, plate: Tensor, strength: float = 1.0) -> Tensor:
    """F = (I - (1 - a) B) / a, as far as `strength` says: 0 leaves rgb as it is, 1 takes all of the plate out."""
    soft = (alpha > 0) & (alpha < 1)
    freed = ((rgb - (1 - alpha) * plate) / torch.where(soft, alpha, 1)).clamp(0, 1)
    return torch.where(soft, torch.lerp(rgb, freed, strength), rgb)


def estimated_plate(rgb: Tensor, alpha: Tensor, empty: float = EMPTY) -> Tensor | None:
    """The backdrop where alpha <= empty, carried on behind the subject; None where the whole frame is subject."""
    background = alpha <= empty
    return fill(rgb, background) if bool(background.any()) else None

"""Despill: takes the light of a green, blue or red screen off a subject.

Layout   rgb (..., 3); result (..., 3).
Range    0..1; grey and every colour in which the key's channel does not stand out keeps its bits.
Source   The limit rule of colour-difference keyers: a screen's channel is not to exceed the other two.
Differs  Nothing is given back for the light that is lost, and alpha stays.
"""

from __future__ import annotations

import torch
from torch import Tensor

KEYS = {"green": 1, "blue": 2, "red": 0}
"""The channel of each key colour."""

LIMITS = ("average", "maximum")
"""What the key's channel may be at most: the mean of the other two, or the larger. The second spares yellow, cyan."""


def despill(rgb: Tensor, key: str = "green", limit: str = "average", strength: float = 1.0) -> Tensor:
    """The key's channel brought down to its limit, as far as `strength` (0..1) says."""
    channel = KEYS[key]
    one, other = (rgb[..., index] for index in range(3) if index != channel)
    most = (one + other) / 2 if limit == "average" else torch.maximum(one, other)
    made = rgb.clone()
    made[..., channel] -= strength * (rgb[..., channel] - most).clamp(min=0)
    return made

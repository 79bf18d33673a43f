"""Where in the frame to look: the visible subject, and the soft band along its edge.

Layout   alpha (..., H, W, 1) to bool (..., H, W, 1).
Range    0..1, 1 = opaque.
Source   Our own. Averages over a frame that is mostly empty say little about the subject and less about its edge.
"""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

HALF = 0.5
"""Where a question wants yes or no, what is more opaque than this is subject."""

EDGE_RADIUS = 2
EDGE_STEP = 0.1


def visible(alpha: Tensor) -> Tensor:
    """alpha > 0."""
    return alpha > 0


def soft_edge(alpha: Tensor, radius: int = EDGE_RADIUS) -> Tensor:
    """Where alpha changes by more than `EDGE_STEP` within `radius` pixels: the band on both sides of an edge.

    The even inside of a translucent subject is no edge, however far from 0 and 1 it is.
    """
    planes = rearrange(alpha, "... h w 1 -> (...) 1 h w")
    window = 2 * radius + 1
    highest = F.max_pool2d(planes, window, stride=1, padding=radius)
    lowest = -F.max_pool2d(-planes, window, stride=1, padding=radius)
    return (highest - lowest > EDGE_STEP).reshape(alpha.shape)

"""How wide the soft edge of a subject is.

Layout   alpha (H, W, 1).
Range    0..1, 1 = opaque; the width in pixels, 0 = a hard edge.
Source   Our own. Along a straight ramp of width w the integral of a (1 - a) is w / 6; the length of the edge is the
         integral of the gradient's length (coarea formula), so w = 6 sum a (1 - a) / sum |gradient|.
Differs  Nothing to differ from. Only where the gradient is above 1/64 per pixel: the even inside of glass is no edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

FAINTEST = 1 / 64


@dataclass(frozen=True)
class Edge:
    """`softness` is 6 a (1 - a) summed over the edge, `length` that of the edge in pixels; both add up over frames."""

    softness: float
    length: float

    @property
    def width(self) -> float:
        """In pixels; NaN where there is no edge."""
        return self.softness / self.length if self.length > 0 else float("nan")


def edge_of(alpha: Tensor) -> Edge:
    """The soft edge of one frame; differences over two pixels, border pixels repeated."""
    padded = F.pad(rearrange(alpha, "h w 1 -> 1 1 h w"), (1, 1, 1, 1), mode="replicate")[0, 0]
    slope = torch.hypot(padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    on_edge = slope > FAINTEST
    opacity = alpha[..., 0][on_edge]
    return Edge((6 * opacity * (1 - opacity)).sum().item(), slope[on_edge].sum().item())

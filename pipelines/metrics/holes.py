"""Holes: empty islands inside a subject, the failure that Wan-Alpha's bidirectional diffusion loss is there to prevent.

Layout   alpha (T, H, W, 1).
Range    0..1, 1 = opaque; the rate 0..1, 0 = no hole.
Source   Our own: the papers show holes and do not count them.
Differs  Nothing to differ from. A ring has a hole by right: compare with the reference's rate. A subject about as
         translucent as the threshold is speckled with holes by the least noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .regions import HALF


def hole_rate(alpha: Tensor, threshold: float = HALF) -> float:
    """Share of holes in the filled subject, over all frames; NaN where no frame has a subject.

    The subject is alpha > `threshold`; a hole is what it encloses, in its frame, so that no path of horizontal and
    vertical steps leads from there to the frame's border.
    """
    empty = (alpha <= threshold)[..., 0]
    holes = empty & ~reached_from_border(empty)
    filled = holes.count_nonzero() + (~empty).count_nonzero()
    return (holes.count_nonzero() / filled).item()


def reached_from_border(empty: Tensor) -> Tensor:
    """Of the empty pixels (T, H, W), bool, those joined to the border; each frame by itself."""
    reached = torch.zeros_like(empty)
    reached[:, [0, -1]] = empty[:, [0, -1]]
    reached[:, :, [0, -1]] = empty[:, :, [0, -1]]
    before = -1
    while before != (before := int(reached.count_nonzero())):
        for dim in (1, 2):
            reached = _along(reached, empty, dim) | _along(reached.flip(dim), empty.flip(dim), dim).flip(dim)
    return reached


def _along(reached: Tensor, empty: Tensor, dim: int) -> Tensor:
    """Spread to the end of each empty run, in the direction of rising index."""
    shape = [1, 1, 1]
    shape[dim] = -1
    place = torch.arange(empty.shape[dim], device=empty.device).reshape(shape)
    last_wall = torch.where(empty, -1, place).cummax(dim).values
    last_reached = torch.where(reached, place, -1).cummax(dim).values
    return empty & (last_reached > last_wall)

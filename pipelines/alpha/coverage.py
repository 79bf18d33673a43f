"""How much of an alpha channel is opaque and how much is empty: tells a dead alpha from a living one.

Layout   alpha (..., H, W, 1).
Range    0..1, 1 = opaque; fractions 0..1 of all pixels.
Source   Our own: a decoder fed with the wrong latent or weights typically paints alpha all over or not at all.
Differs  Nothing to differ from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1.5 / 255
"""Half-way between the 8-bit levels 1 and 2: levels 0 and 1 count as empty, 254 and 255 as opaque."""


@dataclass(frozen=True)
class AlphaCoverage:
    """Fractions of the pixels of a clip; what is left over is semi-transparent."""

    opaque: float
    empty: float


def coverage(alpha: Tensor) -> AlphaCoverage:
    """The opaque (alpha > 1 - TOLERANCE) and the empty (alpha < TOLERANCE) fraction, counted frame by frame.

    Raises ValueError when there is no pixel to count.
    """
    if alpha.numel() == 0 or alpha.ndim < 3:
        raise ValueError(f"Coverage wants alpha (..., H, W, 1) with at least one pixel, got {tuple(alpha.shape)}.")
    counts = torch.zeros(2, dtype=torch.int64, device=alpha.device)
    for frame in alpha.reshape(-1, *alpha.shape[-3:]):
        counts[0] += (frame > 1 - TOLERANCE).count_nonzero()
        counts[1] += (frame < TOLERANCE).count_nonzero()
    opaque, empty = (counts.double().cpu() / alpha.numel()).tolist()
    return AlphaCoverage(opaque=opaque, empty=empty)

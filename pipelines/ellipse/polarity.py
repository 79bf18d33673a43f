"""Which way round a subject is: 1 on the subject, as it must be, or 1 on the empty frame.

Layout   subject (T, H, W), on the pixel or the latent grid.
Range    [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING_NOISE = 1e-6


def looks_inverted(subject: Tensor) -> bool:
    """Whether the frame's border is brighter than its centre, as when 1 - subject was connected.

    subject is (T, H, W). The border is the outer eighth on each side (at least one pixel), the centre the middle half
    of width and height; means over all frames are compared, and a difference within rounding does not count.
    """
    frame = subject.mean(0).cpu().double()
    height, width = frame.shape
    rim_y, rim_x = max(1, height // 8), max(1, width // 8)
    border = torch.ones_like(frame, dtype=torch.bool)
    border[rim_y : height - rim_y, rim_x : width - rim_x] = False
    centre = frame[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return bool(frame[border].mean() > centre.mean() + ROUNDING_NOISE)

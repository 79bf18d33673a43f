"""The subject of an opaque clip before a plain background, found from its colour alone: what alpha should agree with.

Layout   rgb (T, H, W, 3) to bool (T, H, W, 1).
Range    0..1.
Source   Our own, for TransPixeler, whose colour is a whole picture with a background of its own.
Differs  Nothing to differ from. It means something only where the border of the frame is background.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .ellipse_agreement import iou
from .regions import HALF

DISTANCE = 0.15


def subject_of(rgb: Tensor, distance: float = DISTANCE) -> Tensor:
    """Pixels that differ by more than `distance` in a channel from the median of their frame's border."""
    border = torch.cat((rgb[:, 0], rgb[:, -1], rgb[:, 1:-1, 0], rgb[:, 1:-1, -1]), dim=1)
    background = border.median(dim=1).values[:, None, None]
    return ((rgb - background).abs() > distance).any(dim=-1, keepdim=True)


def subject_iou(rgb: Tensor, alpha: Tensor) -> float:
    """Intersection over union of alpha > 0.5 with the subject seen in the colour; NaN when both are empty."""
    return iou(alpha > HALF, subject_of(rgb))

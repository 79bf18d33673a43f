"""Whether alpha is where an ellipse was drawn, and whether it follows when the ellipse moves.

Layout   alpha (T, H, W, 1); inside (T, H, W, 1), bool, the drawn ellipses; both on the pixel grid.
Range    0..1, 1 = opaque.
Source   Our own: Wan-Alpha shows the mean shift's effect in pictures. The strength of the shift is that of a test of
         the mean: `cells` values of sigma 1 in 16 channels, shifted together.
Differs  Nothing to differ from. An alpha that copies the ellipse scores best: see the shape too (`iou`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..ellipse.drawing import Drawing
from ..ellipse.keyframes import Pose, at
from .regions import HALF

CHANNELS = 16


@dataclass(frozen=True)
class Agreement:
    """Of one clip; NaN where the ellipse covers all or nothing.

    inside, outside   mean alpha in the ellipse and off it
    iou               of alpha > 0.5 with the ellipse
    following         how far alpha's centre moves for each step of the ellipse's: 1 = with it, 0 = not at all
    """

    inside: float
    outside: float
    iou: float
    following: float

    @property
    def ratio(self) -> float:
        """inside / outside: 1 = the drawing had no effect; infinite where nothing is seen outside."""
        if self.outside == 0:
            return math.inf if self.inside > 0 else math.nan
        return self.inside / self.outside


def agreement(alpha: Tensor, inside: Tensor) -> Agreement:
    """Compare alpha with the drawn ellipses. Raises ValueError for unequal shapes."""
    if alpha.shape != inside.shape or inside.dtype != torch.bool:
        raise ValueError(
            f"Agreement wants alpha and a bool `inside` of one shape (T, H, W, 1), got {tuple(alpha.shape)} and "
            f"{tuple(inside.shape)} of {inside.dtype}; `drawn_inside` makes one."
        )
    return Agreement(
        inside=alpha[inside].mean().item(),
        outside=alpha[~inside].mean().item(),
        iou=iou(alpha > HALF, inside),
        following=_following(alpha, inside.to(alpha.dtype)),
    )


def drawn_inside(drawing: Drawing, length: int, height: int, width: int) -> Tensor:
    """The pixels inside any ellipse of a drawing: bool (length, height, width, 1).

    By its outline, whatever its softness; an ellipse of weight 0 covers nothing.
    """
    frames = []
    for frame in range(length):
        poses = [at(ellipse, frame, length, drawing.loop) for ellipse in drawing.ellipses]
        covered = torch.zeros(height, width, dtype=torch.bool)
        for pose in poses:
            if pose.weight > 0:
                covered |= _covered(pose, height, width)
        frames.append(covered)
    return torch.stack(frames)[..., None]


def iou(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two bool tensors of one shape; NaN when both are empty."""
    return ((one & other).count_nonzero() / (one | other).count_nonzero()).item()


def shift_strength(shift: float, cells: int) -> float:
    """z = shift * sqrt(16 * cells): how many sigmas of its own mean the shift of this many latent cells is.

    Wan-Alpha's 0.05 over a tenth of 21 x 60 x 104 cells has z = 23. Small latents need a larger shift for the same z.
    """
    return shift * math.sqrt(CHANNELS * cells)


def _covered(pose: Pose, height: int, width: int) -> Tensor:
    x = torch.arange(width, dtype=torch.float64) + 0.5 - pose.cx * width
    y = (torch.arange(height, dtype=torch.float64) + 0.5 - pose.cy * height)[:, None]
    cos, sin = math.cos(math.radians(pose.angle)), math.sin(math.radians(pose.angle))
    along = (x * cos + y * sin) / (pose.rx * width)
    across = (y * cos - x * sin) / (pose.ry * height)
    return along.square() + across.square() <= 1


def _following(alpha: Tensor, inside: Tensor) -> float:
    """The slope of alpha's path on the ellipse's, least squares; frames where either is empty are left out."""
    present = (alpha.sum((1, 2, 3)) > 0) & (inside.sum((1, 2, 3)) > 0)
    if not present.any():
        return math.nan
    path, drawn = (_centres(clip[present]) for clip in (alpha, inside))
    path, drawn = path - path.mean(0), drawn - drawn.mean(0)
    return ((path * drawn).sum() / drawn.square().sum()).item() if drawn.abs().amax() > 1e-6 else math.nan


def _centres(clip: Tensor) -> Tensor:
    """Centre of mass of each frame, (T, 2), as (x, y) in pixels."""
    _, height, width, _ = clip.shape
    x = torch.arange(width, dtype=clip.dtype, device=clip.device)
    y = torch.arange(height, dtype=clip.dtype, device=clip.device)[:, None]
    weights = clip[..., 0] / clip.sum((1, 2, 3))[:, None, None]
    return torch.stack(((weights * x).sum((1, 2)), (weights * y).sum((1, 2))), dim=-1)

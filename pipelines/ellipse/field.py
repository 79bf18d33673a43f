"""The Gaussian field of a drawing: Wan-Alpha's subject, 1 at the centre of an ellipse and 0 where the frame is empty.

Layout   (T, H, W), or (H, W) for one pose; pixel (j, i) is sampled at its centre ((i + 0.5) / W, (j + 0.5) / H).
Range    [0, 1], 1 = subject.
Source   Wan-Alpha, arXiv:2509.24979, the transparency-guided mask; several ellipses and weights are our own.
Differs  G = exp(-((x'/sx)^2 + (y'/sy)^2) / 2) with sigma = semi-axis * softness, in pixels, and (G - min) / (1 - min):
         the peak stays 1 at the ellipse's centre even off the frame. The reference scales min-max over the frame, so
         that every field reaches 1 (see `fit`). Where sigma is so large that G is flat, the same fraction tends to the
         paraboloid 1 - q / max q, without a division by zero; a frame of a single pixel at the very centre is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .drawing import Drawing
from .keyframes import Pose, at


def field(
    pose: Pose,
    height: int,
    width: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """The field of one ellipse, floor removed, times its weight: (height, width)."""
    x = torch.arange(width, dtype=torch.float64) + 0.5 - pose.cx * width
    y = torch.arange(height, dtype=torch.float64) + 0.5 - pose.cy * height
    cos, sin = math.cos(math.radians(pose.angle)), math.sin(math.radians(pose.angle))
    along = _plane(x * cos, y * sin, pose.rx * width * pose.softness, dtype, device)
    across = _plane(-x * sin, y * cos, pose.ry * height * pose.softness, dtype, device)
    exponent = -(along.square() + across.square()) / 2
    floor = torch.expm1(exponent.amin())
    if floor == 0:
        return torch.full_like(exponent, pose.weight)
    # (G - min) / (1 - min) by way of G - 1, which keeps its digits where G is close to 1
    return (1 - torch.expm1(exponent) / floor) * pose.weight


def _plane(x: Tensor, y: Tensor, sigma: float, dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    """x / sigma along the rows plus y / sigma down the columns; only the sum is taken in `dtype`."""
    row = (x / sigma).to(device=device, dtype=dtype)
    column = (y / sigma).to(device=device, dtype=dtype)
    return row + column[:, None]


def subject(
    drawing: Drawing,
    length: int,
    height: int,
    width: int,
    device: torch.device | str | None = None,
    on_frame: Callable[[], None] | None = None,
) -> Tensor:
    """The field of a whole drawing, the maximum over its ellipses: float32 (length, height, width).

    Beyond the result it needs memory for a few frames; frames that repeat are copied. `on_frame` is called after each
    frame and may raise to interrupt. Raises ValueError on a size below 1.
    """
    if min(length, height, width) < 1:
        raise ValueError(f"A subject wants at least 1 frame of 1 x 1, got {length} frames of {height} x {width}.")
    frames = torch.zeros(length, height, width, device=device)
    before: list[Pose] | None = None
    for frame in range(length):
        poses = [at(ellipse, frame, length, drawing.loop) for ellipse in drawing.ellipses]
        if poses == before:
            frames[frame] = frames[frame - 1]
        else:
            for pose in poses:
                if pose.weight > 0:
                    torch.maximum(frames[frame], field(pose, height, width, device=device), out=frames[frame])
        before = poses
        if on_frame is not None:
            on_frame()
    return frames

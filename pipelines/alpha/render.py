"""RGBA over a plain colour: the soft and the hard render that Wan-Alpha's VAE is trained with.

Layout   rgb (..., H, W, 3) and alpha (..., H, W, 1), leading dimensions broadcast; result (..., H, W, 3).
Range    0..1, straight colour, 1 = opaque.
Source   Wan-Alpha, arXiv:2509.24979; `pad_rgb` of the released VAE training code.
Differs  The reference computes in -1..1, channels first. The renders are linear in colour, so only rounding differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

COLORS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "black": (0.0, 0.0, 0.0),
        "blue": (0.0, 0.0, 1.0),
        "green": (0.0, 1.0, 0.0),
        "cyan": (0.0, 1.0, 1.0),
        "red": (1.0, 0.0, 0.0),
        "magenta": (1.0, 0.0, 1.0),
        "yellow": (1.0, 1.0, 0.0),
        "white": (1.0, 1.0, 1.0),
    }
)
"""The reference's eight background colours, in the order of its colour index."""


def soft_render(rgb: Tensor, alpha: Tensor, color: Sequence[float] | Tensor) -> Tensor:
    """rgb * alpha + color * (1 - alpha): what the eye sees in front of a plain wall.

    `color` is three numbers in 0..1 or a tensor (..., 3). Device and dtype follow `rgb`.
    """
    return rgb * alpha + _wall(color, rgb) * (1 - alpha)


def hard_render(rgb: Tensor, alpha: Tensor, color: Sequence[float] | Tensor, threshold: float = 0.0) -> Tensor:
    """rgb where alpha > threshold, color elsewhere: what Wan-Alpha's encoder is shown.

    With the reference's threshold of 0 an alpha of 1/255 already counts as visible and keeps its whole colour.
    `color` is three numbers in 0..1 or a tensor (..., 3). Device and dtype follow `rgb`.
    """
    return torch.where(alpha > threshold, rgb, _wall(color, rgb))


def _wall(color: Sequence[float] | Tensor, rgb: Tensor) -> Tensor:
    wall = torch.as_tensor(color, dtype=rgb.dtype, device=rgb.device)
    if wall.shape[-1:] != (3,):
        raise ValueError(f"A colour wants 3 numbers (red, green, blue), got a shape of {tuple(wall.shape)}.")
    return wall

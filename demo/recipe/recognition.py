"""Which shape and which colour a clip with alpha shows: a check on the pixels that needs no trained model.

Layout   rgb (T, H, W, 3), alpha (T, H, W, 1).
Range    0..1, straight colour, 1 = opaque.
Source   Our own: every shape is drawn in the clip's place, size and material, at several angles, and the one whose
         alpha is most like the clip's is the answer; the colour is the nearest in hue of what is seen, or white.
Differs  Nothing to differ from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from einops import rearrange
from torch import Tensor

from .clips import COLORS, SHAPES, Scene, draw

ANGLES = tuple(0.1 * step for step in range(-9, 10))
SIZES = (0.88, 0.94, 1.0, 1.06, 1.12)
GREY = 0.35
"""Saturation below which a colour is called white."""
SIDE = 48


@dataclass(frozen=True)
class Seen:
    """`likeness` is the largest cosine between the clip's alpha and a drawn one, 0..1."""

    shape: str
    color: str
    likeness: float


def recognise(rgb: Tensor, alpha: Tensor, material: str) -> Seen | None:
    """What the middle frame shows, drawn in `material`; None when it is all but empty."""
    frame = len(alpha) // 2
    opacity = alpha[frame, ..., 0]
    if float(opacity.mean()) < 0.002:
        return None
    likeness = {shape: likeness_to(alpha, shape, material) for shape in SHAPES}
    shape = max(likeness, key=lambda name: likeness[name])
    return Seen(shape, _nearest_color(rgb[frame], opacity), likeness[shape])


def likeness_to(alpha: Tensor, shape: str, material: str) -> float:
    """How like that shape the middle frame's alpha is, at the best angle and size: a cosine, 0..1; 0 when empty."""
    found = _squared_up(alpha[len(alpha) // 2, ..., 0])
    return float((_templates(shape, material) @ found.flatten()).nan_to_num().amax())


def silhouette_iou(alpha: Tensor, other: Tensor, threshold: float = 0.25) -> float:
    """Intersection over union of two alphas of any one shape, cut at `threshold`; 1 when both are empty."""
    first, second = alpha > threshold, other > threshold
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


@cache
def _templates(shape: str, material: str) -> Tensor:
    """Normed alphas (N, SIDE * SIDE) of a shape at all angles and some sizes beside the measured one."""
    drawn = [
        _squared_up(draw(_still(shape, material, angle), 1, 96, 96)[1][0, ..., 0], size)
        for angle in ANGLES
        for size in SIZES
    ]
    return rearrange(drawn, "n h w -> n (h w)")


def _still(shape: str, material: str, angle: float) -> Scene:
    return Scene(
        shape,
        material,
        "white",
        "black",
        "still",
        x=0.5,
        y=0.5,
        radius=0.3,
        angle=angle,
        speed=0.0,
        phase=1.0,
        light=0.0,
    )


def _squared_up(opacity: Tensor, size: float = 1.0) -> Tensor:
    """The alpha (H, W) moved to the middle and scaled to one spread: (SIDE, SIDE) of norm 1."""
    height, width = opacity.shape
    weight = opacity.clamp(min=0)
    weight = torch.where(weight > 0.1 * weight.amax(), weight, 0)
    total = weight.sum()
    down, along = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    y, x = (weight.sum(1) @ down) / total, (weight.sum(0) @ along) / total
    spread = ((weight.sum(1) @ (down - y).square() + weight.sum(0) @ (along - x).square()) / total).sqrt()
    reach = 2.4 * float(spread) * size
    steps = torch.linspace(-reach, reach, SIDE)
    grid = torch.stack(
        [
            ((x + steps) / width * 2 - 1).expand(SIDE, SIDE),
            ((y + steps) / height * 2 - 1)[:, None].expand(SIDE, SIDE),
        ],
        dim=-1,
    )
    out = torch.nn.functional.grid_sample(weight[None, None], grid[None], align_corners=False)[0, 0]
    return out / out.norm().clamp(min=1e-9)


def _nearest_color(rgb: Tensor, opacity: Tensor) -> str:
    """The colour by the mean of what is at least half as opaque as the most opaque pixel, light left aside."""
    seen = rgb[opacity > 0.5 * opacity.amax()]
    color = seen.mean(0).clamp(0, 1)
    if _saturation(color) < GREY:
        return "white"
    hues = {name: _hue(torch.tensor(value)) for name, value in COLORS.items() if name != "white"}
    hue = _hue(color)
    return min(hues, key=lambda name: _turn(hue, hues[name]))


def _saturation(color: Tensor) -> float:
    return float((color.amax() - color.amin()) / color.amax().clamp(min=1e-6))


def _hue(color: Tensor) -> float:
    red, green, blue = color.tolist()
    return math.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)


def _turn(first: float, second: float) -> float:
    apart = abs(first - second) % (2 * math.pi)
    return min(apart, 2 * math.pi - apart)

"""What the VAEs are shown: drawn clips as plain video, in front of walls, on plain colours, and as grey alphas.

Layout   samples (3, T, side, side), a place cut out of a clip of `WHOLE` x `WHOLE`; clips (T, H, W, 3).
Range    samples -1..1, clips 0..1.
Source   Our own mixture; colours and renders of Wan-Alpha.
Differs  A real base model has seen all kinds of video; this one has seen what the demo can draw, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from pipelines.alpha.render import COLORS, hard_render, soft_render
from pipelines.training.draws import mix

from .clips import Scene, draw, scene, wall

WHOLE = 96
"""Side of a drawn clip in pixels: the size that the demo models are made for."""

_WALLS, _HARD, _SOFT = 0.45, 0.65, 0.80
"""Where in 0..1 the shares of the mixture end; the rest are alphas."""


@dataclass(frozen=True)
class Shown:
    """Endless samples; the same number is the same sample."""

    seed: int
    frames: int
    side: int = 64

    def __getitem__(self, number: int) -> Tensor:
        rgb, alpha, kind, drawn = _cut(self.seed, number, self.frames, self.side)
        if kind < _WALLS:
            clip = soft_render(rgb, alpha, drawn)
        elif kind < _HARD:
            clip = on_a_plain_color(rgb, alpha, self.seed, number)
        elif kind < _SOFT:
            clip = soft_render(rgb, alpha, _plain_color(self.seed, number))
        else:
            clip = alpha.expand(-1, -1, -1, 3)
        return rearrange(clip, "t h w c -> c t h w") * 2 - 1


@dataclass(frozen=True)
class ShownRGBA:
    """The same with `rgb` (3, T, side, side), straight, and `alpha` (1, T, side, side)."""

    seed: int
    frames: int
    side: int = 64

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        rgb, alpha, _, _ = _cut(self.seed, number, self.frames, self.side)
        return {
            "rgb": rearrange(rgb, "t h w c -> c t h w") * 2 - 1,
            "alpha": rearrange(alpha, "t h w c -> c t h w") * 2 - 1,
        }


def in_front_of_its_wall(scene: Scene, frames: int, height: int, width: int) -> Tensor:
    """The drawn scene as an opaque clip."""
    rgb, alpha = draw(scene, frames, height, width)
    return soft_render(rgb, alpha, wall(scene, height, width))


def on_a_plain_color(rgb: Tensor, alpha: Tensor, seed: int, number: int) -> Tensor:
    """Hard-rendered on the one of the eight colours that belongs to this sample."""
    return hard_render(rgb, alpha, _plain_color(seed, number))


def _plain_color(seed: int, number: int) -> tuple[float, float, float]:
    return list(COLORS.values())[mix(seed, number, 3) % len(COLORS)]


def _cut(seed: int, number: int, frames: int, side: int) -> tuple[Tensor, Tensor, float, Tensor]:
    """rgb and alpha of a part of a drawn clip, a number in 0..1, and the wall behind that part."""
    generator = torch.Generator().manual_seed(mix(seed, number, 1))
    start, top, left = (
        int(torch.randint(most + 1, (), generator=generator)) for most in (17 - frames, WHOLE - side, WHOLE - side)
    )
    kind = float(torch.rand((), generator=generator))
    drawn = scene(seed, number)
    rows, columns = slice(top, top + side), slice(left, left + side)
    rgb, alpha = draw(drawn, frames, WHOLE, WHOLE, start, rows, columns)
    return rgb, alpha, kind, wall(drawn, WHOLE, WHOLE)[rows, columns]

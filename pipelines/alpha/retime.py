"""A clip at another frame rate, of the same duration: frames held, or blended as a shutter would see them.

Layout   straight RGBA (T, H, W, 4), frame by frame (H, W, 4).
Range    0..1, 1 = opaque; rates in frames per second, exact fractions.
Source   Blending is a sum of premultiplied pixels: T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984.
Differs  Nothing to differ from. No frame is invented: for that there are frame interpolators.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import torch
from torch import Tensor

from .association import premultiply, unpremultiply

METHODS = ("hold", "blend")


def retimed_length(count: int, from_fps: Fraction, to_fps: Fraction) -> int:
    """How many frames last as long as `count` did, halves rounded up, at least one."""
    return max(1, int(count * to_fps / from_fps + Fraction(1, 2)))


def retimed(clip: Tensor, from_fps: Fraction, to_fps: Fraction, method: str = "hold") -> Iterator[Tensor]:
    """The frames (H, W, 4) of the clip at the new rate, one after another.

    Frame j is seen at j / to_fps: hold shows the frame that stands there, blend mixes it with the next one. The last
    frame stays to the end.
    """
    last = len(clip) - 1
    for index in range(retimed_length(len(clip), from_fps, to_fps)):
        place = min(index * from_fps / to_fps, Fraction(last))
        before = int(place)
        share = float(place - before)
        if method == "hold" or share == 0:
            yield clip[before]
        else:
            yield mix(clip[before], clip[before + 1], share)


def mix(one: Tensor, other: Tensor, share: float) -> Tensor:
    """1 - share of one frame and share of the other, premultiplied; where both are empty, of their straight colours."""
    (rgb, alpha), (next_rgb, next_alpha) = (frame.split((3, 1), dim=-1) for frame in (one, other))
    mixed = torch.lerp(alpha, next_alpha, share)
    light = torch.lerp(premultiply(rgb, alpha), premultiply(next_rgb, next_alpha), share)
    straight = torch.where(mixed > 0, unpremultiply(light, mixed), torch.lerp(rgb, next_rgb, share))
    return torch.cat((straight, mixed), dim=-1)

"""Resize and crop that never show a hidden colour: filters see premultiplied colour.

Layout   straight RGBA (H, W, 4) in and out; heights and widths in pixels.
Range    0..1, 1 = opaque.
Source   T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984: sums of premultiplied pixels are what is seen.
         Filters: torch's, widened by the scale when they shrink, as in Pillow.
Differs  Bicubic rings: alpha is brought back to 0..1 and colour into the range it had. Where the result is empty its
         colour is the filtered straight colour, so glows and bled edges stay. A pixel that is NaN or infinite makes
         NaN of those that the filter draws from it, and of no others.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .association import premultiply, unpremultiply

FILTERS = ("bicubic", "bilinear", "nearest")
FITS = ("stretch", "pad", "crop")
"""Into another aspect ratio: distorted, with empty bars, or with the sides cut off."""

LEAST = 2.0**-17
"""Half a step of 16 bits: colour divided by less alpha than this is rounding."""


def resize(rgba: Tensor, height: int, width: int, filter: str = "bicubic") -> Tensor:
    """The frame in another size, distorted where the aspect ratio is another. The same size is the same picture."""
    if (height, width) == tuple(rgba.shape[:2]):
        return rgba
    if filter == "nearest":
        return _filtered(rgba, height, width, filter)
    if not (finite := bool(rgba.sum(dtype=torch.float64).isfinite())):
        rgba = torch.where(rgba.isfinite().all(dim=-1, keepdim=True), rgba, torch.nan)
    rgb, alpha = rgba.split((3, 1), dim=-1)
    light = _filtered(premultiply(rgb, alpha), height, width, filter)
    opacity = _filtered(alpha.double(), height, width, filter).to(alpha)  # so that opaque stays exactly 1
    low, high = rgb.aminmax() if finite else _finite_range(rgb)
    straight = unpremultiply(light, opacity).clamp(low, high)
    if bool((opacity <= LEAST).any()):
        straight = torch.where(opacity > LEAST, straight, _filtered(rgb, height, width, filter).clamp(low, high))
    return torch.cat((straight, opacity.clamp(0, 1)), dim=-1)


def _finite_range(values: Tensor) -> tuple[Tensor, Tensor]:
    known = values[values.isfinite()]
    return known.aminmax() if len(known) else (values.new_zeros(()), values.new_ones(()))


def resize_to_fit(rgba: Tensor, height: int, width: int, filter: str = "bicubic", fit: str = "stretch") -> Tensor:
    """The frame in another size, its aspect ratio kept by empty bars or by a cut, both centred, unless stretched."""
    tall, wide = rgba.shape[:2]
    if fit == "stretch":
        return resize(rgba, height, width, filter)
    choose = min if fit == "pad" else max
    scale = choose(height / tall, width / wide)
    size = max(1, round(tall * scale)), max(1, round(wide * scale))
    made = resize(rgba, *size, filter)
    return crop(made, (size[1] - width) // 2, (size[0] - height) // 2, width, height)


def crop(rgba: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """The part of the frame whose upper left corner is (x, y). What reaches beyond the frame is empty, and black."""
    tall, wide = rgba.shape[:2]
    top, left = min(max(y, 0), tall), min(max(x, 0), wide)
    bottom, right = max(top, min(y + height, tall)), max(left, min(x + width, wide))
    made = rgba.new_zeros(height, width, 4)
    if bottom > top and right > left:
        made[top - y : bottom - y, left - x : right - x] = rgba[top:bottom, left:right]
    return made


def _filtered(picture: Tensor, height: int, width: int, filter: str) -> Tensor:
    planes = rearrange(picture, "h w c -> 1 c h w")
    if filter == "nearest":
        made = F.interpolate(planes, size=(height, width), mode="nearest-exact")
    else:
        made = F.interpolate(planes, size=(height, width), mode=filter, align_corners=False, antialias=True)
    return rearrange(made, "1 c h w -> h w c")

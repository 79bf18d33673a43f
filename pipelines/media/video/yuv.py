"""Colour as video stores it: luma and colour differences, and back.

Layout   (H, W, 3 or 4) against planes (H, W), the two of colour difference (H/2, W/2) rounded up where they are halved.
Range    0..1, sRGB values as they are, against whole numbers of some bits: luma 16..235, differences 16..240, times
         2^(bits - 8), or the full range; alpha is always full.
Source   ITU-R BT.709, BT.601, BT.2020 (non-constant luminance), SMPTE 240M. Halved planes stand where MPEG-2 has them:
         on even columns, between rows; 4:1:1 and 4:1:0 are halved twice.
Differs  FFmpeg's own converter truncates alpha, and some of its ways from 4:2:0 to 16 bits give wrong colours; these
         are rounded, half a step up, and each other's inverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BT709 = (0.2126, 0.0722)
BT601 = (0.299, 0.114)
BT2020 = (0.2627, 0.0593)
SMPTE240M = (0.212, 0.087)
FCC = (0.30, 0.11)

BAND = 64
"""Rows that are converted at once, so that what lies between two steps stays in the processor's cache."""


@dataclass(frozen=True)
class Coding:
    """Weights of red and blue in luma, bits of a value, how often differences are halved, whether the range is full."""

    weights: tuple[float, float] = BT709
    bits: int = 8
    halved_x: int = 0
    halved_y: int = 0
    full: bool = False


def planes_of(picture: Tensor, coding: Coding) -> list[Tensor]:
    """Y, U, V and, of a picture with 4 channels, A: int32 planes. Values outside 0..1 cannot be stored and are cut."""
    red, green, blue = picture[..., :3].float().clamp(0, 1).unbind(-1)
    k_red, k_blue = coding.weights
    luma = k_red * red + (1 - k_red - k_blue) * green + k_blue * blue
    differences = ((blue - luma) / (2 - 2 * k_blue), (red - luma) / (2 - 2 * k_red))
    planes = [_stored(luma, *_luma_steps(coding), coding.bits)]
    for each in differences:
        planes.append(_stored(_halved(each, coding), *_difference_steps(coding), coding.bits))
    if picture.shape[-1] == 4:
        planes.append(_stored(picture[..., 3].float(), 2**coding.bits - 1, 0, coding.bits))
    return planes


def picture_of(planes: Sequence[np.ndarray | Tensor], coding: Coding, out: Tensor | None = None) -> Tensor:
    """(H, W, 4 or 3) float32 of Y, U, V and perhaps A, cut to 0..1; Y alone, or Y and A, is grey.

    `out` (H, W, 4) is written to and returned when it is given; without A it becomes opaque.
    """
    height, width = planes[0].shape
    alpha = planes[len(planes) - 1] if len(planes) in (2, 4) else None
    if out is None:
        out = torch.empty(height, width, 3 if alpha is None else 4)
    scale, zero = _luma_steps(coding)
    colours = [_doubled_down(_floats(each), height, coding) for each in planes[1:3]] if len(planes) > 2 else []
    for top in range(0, height, BAND):
        band = slice(top, min(top + BAND, height))
        luma = _floats(planes[0][band]).sub_(zero).mul_(1 / scale)
        channels = _rgb(luma, [each[band] for each in colours], width, coding)
        if out.shape[-1] == 4:
            opaque = torch.ones_like(luma) if alpha is None else _floats(alpha[band]).mul_(1 / (2**coding.bits - 1))
            channels.append(opaque)
        part = out[band]
        for index, channel in enumerate(channels):  # torch.stack takes five times as long
            part[..., index] = channel
        part.clamp_(0, 1)
    return out


def _rgb(luma: Tensor, differences: Sequence[Tensor], width: int, coding: Coding) -> list[Tensor]:
    """Red, green and blue of a band."""
    if not differences:
        return [luma, luma, luma]
    scale, zero = _difference_steps(coding)
    blue, red = (_doubled_across(each.sub(zero).mul_(1 / scale), width, coding) for each in differences)
    k_red, k_blue = coding.weights
    k_green = 1 - k_red - k_blue
    green = torch.add(luma, red, alpha=-k_red * (2 - 2 * k_red) / k_green)
    green.add_(blue, alpha=-k_blue * (2 - 2 * k_blue) / k_green)
    return [torch.add(luma, red, alpha=2 - 2 * k_red), green, torch.add(luma, blue, alpha=2 - 2 * k_blue)]


def _floats(values: np.ndarray | Tensor) -> Tensor:
    return values.float() if isinstance(values, Tensor) else torch.from_numpy(values.astype(np.float32))


def _luma_steps(coding: Coding) -> tuple[float, float]:
    unit = 2 ** (coding.bits - 8)
    return (2**coding.bits - 1, 0) if coding.full else (219 * unit, 16 * unit)


def _difference_steps(coding: Coding) -> tuple[float, float]:
    unit = 2 ** (coding.bits - 8)
    return (2**coding.bits - 1 if coding.full else 224 * unit), 128 * unit


def _stored(values: Tensor, scale: float, zero: float, bits: int) -> Tensor:
    return (values * scale + (zero + 0.5)).floor_().clamp_(0, 2**bits - 1).int()


def _halved(plane: Tensor, coding: Coding) -> Tensor:
    plane = plane[None, None]
    for _ in range(coding.halved_x):
        plane = F.pad(plane, (1, 1 + plane.shape[-1] % 2, 0, 0), mode="replicate")
        plane = (plane[..., 0:-2:2] + 2 * plane[..., 1:-1:2] + plane[..., 2::2]) / 4
    for _ in range(coding.halved_y):
        plane = F.pad(plane, (0, 0, 0, plane.shape[-2] % 2), mode="replicate")
        plane = (plane[..., 0::2, :] + plane[..., 1::2, :]) / 2
    return plane[0, 0]


def _doubled_down(plane: Tensor, height: int, coding: Coding) -> Tensor:
    if not coding.halved_y:
        return plane
    size = (plane.shape[0] << coding.halved_y, plane.shape[1])
    return F.interpolate(plane[None, None], size=size, mode="bilinear", align_corners=False)[0, 0, :height]


def _doubled_across(plane: Tensor, width: int, coding: Coding) -> Tensor:
    for _ in range(coding.halved_x):
        wide = plane.new_empty(plane.shape[0], 2 * plane.shape[1])
        wide[:, 0::2] = plane
        torch.add(plane[:, :-1], plane[:, 1:], out=wide[:, 1:-1:2]).mul_(0.5)
        wide[:, -1] = plane[:, -1]
        plane = wide
    return plane[:, :width]

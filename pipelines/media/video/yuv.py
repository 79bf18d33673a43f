"""Colour as video stores it: luma and colour differences, and back.

Layout   (H, W, 3 or 4) against planes (H, W), the two of colour difference (H/2, W/2) rounded up where they are halved.
Range    0..1, sRGB values as they are, against whole numbers of some bits: luma 16..235, differences 16..240, times
         2^(bits - 8), or the full range; alpha is always full.
Source   ITU-R BT.709 and BT.601. Halved planes stand where MPEG-2 has them: on even columns, between rows.
Differs  FFmpeg's own converter truncates alpha, and some of its ways from 4:2:0 to 16 bits give wrong colours; these
         are rounded, half a step up, and each other's inverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BT709 = (0.2126, 0.0722)
BT601 = (0.299, 0.114)


@dataclass(frozen=True)
class Coding:
    """Weights of red and blue in luma, bits of a value, whether differences are halved, whether the range is full."""

    weights: tuple[float, float] = BT709
    bits: int = 8
    halved_x: bool = False
    halved_y: bool = False
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


def picture_of(planes: Sequence[Tensor], coding: Coding) -> Tensor:
    """(H, W, 4 or 3) float32 of Y, U, V and perhaps A, cut to 0..1."""
    height, width = planes[0].shape
    scale, zero = _luma_steps(coding)
    luma = (planes[0].float() - zero) / scale
    scale, zero = _difference_steps(coding)
    to_blue, to_red = (_doubled((each.float() - zero) / scale, height, width, coding) for each in planes[1:3])
    k_red, k_blue = coding.weights
    red, blue = luma + (2 - 2 * k_red) * to_red, luma + (2 - 2 * k_blue) * to_blue
    green = (luma - k_red * red - k_blue * blue) / (1 - k_red - k_blue)
    channels = [red, green, blue, *(each.float() / (2**coding.bits - 1) for each in planes[3:])]
    return torch.stack(channels, dim=-1).clamp_(0, 1)


def _luma_steps(coding: Coding) -> tuple[float, float]:
    unit = 2 ** (coding.bits - 8)
    return (2**coding.bits - 1, 0) if coding.full else (219 * unit, 16 * unit)


def _difference_steps(coding: Coding) -> tuple[float, float]:
    unit = 2 ** (coding.bits - 8)
    return (2**coding.bits - 1 if coding.full else 224 * unit), 128 * unit


def _stored(values: Tensor, scale: float, zero: float, bits: int) -> Tensor:
    return (values * scale + (zero + 0.5)).floor_().clamp_(0, 2**bits - 1).int()


def _halved(plane: Tensor, coding: Coding) -> Tensor:
    height, width = plane.shape
    plane = plane[None, None]
    if coding.halved_x:
        plane = F.pad(plane, (1, 1 + width % 2, 0, 0), mode="replicate")
        plane = (plane[..., 0:-2:2] + 2 * plane[..., 1:-1:2] + plane[..., 2::2]) / 4
    if coding.halved_y:
        plane = F.pad(plane, (0, 0, 0, height % 2), mode="replicate")
        plane = (plane[..., 0::2, :] + plane[..., 1::2, :]) / 2
    return plane[0, 0]


def _doubled(plane: Tensor, height: int, width: int, coding: Coding) -> Tensor:
    if coding.halved_y:
        size = (2 * plane.shape[0], plane.shape[1])
        plane = F.interpolate(plane[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
    if coding.halved_x:
        after = torch.cat((plane[:, 1:], plane[:, -1:]), dim=1)
        plane = torch.stack((plane, (plane + after) / 2), dim=-1).flatten(1)
    return plane[:height, :width]

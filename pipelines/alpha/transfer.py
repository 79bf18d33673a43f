"""The sRGB transfer curve: display values, as pictures are stored, against amounts of light.

Layout   any shape.
Range    0..1 to 0..1. Above 1 the curve goes on; below 0 it is mirrored, so that no value is lost.
Source   IEC 61966-2-1, with the constants as they are in print.
Differs  The printed constants leave a step of 3e-8 at the joint; the two functions are inverse to within 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

JOINT_DISPLAY = 0.04045
JOINT_LINEAR = 0.0031308
SLOPE = 12.92
OFFSET = 0.055
POWER = 2.4


PART = 1 << 18
"""Values that a thread works on at once: few enough for its processor's cache, many enough that to begin is cheap."""


def linear_from_srgb(display: Tensor) -> Tensor:
    """Amounts of light of sRGB values; float in, the same dtype out."""
    return _in_parts(_linear, display)


def srgb_from_linear(linear: Tensor) -> Tensor:
    """sRGB values of amounts of light; float in, the same dtype out."""
    return _in_parts(_display, linear)


def _linear(display: Tensor) -> Tensor:
    size = display.abs()
    curve = _power((size + OFFSET) / (1 + OFFSET), POWER)
    return torch.where(size <= JOINT_DISPLAY, size / SLOPE, curve).copysign(display)


def _display(linear: Tensor) -> Tensor:
    size = linear.abs()
    curve = _power(size.clamp(min=JOINT_LINEAR), 1 / POWER) * (1 + OFFSET) - OFFSET
    return torch.where(size <= JOINT_LINEAR, size * SLOPE, curve).copysign(linear)


def _power(values: Tensor, exponent: float) -> Tensor:
    """Nearly as close as `pow`, in two thirds of its time on a processor; above 0, for the logarithm of 0 is slow."""
    return (values.log2() * exponent).exp2()


def _in_parts(curve: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """All at once on a GPU, and for a gradient, which wants to know of every step."""
    part = PART * torch.get_num_threads()
    if values.device.type != "cpu" or values.requires_grad or values.numel() <= part:
        return curve(values)
    made = torch.empty(values.shape, dtype=values.dtype)
    for given, place in zip(values.reshape(-1).split(part), made.view(-1).split(part)):
        place.copy_(curve(given))
    return made

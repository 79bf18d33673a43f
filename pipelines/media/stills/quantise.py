"""From real values to the whole numbers of a still, and what is not a number.

Layout   (H, W, C) in and out.
Range    0..1 to 0..255 or 0..65535; half a step rounds up. Values outside 0..1 cannot be stored and become 0 or 1.
Differs  Computed in float64, where the product with 65535 is exact for every float32: in float32 a value just below
         half a step can be rounded up on the way.
"""

import numpy as np
import torch
from torch import Tensor

STORED = {8: np.uint8, 16: np.uint16}
PART = 1 << 16
"""Values that are worked on at once, so that they stay in the processor's cache."""


def not_finite_note(values: Tensor, top: int = 0) -> str:
    """How many pixels of (H, W, C) are NaN or infinite and where the first is, its first row being `top`; or ""."""
    if bool(values.sum(dtype=torch.float64).isfinite()):  # a sum of finite floats is finite in double precision
        return ""
    broken = _find_not_finite(values)
    count = f"{len(broken)} pixels are" if len(broken) > 1 else "1 pixel is"
    return f"{count} NaN or infinite, {_place_of(broken, top)}; look at what rendered it."


def _find_not_finite(values: Tensor) -> Tensor:
    """Row and column of each pixel of (H, W, C) that is not finite."""
    return (~values.isfinite()).any(dim=-1).nonzero()


def _place_of(broken: Tensor, top: int = 0) -> str:
    row, column = broken[0].tolist()
    return f"the first at x = {column}, y = {top + row}"


def quantise(picture: Tensor, bits: int, frame: int) -> np.ndarray:
    """floor(x * (2^bits - 1) + 1/2) for bits 8 or 16, from any float dtype and device; `frame` is for the message.

    ValueError when a value is NaN or infinite: no integer says that, and silence would hide a broken decode.
    """
    given = picture.detach().cpu().to(torch.promote_types(picture.dtype, torch.float32)).contiguous()
    is_finite = bool(given.sum(dtype=torch.float32).isfinite())  # a sum of finite values is, unless it overflows
    if not is_finite and (lost := given.numel() - int(given.isfinite().sum())):
        place = f", {_place_of(_find_not_finite(given))}" if given.ndim == 3 else ""
        raise ValueError(
            f"Frame {frame}: numbers from 0 to 1 were expected, {lost} of {given.numel()} are NaN or infinite"
            f"{place}; look at the node before this one: a decode in half precision makes such numbers, "
            "and a picture that is loaded can have them, which its loader says."
        )
    values, stored = given.view(-1).numpy(), np.empty(given.numel(), STORED[bits])
    for start in range(0, len(values), PART):  # by numpy: frames are on threads already, torch would start more
        exact = values[start : start + PART].clip(0, 1).astype(np.float64)
        exact *= 2**bits - 1
        np.add(exact, 0.5, out=stored[start : start + PART], casting="unsafe")
    return stored.reshape(given.shape)

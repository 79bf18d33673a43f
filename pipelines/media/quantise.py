"""From real values to the whole numbers of a still.

Layout   (H, W, C) in and out.
Range    0..1 to 0..255 or 0..65535; half a step rounds up. Values outside 0..1 cannot be stored and become 0 or 1.
Differs  Computed in float64, where the product with 65535 is exact for every float32: in float32 a value just below
         half a step can be rounded up on the way.
"""

import numpy as np
import torch
from torch import Tensor

STORED = {8: torch.uint8, 16: torch.uint16}
PART = 1 << 15
"""As many values as torch leaves to one thread: to share out more costs, where frames are on threads already."""


def quantise(picture: Tensor, bits: int, frame: int) -> np.ndarray:
    """floor(x * (2^bits - 1) + 1/2) for bits 8 or 16, from any float dtype and device; `frame` is for the message.

    ValueError when a value is NaN or infinite: no integer says that, and silence would hide a broken decode.
    """
    given = picture.detach().cpu().contiguous()
    is_finite = bool(given.sum(dtype=torch.float32).isfinite())  # a sum of finite values is, unless it overflows
    if not is_finite and (lost := given.numel() - int(given.isfinite().sum())):
        raise ValueError(
            f"Frame {frame}: numbers from 0 to 1 were expected, {lost} of {given.numel()} are NaN or infinite; "
            "look at what made the picture, most often a decode in half precision."
        )
    stored = torch.empty(given.shape, dtype=STORED[bits])
    top = 2**bits - 1
    for values, place in zip(given.view(-1).split(PART), stored.view(-1).split(PART)):
        place.copy_(values.to(torch.float64, copy=True).mul_(top).add_(0.5).clamp_(0, top))
    return stored.numpy()

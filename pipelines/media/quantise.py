"""From real values to the whole numbers of a still.

Layout   (H, W, C) in and out.
Range    0..1 to 0..255 or 0..65535; half a step rounds up. Values outside 0..1 cannot be stored and become 0 or 1.
Differs  Computed in float64, where the product with 65535 is exact for every float32: in float32 a value just below
         half a step can be rounded up on the way. A band of rows at a time, which stays in the processor's cache.
"""

import numpy as np
import torch
from torch import Tensor

STORED = {8: np.uint8, 16: np.uint16}
BAND = 1 << 16
"""Values that are worked on at once."""


def quantise(picture: Tensor, bits: int, frame: int) -> np.ndarray:
    """floor(x * (2^bits - 1) + 1/2) for bits 8 or 16, from any float dtype and device; `frame` is for the message.

    ValueError when a value is NaN or infinite: no integer says that, and silence would hide a broken decode.
    """
    given = picture.detach().cpu()
    stored = np.empty(given.shape, STORED[bits])
    rows = max(1, BAND * len(given) // max(1, given.numel()))
    lost = 0
    for top in range(0, len(given), rows):
        values = given[top : top + rows].to(torch.float64, copy=True).numpy()
        lost += values.size - int(np.count_nonzero(np.isfinite(values)))
        if not lost:
            np.clip(values, 0.0, 1.0, out=values)
            values *= 2**bits - 1
            values += 0.5
            stored[top : top + rows] = values
    if lost:
        raise ValueError(
            f"Frame {frame}: numbers from 0 to 1 were expected, {lost} of {stored.size} are NaN or infinite; "
            "look at what made the picture, most often a decode in half precision."
        )
    return stored

"""RGBA frames out of the two decoded halves.

Layout   two clips (..., H, W, 3) to one (..., H, W, 4).
Range    0..1; straight colour as decoded; alpha 1 = opaque, one value for the three grey channels that came.
Source   TransPixeler's release, `CogVideoX/cli.py`: alpha is the largest of the three channels.
Differs  The release multiplies the colour by alpha and cuts both to 8 bits; here the colour stays straight and nothing
         is rounded. `mean` and `red` are ours.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

ALPHA_FROM: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda grey: grey.amax(dim=-1),
    "mean": lambda grey: grey.mean(dim=-1),
    "red": lambda grey: grey[..., 0],
}


def join_decoded(rgb: Tensor, alpha: Tensor, alpha_from: str = "max") -> Tensor:
    """(..., H, W, 4) from decoded colour and alpha, each (..., H, W, 3). Raises ValueError if their shapes differ."""
    if rgb.shape != alpha.shape or rgb.shape[-1] != 3:
        raise ValueError(
            f"expected two decoded clips (..., H, W, 3) of one size, got {tuple(rgb.shape)} and {tuple(alpha.shape)}."
        )
    rgba = torch.empty(*rgb.shape[:-1], 4, dtype=rgb.dtype, device=rgb.device)
    rgba[..., :3] = rgb
    rgba[..., 3] = ALPHA_FROM[alpha_from](alpha)
    return rgba

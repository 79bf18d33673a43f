"""RGBA frames out of decoded colour and decoded alpha, a grey picture in three channels.

Layout   two clips (..., H, W, 3) to one (..., H, W, 4).
Range    0..1; straight colour as decoded, also where alpha is 0; alpha 1 = opaque, one value out of three channels.
Source   `mean`: WeChatCV/Wan-Alpha, render_video and RGBA_save_tools. `max`: TransPixeler's release,
         `CogVideoX/cli.py`. `red`: ComfyUI's own template for Wan-Alpha.
Differs  Nothing is rounded here. Wan-Alpha's command line cuts each channel to 8 bits and then cuts the mean (up to one
         level lower than cutting the mean alone, which is what its ComfyUI node does). TransPixeler multiplies the
         colour by alpha and cuts both to 8 bits; here the colour stays straight.
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


def join_decoded(rgb: Tensor, grey: Tensor, alpha_from: str, out: Tensor | None = None) -> Tensor:
    """(..., H, W, 4) from decoded colour and alpha, each (..., H, W, 3). Written into `out`, if given.

    Raises ValueError if their shapes differ.
    """
    if rgb.shape != grey.shape or rgb.shape[-1] != 3:
        raise ValueError(
            f"expected two decoded clips (..., H, W, 3) of one size, got {tuple(rgb.shape)} and {tuple(grey.shape)}."
        )
    rgba = torch.empty(*rgb.shape[:-1], 4, dtype=rgb.dtype, device=rgb.device) if out is None else out
    rgba[..., :3] = rgb
    rgba[..., 3] = ALPHA_FROM[alpha_from](grey)
    return rgba

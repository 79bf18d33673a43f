"""RGBA frames out of the two decoders' pictures.

Layout   two clips (T, H, W, 3) to one (T, H, W, 4).
Range    0..1; straight colour as decoded, also where alpha is 0; alpha 1 = opaque.
Source   WeChatCV/Wan-Alpha, render_video and RGBA_save_tools: alpha is the mean of the alpha decoder's three channels.
Differs  Nothing is rounded here. The reference's command line cuts each channel to 8 bits and then cuts the mean (up to
         one level lower than cutting the mean alone, which is what its ComfyUI node does). ComfyUI's own template takes
         the red channel.
"""

from __future__ import annotations

import torch
from torch import Tensor


def join_decoded(rgb: Tensor, alpha: Tensor) -> Tensor:
    """(T, H, W, 4) from decoded colour and alpha, each (T, H, W, 3). Raises ValueError if their shapes differ."""
    if rgb.shape != alpha.shape or rgb.shape[-1] != 3:
        raise ValueError(
            f"expected two decoded clips (T, H, W, 3) of one size, got {tuple(rgb.shape)} and {tuple(alpha.shape)}."
        )
    rgba = torch.empty(*rgb.shape[:-1], 4, dtype=rgb.dtype, device=rgb.device)
    rgba[..., :3] = rgb
    rgba[..., 3] = alpha.mean(dim=-1)
    return rgba

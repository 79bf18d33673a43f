"""Two halves of one latent: the RGB frames of a clip, then the alpha frames of the same clip.

Layout   one domain (B, C, F, h, w); both domains (B, C, 2F, h, w): frames 0..F-1 are RGB, F..2F-1 alpha.
Range    that of the latent or the noise, which is never scaled; a keep mask is 1 = generate, 0 = keep.
Source   TransPixeler, arXiv:2501.03006, section 3.2, equation 4: the sequence is doubled.
Differs  The reference draws noise for one domain and repeats it; `same_noise` repeats the first half of noise that was
         drawn for both, so that any sampler of the host can make it. The paper knows no keeping of a half.
"""

from __future__ import annotations

import torch
from einops import repeat
from torch import Tensor

NONE, RGB, ALPHA = KEEP = ("none", "rgb", "alpha")


def join(rgb: Tensor, alpha: Tensor) -> Tensor:
    """(B, C, 2F, h, w) from two latents (B, C, F, h, w). Raises ValueError unless both are videos of one shape."""
    if rgb.ndim != 5 or rgb.shape != alpha.shape:
        raise ValueError(
            f"rgb and alpha want video latents (B, C, F, h, w) of one shape, got {tuple(rgb.shape)} and "
            f"{tuple(alpha.shape)}; encode clips of one size and length with one VAE."
        )
    return torch.cat([rgb, alpha], dim=2)


def split(both: Tensor) -> tuple[Tensor, Tensor]:
    """RGB and alpha (B, C, F, h, w), sharing memory with (B, C, 2F, h, w): read them, do not write them.

    Raises ValueError for an odd number of frames and for what is no video.
    """
    if both.ndim != 5 or both.shape[2] % 2 or both.shape[2] == 0:
        raise ValueError(
            f"a latent of both domains is (B, C, 2F, h, w): as many alpha frames as RGB frames, got "
            f"{tuple(both.shape)}; make it from a latent of one domain with RGBAJointLatent."
        )
    rgb, alpha = both.chunk(2, dim=2)
    return rgb, alpha


def same_noise(noise: Tensor) -> Tensor:
    """Noise (B, C, 2F, h, w) whose alpha half is the RGB half again. Raises ValueError as `split` does."""
    rgb, _ = split(noise)
    return repeat(rgb, "b c f h w -> b c (two f) h w", two=2)


def keep_mask(domain: Tensor, keep: str) -> Tensor:
    """(B, 1, 2F, h, w) for a latent (B, C, F, h, w) of one domain: 0 in the half that is kept, 1 elsewhere."""
    if keep not in KEEP:
        raise ValueError(f"keep is one of {', '.join(KEEP)}, got {keep!r}.")
    ones = torch.ones_like(domain[:, :1])
    return join(ones * (keep != RGB), ones * (keep != ALPHA))

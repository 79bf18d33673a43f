"""The Wan 2.1 latent's mean and spread per channel: from the VAE's raw space to the diffusion model's and back.

Layout   (..., 16, t, h, w), with or without a batch.
Range    normalised latents have mean 0 and standard deviation 1 over natural video.
Source   Wan 2.1, arXiv:2503.20314; the tables are part of the model (Wan-Video/Wan2.1, wan/modules/vae.py).
Differs  Not at all. A ComfyUI LATENT is raw: the host normalises by itself while sampling.
"""

from __future__ import annotations

from einops import rearrange
from torch import Tensor

MEAN = (
    *(-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508),
    *(0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
)
STD = (
    *(2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743),
    *(3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160),
)


def normalise(raw: Tensor) -> Tensor:
    """(raw - mean) / std per channel. Raises ValueError unless there are 16 channels."""
    mean, std = _stats(raw)
    return (raw - mean) / std


def denormalise(latent: Tensor) -> Tensor:
    """latent * std + mean per channel. Raises ValueError unless there are 16 channels."""
    mean, std = _stats(latent)
    return latent * std + mean


def _stats(latent: Tensor) -> tuple[Tensor, Tensor]:
    if latent.ndim < 4 or latent.shape[-4] != len(MEAN):
        raise ValueError(f"expected a Wan 2.1 latent (..., {len(MEAN)}, t, h, w), got {tuple(latent.shape)}.")
    mean, std = (rearrange(latent.new_tensor(table), "c -> c 1 1 1") for table in (MEAN, STD))
    return mean, std

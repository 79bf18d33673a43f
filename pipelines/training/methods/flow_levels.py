"""The noise levels that a flow model is trained at, and how much each counts.

    x = (1 - sigma) * latent + sigma * noise,    velocity = noise - latent,    timestep = 1000 * sigma

Layout   tables float32 (1000,), from sigma 1 down; latents (B, C, t, h, w) with one sigma for each of the batch.
Range    sigma in (0, 1]; weights 0 or more, 1 on average.
Source   DiffSynth-Studio's flow scheduler as Wan-Alpha's training uses it (`schedulers/flow_match.py`), shift 5.
Differs  The reference draws one level for a batch; here each clip has its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 1000
SHIFT = 5.0


def training_sigmas(shift: float = SHIFT) -> Tensor:
    """1 - i / 1000 for i = 0..999, shifted."""
    return shifted_levels(1 - torch.arange(LEVELS, dtype=torch.float64) / LEVELS, shift).float()


def shifted_levels(sigmas: Tensor, shift: float) -> Tensor:
    """Nearer to 1 when shift is above 1, which leaves 0 and 1 where they are: shift * s / (1 + (shift - 1) * s)."""
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def training_weights(sigmas: Tensor) -> Tensor:
    """A bell around the middle of the noise, exp(-2 (sigma - 1/2)^2), its least value taken off, mean 1."""
    bell = torch.exp(-2 * (sigmas.double() - 0.5).square())
    bell = bell - bell.amin()
    return (bell / bell.mean()).float()


def at_level(latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """(1 - sigma) * latent + sigma * noise, with sigma (B,)."""
    share = per_clip(sigma, latent)
    return (1 - share) * latent + share * noise


def per_clip(values: Tensor, clips: Tensor) -> Tensor:
    """(B,) as (B, 1, ...) with the device and dtype of the clips (B, ...)."""
    return values.to(clips).reshape(-1, *[1] * (clips.ndim - 1))

"""Transparency-aware bidirectional diffusion: the VAE's latent is made easy for a frozen DiT where the clip is opaque
and hard where it is not.

    error = w(t) * (predicted velocity - (noise - latent))^2,    loss = weight * mean(mask * error), with variations:

    form       mask               latent       what pushes                                     weight
    released   +1, 0, -1          raw          nothing: mask * error is clamped to 0..1        0.1
    paper      +1 and -1          normalised   -error, without an end                          1
    bounded    +1 and -1          normalised   max(0, margin - error / w(t)), until the margin 0.1

Layout   alpha (B, 1 or 3, T, H, W) on the pixel grid, T = 4t - 3; latent, noise and velocity (B, C, t, h, w) on the
         latent grid; mask (B, 1, t, h, w).
Range    alpha in -1..1; mask +1 = pull towards what the DiT knows, -1 = push away from it, 0 = leave.
Source   Wan-Alpha, arXiv:2509.24979, section "TABD"; `loss_mask_find_rgb_pha_3value_semi.py` and `training_loss` of its
         VAE training.
Differs  `released` is the reference, computed in float32: the clamp takes all gradient from the push half, so it only
         pulls, and the DiT is shown latents of a scale that it was not trained on. `paper` is the formula as printed;
         its push has no lower bound. `bounded` is ours: it pushes until the squared error reaches the margin. 1 is the
         error of a DiT that guesses 0 for a normalised latent which it knows nothing about.
         The reference rounds alpha to bfloat16 before it compares; its golden data and we do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from ...latent_grid.pooling import mean_of_cells, mean_of_fours
from ...latent_grid.size_rule import WAN_VAE
from ...wan_alpha.latent_stats import normalise
from ..draws import Draws
from .flow_levels import LEVELS, at_level, per_clip, training_sigmas, training_weights

Velocity = Callable[[Tensor, Tensor], Tensor]
"""The frozen DiT on the empty prompt: (x, timesteps (B,) in 0..1000) to the velocity, with a gradient to x."""

TOLERANCE = 1e-5 + 1e-8


@dataclass(frozen=True)
class Form:
    """One reading of the loss; see the table above. margin None: no margin."""

    two_valued: bool
    normalised: bool
    clamped: bool
    margin: float | None
    weight: float


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "released": Form(two_valued=False, normalised=False, clamped=True, margin=None, weight=0.1),
        "paper": Form(two_valued=True, normalised=True, clamped=False, margin=None, weight=1.0),
        "bounded": Form(two_valued=True, normalised=True, clamped=False, margin=1.0, weight=0.1),
    }
)


def tabd_mask(alpha: Tensor, two_valued: bool = False) -> Tensor:
    """+1 where a cell is opaque; -1 elsewhere if `two_valued`. Otherwise -1 where it is transparent, where it belongs
    to the first latent frame, or where all of its pixels are semi-transparent, and 0 where it is mixed.

    Raises ValueError for sides that are not multiples of 8, and unless T is 4n + 1: the VAE drops other frames.
    """
    length, height, width = alpha.shape[2:]
    WAN_VAE.check("A clip for TABD", width, height, length)
    first_channel = alpha[:, 0]
    share = _cells(first_channel)
    opaque = (share - 1).abs() <= TOLERANCE
    mask = torch.where(opaque, 1.0, -1.0)
    if not two_valued:
        semi = _cells(((first_channel > -1) & (first_channel < 1)).to(alpha.dtype)) == 1
        empty = (share + 1).abs() <= TOLERANCE
        later = torch.arange(share.shape[1], device=alpha.device).reshape(-1, 1, 1) > 0
        mask = torch.where(later & ~opaque & ~empty & ~semi, 0.0, mask)
    return mask[:, None].to(alpha)


def tabd_terms(velocity: Tensor, latent: Tensor, noise: Tensor, mask: Tensor, weight: Tensor, form: Form) -> Tensor:
    """The loss of every entry, (B, C, t, h, w), before the mean and the form's weight; `weight` (B,) is w(t)."""
    error = (velocity - (noise - latent)).square()
    if form.margin is not None:
        pushed = (form.margin - error).clamp(min=0)
        return per_clip(weight, error) * torch.where(mask > 0, error, -mask * pushed)
    terms = mask * error * per_clip(weight, error)
    return terms.clamp(0, 1) if form.clamped else terms


def tabd_loss(velocity: Velocity, latent: Tensor, alpha: Tensor, form: Form, draws: Draws) -> Tensor:
    """The scalar to add to the other losses, its weight included; latent is raw, level and noise are drawn here."""
    z = normalise(latent) if form.normalised else latent
    sigmas = training_sigmas().to(z.device)
    index = draws.choice(LEVELS)
    noise = draws.normal(*z.shape[1:]).to(z)
    sigma = sigmas[index]
    predicted = velocity(at_level(z, noise, sigma), 1000 * sigma)
    mask = tabd_mask(alpha, form.two_valued).to(z)
    return form.weight * tabd_terms(predicted, z, noise, mask, training_weights(sigmas)[index], form).mean()


def _cells(frames: Tensor) -> Tensor:
    """Means over the pixels of each latent cell: (B, T, H, W) to (B, t, h, w)."""
    return torch.stack([mean_of_fours(mean_of_cells(clip)) for clip in frames])

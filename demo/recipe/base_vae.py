"""The tiny base VAE: a Wan 2.1 VAE of width 16, trained on stills first and on clips after.

Layout   as in `training.whole_clip`; `flat`, so that the two finest levels see one frame at a time.
Range    clips -1..1; the latent is trained at its own scale, and `whitened` brings it to Wan's mean and spread.
Source   Wan 2.1, arXiv:2503.20314, the shapes; the recipe is our own.
Differs  PSNR and a little absolute error instead of an adversary and a perceptual loss; residual ends start at 0, and
         so do the taps in time: it begins as a VAE of pictures that are repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.training.draws import Draws
from pipelines.training.methods.psnr_loss import psnr
from pipelines.training.models.whole_clip import decode, encode
from pipelines.wan_alpha.latent_stats import MEAN, STD

WIDTH = 16
CHANNELS = len(MEAN)
FAINT = 0.03
"""Variance, of 1, below which a mixture of channels is left fainter than the others: noise that means nothing."""
DECIBEL = math.log(10) / 20
"""Weight of one: the loss falls by 1 when errors do by a factor of e."""
PRIOR = 0.04
"""Weight of the divergence from a normal latent, per number of the latent."""


class BaseVAE(nn.Module):
    """diffusers' VAE in one pass: a clip and noise to the clip again and the divergence of its latent."""

    def __init__(self) -> None:
        from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan

        super().__init__()
        self.vae: Any = AutoencoderKLWan(base_dim=WIDTH, z_dim=CHANNELS)
        _start(self.vae)

    def forward(self, clip: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = encode(self.vae, clip, flat=True).float().chunk(2, dim=1)
        log_variance = log_variance.clamp(-12, 4)
        latent = mean + noise * torch.exp(log_variance / 2)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
        return decode(self.vae, latent, flat=True).float(), divergence


def loss(model: nn.Module, clip: Tensor, draws: Draws) -> Mapping[str, Tensor]:
    """PSNR, half of the absolute error, and the divergence."""
    again, divergence = model(clip, draws.normal(CHANNELS, *to_latent_shape(*clip.shape[2:])))
    gained, absolute = psnr(again, clip), (again - clip).abs().mean()
    total = absolute / 2 - DECIBEL * gained + PRIOR * divergence
    parts = {"psnr": gained, "absolute": absolute, "divergence": divergence}
    return {"loss": total, **{name: part.detach() for name, part in parts.items()}}


def _start(vae: Any) -> None:
    """Weights to begin with."""
    from diffusers.models.autoencoders import autoencoder_kl_wan as wan

    for module in vae.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            taps = module.weight.shape[-2] * module.weight.shape[-1]
            nn.init.normal_(module.weight, std=(module.weight.shape[1] * taps) ** -0.5)
            assert module.bias is not None  # every convolution of Wan has one
            nn.init.zeros_(module.bias)
            if module.weight.ndim == 5:
                module.weight.data[:, :, :-1] = 0
    for module in vae.modules():
        if isinstance(module, wan.WanResidualBlock):
            nn.init.zeros_(module.conv2.weight)
        if isinstance(module, wan.WanAttentionBlock):
            nn.init.zeros_(module.proj.weight)
        if isinstance(module, wan.WanResample) and hasattr(module, "time_conv"):
            _repeat_frames(module)
    with torch.no_grad():
        vae.quant_conv.weight[CHANNELS:] = 0
        vae.quant_conv.bias[CHANNELS:] = -5


def _repeat_frames(resample: Any) -> None:
    """Time convolutions begin as the mean of the two frames that become one, and as one frame shown twice."""
    weight = resample.time_conv.weight.data
    unit = torch.eye(weight.shape[1])
    weight.zero_()
    if resample.mode == "downsample3d":
        weight[:, :, -1, 0, 0] = weight[:, :, -2, 0, 0] = unit / 2
    else:
        weight[:, :, -1, 0, 0] = unit.repeat(2, 1)


@torch.no_grad()
def whitened(vae: Any, mean: Tensor, covariance: Tensor) -> None:
    """Mix the latent's channels, in place, so that they come apart and have Wan's mean and spread: (16,), (16, 16).

    A trained latent puts most of its spread into a few mixtures of its channels, here into the colour of the wall, and
    shapes into what is left, which a diffusion model then sees last and weakest. Both 1 x 1 convolutions beside the
    latent change, so clips come out as before. The log variance is right where all channels have the same.
    """
    own = covariance.double().diag().sqrt()
    spread, axes = torch.linalg.eigh(covariance.double() / own.outer(own))
    mix = axes @ (spread.clamp(min=0) + FAINT).rsqrt().diag() @ axes.T / own
    mix = (torch.tensor(STD) / (mix @ covariance.double() @ mix.T).diag().sqrt())[:, None] * mix
    offset = torch.tensor(MEAN) - mix @ mean.double()
    first, second = vae.quant_conv, vae.post_quant_conv
    first.weight[:CHANNELS] = torch.einsum("oc,cithw->oithw", mix, first.weight[:CHANNELS].double())
    first.bias[:CHANNELS] = mix @ first.bias[:CHANNELS].double() + offset
    first.bias[CHANNELS:] += mix.square().sum(1).log()
    back = torch.linalg.inv(mix)
    second.bias -= second.weight[:, :, 0, 0, 0].double() @ (back @ offset)
    second.weight.copy_(torch.einsum("octhw,ci->oithw", second.weight.double(), back))

"""The tiny base model: a Wan 2.1 text-to-video transformer and its text encoder, trained together on opaque clips.

    x = (1 - sigma) * latent + sigma * noise,    loss = mean (velocity - (noise - latent))^2

Layout   latent (B, 16, t, h, w), ids (B, WORDS).
Range    latent normalised; sigma 0..1, drawn with shift SHIFT.
Source   Rectified flow, as Wan 2.1, arXiv:2503.20314.
Differs  A tenth of the captions is left out, so that guidance without a caption, and TABD, have something to ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.training.draws import Draws
from pipelines.training.methods.flow_levels import at_level, shifted_levels
from pipelines.training.models.padded_text import count_padding

from .text_encoder import TEXT_WIDTH, TextEncoder

HEADS, HEAD_WIDTH, FEED_FORWARD, BLOCKS, FREQUENCIES = 7, 32, 896, 6, 64
SHIFT = 3.0
UNCAPTIONED = 0.1
EMPTY = 1
"""The first id of a caption of no words."""


class PromptedDiT(nn.Module):
    """Text encoder and transformer: (x, sigma, ids) to the velocity."""

    def __init__(self, vocabulary: int) -> None:
        from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

        super().__init__()
        self.text = TextEncoder(vocabulary)
        self.dit: Any = WanTransformer3DModel(
            num_attention_heads=HEADS, attention_head_dim=HEAD_WIDTH, text_dim=TEXT_WIDTH, freq_dim=FREQUENCIES,
            ffn_dim=FEED_FORWARD, num_layers=BLOCKS, rope_max_seq_len=128,
        )  # fmt: skip
        nn.init.zeros_(self.dit.proj_out.weight)
        nn.init.zeros_(self.dit.proj_out.bias)
        count_padding(self.dit)

    def forward(self, x: Tensor, sigma: Tensor, ids: Tensor) -> Tensor:
        return self.velocity(x, 1000 * sigma, self.text(ids))

    def velocity(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        return self.dit(x, timesteps, context, return_dict=False)[0]


def loss(model: nn.Module, batch: Mapping[str, Tensor], draws: Draws) -> Mapping[str, Tensor]:
    """The squared error of the velocity."""
    latent, ids = batch["latent"].float(), batch["ids"]
    sigma = shifted_levels(draws.uniform(), SHIFT)
    ids = torch.where((draws.uniform() < UNCAPTIONED)[:, None], without_caption(ids), ids)
    noise = draws.normal(*latent.shape[1:])
    error = model(at_level(latent, noise, sigma), sigma, ids) - (noise - latent)
    return {"loss": error.square().mean()}


def without_caption(ids: Tensor) -> Tensor:
    """The ids of no words at all."""
    empty = torch.zeros_like(ids)
    empty[:, 0] = EMPTY
    return empty


@torch.no_grad()
def sampled(model: PromptedDiT, ids: Tensor, noise: Tensor, steps: int = 20, guidance: float = 1.0) -> Tensor:
    """A normalised latent by Euler steps, for a look while it trains."""
    levels = shifted_levels(torch.linspace(1, 0, steps + 1, device=noise.device), SHIFT)
    x = noise
    for level, following in pairwise(levels):
        sigma = level.expand(len(x))
        velocity = model(x, sigma, ids)
        if guidance != 1:
            free = model(x, sigma, without_caption(ids))
            velocity = free + guidance * (velocity - free)
        x = x + (following - level) * velocity
    return x

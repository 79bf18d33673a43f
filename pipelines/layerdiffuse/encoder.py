"""The transparent encoder: how far to move the ordinary latent so that the decoder finds alpha in it.

Layout   feed (B, 4, H, W), alpha and padded colour in the variant's order; offset and latent (B, C, H / 8, W / 8);
         moments (B, 2C, H / 8, W / 8), the ordinary VAE's mean and log variance.
Range    feed 0..1; the latent is the VAE's own (not the diffusion model's scaling).
Source   lllyasviel/LayerDiffuse_DiffusersCLI, LatentTransparencyOffsetEncoder; arXiv:2402.17113 adds the offset as it
         is, the release in units of the posterior's deviation.
Differs  Nothing. Without noise, as released.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..weights.fit import built
from .variants import Variant

HALVINGS = (4, 8, 12)
"""The convolutions, by their number in the file, that halve the picture."""
LOG_VARIANCE_RANGE = (-30.0, 20.0)


class OffsetEncoder(nn.Module):
    """3x3 convolutions of these widths, SiLU between them. operations has Conv2d. Key names are the file's."""

    def __init__(self, widths: list[tuple[int, int]], operations: Any = nn) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, out in widths:
            stride = 2 if len(layers) in HALVINGS else 1
            layers += [operations.Conv2d(inner, out, 3, stride=stride, padding=1), nn.SiLU()]
        self.blocks = nn.Sequential(*layers[:-1])

    @property
    def latent_channels(self) -> int:
        return cast("nn.Conv2d", self.blocks[-1]).out_channels

    def forward(self, feed: Tensor) -> Tensor:
        return self.blocks(feed)


def build_encoder(state: Mapping[str, Tensor], operations: Any = nn) -> OffsetEncoder:
    """With the widths and weights of an encoder's state dict. Raises ValueError, listing names, when it is another."""
    found = {
        int(match[1]): state[name].shape for name in state if (match := re.fullmatch(r"blocks\.(\d+)\.weight", name))
    }
    widths = [(found[index][1], found[index][0]) for index in sorted(found)]
    return built("transparent encoder", state, lambda layers: OffsetEncoder(widths, layers), operations)


def offset_feed(padded_rgb: Tensor, alpha: Tensor, variant: Variant) -> Tensor:
    """(..., 4): what the encoder is shown of colour (..., 3), its invisible part filled, and alpha (..., 1)."""
    return torch.cat([alpha, padded_rgb] if variant.alpha_first else [padded_rgb, alpha], dim=-1)


def with_offset(moments: Tensor, offset: Tensor) -> Tensor:
    """mean + deviation * offset."""
    mean, log_variance = moments.chunk(2, dim=1)
    return mean + (0.5 * log_variance.clamp(*LOG_VARIANCE_RANGE)).exp() * offset

"""Wan-Alpha's trained VAE from published files, for caching latents and for looking at samples.

Layout   rgb (B, 3, T, H, W), alpha (B, 1, T, H, W), T = 4n + 1, H and W multiples of 8; latent (B, 16, t, h, w);
         decoded (B, T, H, W, 4).
Range    clips -1..1, the colour hard-rendered; the latent normalised, as the diffusion model has it; decoded 0..1.
Source   Wan-Alpha, arXiv:2509.24979, "VAE".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...alpha.decoded import join_decoded
from ...wan_alpha.checkpoint import split_vae_weights
from ...wan_alpha.decoder_lora import DecoderLoRAs, merge_decoder
from ...wan_alpha.latent_stats import denormalise, normalise
from ...wan_alpha.merge_block import build_merge_block
from ...weights.weights_file import named, read_weights
from .wan_models import load_vae, vae_from_official
from .whole_clip import decode, features


class RGBAEncoder(nn.Module):
    """Frozen. vae is diffusers' AutoencoderKLWan, merge_block a state dict of `read_merge_block`."""

    def __init__(self, vae: Any, merge_block: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.vae = vae
        self.merge = build_merge_block(merge_block).float()
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        both = features(self.vae, torch.cat([rgb, alpha.expand(-1, 3, -1, -1, -1)]))
        return normalise(self.merge(torch.cat(both.chunk(2), dim=1)))


class RGBADecoder(nn.Module):
    """Frozen. base is the stock VAE's state dict in official names."""

    def __init__(self, base: Mapping[str, Tensor], loras: DecoderLoRAs) -> None:
        super().__init__()
        self.rgb, self.alpha = (
            vae_from_official(merge_decoder(base, changes)).requires_grad_(False)
            for changes in (loras.rgb, loras.alpha)
        )

    @torch.no_grad()
    def forward(self, latent: Tensor) -> Tensor:
        raw = denormalise(latent)
        painted, opacity = ((decode(vae, raw).clamp(-1, 1).movedim(1, -1) + 1) / 2 for vae in (self.rgb, self.alpha))
        return join_decoded(painted, opacity, "mean")


def load_rgba_encoder(vae_path: Path, weights_path: Path) -> RGBAEncoder:
    """Raises ValueError, naming the file, when one of them is something else or there is no merge block."""
    vae = load_vae(vae_path)
    with named(weights_path):
        parts = split_vae_weights(read_weights(weights_path))
        if parts.merge_block is None:
            raise ValueError("expected a feature merge block (middle.block.*). Choose Wan-Alpha-VAE.bin.")
        return RGBAEncoder(vae, parts.merge_block)


def load_rgba_decoder(vae_path: Path, weights_path: Path) -> RGBADecoder:
    """Raises ValueError, naming the file, when one of them is something else or there are no decoder LoRAs."""
    base = read_weights(vae_path)
    with named(weights_path):
        parts = split_vae_weights(read_weights(weights_path))
        if parts.decoders is None:
            raise ValueError("expected decoder LoRAs (vae_fgr.decoder.*, vae_pha.decoder.*). Choose decoder.bin.")
        return RGBADecoder(base, parts.decoders)

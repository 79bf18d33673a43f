"""diffusers' Wan 2.1 models out of official files; widths are read from the shapes.

A VAE is float32. A diffusion model is frozen when we train beside it, so it may be bfloat16, but for what diffusers
wants to keep in float32.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from torch import Tensor

from ...weights.weights_file import named, read_weights
from .wan_names import from_official, official_dit_name, official_vae_name

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

HEAD_WIDTH = 128
"""Channels of an attention head of every released Wan."""

_PREFIX = "model.diffusion_model."


def load_vae(path: Path) -> AutoencoderKLWan:
    """Raises ValueError, naming the file, unless it is a Wan 2.1 VAE."""
    with named(path):
        return vae_from_official(read_weights(path))


def load_dit(path: Path, dtype: torch.dtype = torch.float32) -> WanTransformer3DModel:
    """Raises ValueError, naming the file, unless it is a Wan 2.1 text-to-video model. Toy models say their number of
    heads in the safetensors header, as ComfyUI wants it."""
    with named(path):
        return dit_from_official(read_weights(path), _heads_in_header(path), dtype)


def vae_from_official(weights: Mapping[str, Tensor]) -> AutoencoderKLWan:
    """AutoencoderKLWan in evaluation mode."""
    from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan

    last, latent = weights.get("decoder.head.0.gamma"), weights.get("conv2.weight")
    if last is None or latent is None:
        raise ValueError("expected the stock Wan 2.1 VAE, decoder.head.0.gamma or conv2.weight is missing.")
    vae = AutoencoderKLWan(base_dim=last.shape[0], z_dim=latent.shape[0])
    vae.load_state_dict(from_official(weights, vae.state_dict(), official_vae_name))
    return vae.eval()


def dit_from_official(
    weights: Mapping[str, Tensor], heads: int | None = None, dtype: torch.dtype = torch.float32
) -> WanTransformer3DModel:
    """WanTransformer3DModel in evaluation mode; heads None: width / 128."""
    from accelerate import init_empty_weights
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

    weights = {name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()}
    if "patch_embedding.weight" not in weights or "head.modulation" not in weights:
        raise ValueError("expected a Wan 2.1 text-to-video model, patch_embedding or head is missing.")
    patches = weights["patch_embedding.weight"]
    width = patches.shape[0]
    heads = heads or max(width // HEAD_WIDTH, 1)
    blocks = {match[1] for name in weights if (match := re.match(r"blocks\.(\d+)\.", name))}
    with init_empty_weights(include_buffers=False):
        dit = WanTransformer3DModel(
            num_attention_heads=heads,
            attention_head_dim=width // heads,
            in_channels=patches.shape[1],
            out_channels=patches.shape[1],
            text_dim=weights["text_embedding.0.weight"].shape[1],
            freq_dim=weights["time_embedding.0.weight"].shape[1],
            ffn_dim=weights["blocks.0.ffn.0.weight"].shape[0],
            num_layers=len(blocks),
        )
    state = from_official(weights, dit.state_dict(), official_dit_name)
    kept = set(dit._keep_in_fp32_modules or ())
    dit.load_state_dict(
        {
            name: tensor.to(torch.float32 if kept.intersection(name.split(".")) else dtype)
            for name, tensor in state.items()
        },
        assign=True,
    )
    return dit.eval()


def _heads_in_header(path: Path) -> int | None:
    with path.open("rb") as file:
        if file.read(9)[8:] != b"{":
            return None  # a pickle
    with safe_open(path, framework="pt") as file:
        config = (file.metadata() or {}).get("config")
    return json.loads(config).get("transformer", {}).get("num_heads") if config else None

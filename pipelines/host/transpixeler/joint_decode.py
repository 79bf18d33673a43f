"""The two halves decoded apart: each is a video of its own to the causal VAE, and nothing of the last RGB frame may
leak into the first alpha frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.progress import steps, stoppable
from ..pictures.image_and_mask import join_decoded_clips
from .joint_latent import one_domain

if TYPE_CHECKING:
    from ..core.sockets import VAE, Latent


def decode(rgb: Latent, alpha: Latent, vae: VAE, alpha_from: str) -> tuple[Tensor, Tensor]:
    """Straight RGBA (B * T, H, W, 4) and its colour (B * T, H, W, 3), clip after clip: one half, then the other.

    Raises ValueError for latents of both domains, of two shapes, of another VAE than `vae`, and for NaN.
    """
    latents = {"rgb": one_domain("rgb", rgb), "alpha": one_domain("alpha", alpha)}
    _refuse_other_shape(**latents)
    for name, latent in latents.items():
        _refuse_undecodable(name, latent, vae)
    network = vae.first_stage_model
    assert network is not None
    step = steps(len(latents))
    pictures = []
    for latent in latents.values():
        with stoppable(network):
            pictures.append(vae.decode(latent).flatten(0, 1).to(torch.float32))
        step()
    return join_decoded_clips(pictures[0], pictures[1], alpha_from)


def refuse_picture_vae(vae: VAE) -> None:
    """Raises ValueError unless this VAE decodes videos."""
    if vae.latent_dim != 3:
        kind = type(vae.first_stage_model).__name__
        raise ValueError(f"vae wants a video VAE (CogVideoX, Wan 2.1 or Mochi), got a {kind}; load another one.")


def _refuse_other_shape(rgb: Tensor, alpha: Tensor) -> None:
    if rgb.shape != alpha.shape:
        raise ValueError(
            f"rgb and alpha want latents of one shape, got {tuple(rgb.shape)} and {tuple(alpha.shape)}; connect both "
            "outputs of one RGBASampleJoint or RGBASplitJoint."
        )


def _refuse_undecodable(name: str, latent: Tensor, vae: VAE) -> None:
    refuse_picture_vae(vae)
    if latent.shape[1] != vae.latent_channels:
        raise ValueError(
            f"{name} has {latent.shape[1]} channels, but this VAE decodes {vae.latent_channels}; connect the VAE of "
            "the model that sampled."
        )
    if not bool(torch.isfinite(latent).all()):
        raise ValueError(
            f"{name} holds NaN or infinity, so there is no picture in it; the model overflowed while sampling. Try "
            "another dtype for the model (bf16 instead of fp16) or check its LoRAs."
        )

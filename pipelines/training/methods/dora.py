"""Wan-Alpha's DoRA in training: the diffusion model learns the RGBA VAE's latents, from noise whose mean says where the
frame is empty.

    noise' = noise + shift * (1 - subject),    x = (1 - sigma) * latent + sigma * noise'
    loss = mean w(sigma) * (velocity - (noise' - latent))^2

Layout   latent (B, 16, t, h, w), subject (B, t, h, w), context (B, L, D).
Range    latent normalised; subject 0..1, 1 = subject; shift in units of the noise's sigma, 0 for version 1.
Keys     `published` gives those of the released DoRA: `blocks.0.self_attn.q.lora_A.default.weight`, `.lora_B.`,
         `.lora_magnitude_vector.`.
Source   Wan-Alpha, arXiv:2509.24979, "Transparency-Guided Mean Sampler"; `train_gauss_ellipse.py` of its release: rank
         32 on q, k, v, o and the feed-forward, lora_alpha = rank, AdamW 1e-4, levels uniform of 1000, mean shift 0.05.
Differs  Not in the formula. Level and noise are each clip's own, and float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...samplers.mean_shift import shift_mean
from ..draws import Draws
from ..models.wan_names import official_dit_name
from .flow_levels import LEVELS, SHIFT, at_level, per_clip, training_sigmas, training_weights

RANK = 32
MEAN_SHIFT = 0.05
ADAPTED = (".to_q", ".to_k", ".to_v", ".to_out.0", ".ffn.net.0.proj", ".ffn.net.2")
"""Endings of the linear layers that are adapted, in diffusers' names, in both attentions."""


class DoRA(nn.Module):
    """Parameters that want a gradient are the DoRA's; dit, a diffusers WanTransformer3DModel, is changed in place."""

    def __init__(self, dit: Any, rank: int = RANK, mean_shift: float = MEAN_SHIFT, level_shift: float = SHIFT) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        super().__init__()
        layers = [name for name, module in dit.named_modules() if _is_adapted(name, module)]
        config = LoraConfig(r=rank, lora_alpha=rank, use_dora=True, target_modules=layers)
        self.dtype = dit.patch_embedding.weight.dtype
        self.dit = inject_adapter_in_model(config, dit.requires_grad_(False))
        for parameter in self.dit.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()  # peft gives them the dtype of the frozen weights
        self.mean_shift = mean_shift
        sigmas = training_sigmas(level_shift)
        self.register_buffer("sigmas", sigmas, persistent=False)
        self.register_buffer("weights", training_weights(sigmas), persistent=False)
        self.sigmas: Tensor
        self.weights: Tensor

    def forward(self, batch: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """`loss`, and `error`, the mean squared error before the levels are weighed."""
        latent = batch["latent"]
        index = draws.choice(LEVELS)
        sigma = self.sigmas[index]
        noise = shifted(draws.normal(*latent.shape[1:]).to(latent), batch["subject"], self.mean_shift)
        velocity = self.velocity(at_level(latent, noise, sigma), 1000 * sigma, batch["context"])
        error = (velocity - (noise - latent)).square()
        weight = per_clip(self.weights[index], error)
        return {"loss": (weight * error).mean(), "error": error.mean()}

    def velocity(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """At timesteps (B,) in 0..1000; x, context and the result are float32 whatever the model is."""
        x, context = x.to(self.dtype), context.to(self.dtype)
        return self.dit(x, timesteps, context, return_dict=False)[0].float()


def shifted(noise: Tensor, subjects: Tensor, shift: float) -> Tensor:
    """Each clip's noise with its own subject: (B, C, t, h, w) and (B, t, h, w)."""
    return torch.vmap(lambda one, subject: shift_mean(one[None], subject, shift)[0])(noise, subjects)


def published(trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was trained, by its names in DoRA, in the keys of the released one. Raises ValueError for others."""
    return {official_dit_name(name.removeprefix("dit.")): tensor for name, tensor in trained.items()}


def _is_adapted(name: str, module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) and name.startswith("blocks.") and name.endswith(ADAPTED)

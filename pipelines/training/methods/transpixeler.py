"""TransPixeler in training: the model's own objective on a latent of both domains, noise for each domain its own.

    family      x                                       target                           level
    cogvideox   sqrt(a) z + sqrt(1 - a) noise           sqrt(a) noise - sqrt(1 - a) z    timestep uniform over 1000
    mochi       (1 - sigma) z + sigma noise             z - noise                        sigma uniform
    wan         (1 - sigma) z + sigma noise             noise - z                        sigma logit-normal

Layout   rgb and alpha (B, C, F, h, w), context (B, L, D), seen (B, L) for Mochi.
Range    latents normalised as the family's model has them.
Keys     `published` gives those of the release: see `transpixeler.rgba_lora`. The scale is 1 / rank.
Source   TransPixeler, arXiv:2501.03006, supplement; `train.py` of its Mochi and wan branches. CogVideoX: diffusers'
         training, whose error of x0 over 1 - a is this error of the velocity.
Differs  `same_noise` gives both domains one noise, as the release samples CogVideoX and Mochi but trains none.
         `level_shift` is ours, for Wan: the levels where a sampler that shifts begins are met more often. 1 is the
         release's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ...samplers.vp import is_highest, reference_sigmas
from ...transpixeler.families import COGVIDEOX, MOCHI, WAN, Family
from ...transpixeler.halves import join, split
from ..draws import Draws
from ..models.wan_names import official_dit_name
from .alpha_tokens import Additions, AlphaTokens
from .flow_levels import LEVELS, at_level, per_clip, shifted_levels

_LINEAR = re.compile(r"model\.transformer\.(?P<layer>.+)\.(?P<part>down|up)\.weight")
_EMBEDDING = "model.embedding"


class Joint(nn.Module):
    """The objective. model maps (x of both domains, timesteps (B,), context, seen) to the prediction; it is asked in
    `dtype`."""

    def __init__(
        self,
        model: nn.Module,
        family: Family,
        dtype: torch.dtype,
        same_noise: bool = False,
        level_shift: float = 1.0,
    ) -> None:
        super().__init__()
        if level_shift != 1 and family != WAN:
            raise ValueError(f"a shift of the levels is for wan, got {level_shift:g} for {family.name}; leave it at 1.")
        self.model = model
        self.family = family
        self.dtype = dtype
        self.same_noise = same_noise
        self.level_shift = level_shift

    def forward(self, batch: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """`loss`, the mean squared error of both domains, and that of each."""
        latent = join(batch["rgb"], batch["alpha"])
        one = draws.normal(*batch["rgb"].shape[1:])
        noise = join(one, one if self.same_noise else draws.normal(*batch["rgb"].shape[1:])).to(latent)
        x, target, timesteps = noised(self.family, latent, noise, draws, self.level_shift)
        seen = [batch["seen"]] if "seen" in batch else []
        prediction = self.model(x.to(self.dtype), timesteps, batch["context"].to(self.dtype), *seen).float()
        rgb, alpha = (half.square().mean() for half in split(prediction - target))
        return {"loss": (rgb + alpha) / 2, "rgb": rgb, "alpha": alpha}


class TransPixeler(Joint):
    """Parameters that want a gradient are the LoRA's and the embedding; the transformer is changed in place."""

    def __init__(
        self,
        transformer: Any,
        family: Family,
        additions: Additions | None = None,
        same_noise: bool = False,
        level_shift: float = 1.0,
    ) -> None:
        model = AlphaTokens(transformer, family, additions or Additions())
        super().__init__(model, family, transformer.proj_out.weight.dtype, same_noise, level_shift)


def noised(
    family: Family, latent: Tensor, noise: Tensor, draws: Draws, level_shift: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """(x, target, timesteps (B,)) at a level drawn for each clip."""
    if family == COGVIDEOX:
        timesteps = draws.choice(LEVELS)
        signal = signal_levels().to(latent.device)[timesteps]
        keep, add = (per_clip(share.sqrt(), latent) for share in (signal, 1 - signal))
        return keep * latent + add * noise, keep * noise - add * latent, timesteps
    if family == MOCHI:
        sigma = draws.uniform()
        return at_level(latent, noise, sigma), latent - noise, 1000 * (1 - sigma)
    sigma = shifted_levels(torch.sigmoid(draws.normal()), level_shift)
    return at_level(latent, noise, sigma), noise - latent, 1000 * sigma


@cache
def signal_levels() -> Tensor:
    """CogVideoX's a at the timesteps 0 to 999; exactly 0 at the last. Read it, do not write it."""
    sigmas = reference_sigmas(LEVELS)[:-1].flip(0)
    levels = 1 / (1 + sigmas.double().square())
    levels[[is_highest(sigma) for sigma in sigmas.tolist()]] = 0
    return levels.float()


def published(trained: Mapping[str, Tensor], family: Family) -> dict[str, Tensor]:
    """What was trained, by its names in TransPixeler, in the keys of the release. Raises ValueError for others."""
    weights: dict[str, Tensor] = {}
    for name, tensor in trained.items():
        if name == _EMBEDDING:
            weights |= dict.fromkeys(_EMBEDDING_KEYS[family.name], tensor)
        elif match := _LINEAR.fullmatch(name):
            weights[_LAYER_KEYS[family.name](match["layer"], match["part"])] = tensor
        else:
            raise ValueError(f"expected a weight of TransPixeler's LoRA or its embedding, got {name}.")
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


@torch.no_grad()
def take_published(model: TransPixeler, weights: Mapping[str, Tensor]) -> None:
    """Put a file's weights into a model of the same additions. Raises KeyError, naming it, for one that is missing."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (key, *_) = published({name: parameter}, model.family)
            parameter.copy_(weights[key])


def _cogvideox_key(layer: str, part: str) -> str:
    return f"transformer.{layer}.lora_{'A' if part == 'down' else 'B'}.weight"


def _mochi_key(layer: str, part: str) -> str:
    _, block, _, name = layer.removesuffix(".0").split(".")
    return f"block_{block}.{name}_lora.{0 if part == 'down' else 1}.weight"


def _wan_key(layer: str, part: str) -> str:
    return f"diffusion_model.{official_dit_name(layer)}.lora_{'A' if part == 'down' else 'B'}.weight"


_LAYER_KEYS = {COGVIDEOX.name: _cogvideox_key, MOCHI.name: _mochi_key, WAN.name: _wan_key}
_EMBEDDING_KEYS = {
    COGVIDEOX.name: ("domain_emb",),
    MOCHI.name: ("domain_emb",),
    WAN.name: ("diffusion_model.modality_embedding", "transformer.modality_embedding"),
}

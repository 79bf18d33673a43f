"""A joint latent out of a TransPixeler in training, without guidance: for a look at it.

Layout   (1, C, 2F, h, w), RGB frames first.
Source   The families' samplers: variance-preserving DDIM for CogVideoX, UniPC for Wan and along Mochi's levels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...samplers.flow_unipc import reference_sigmas as flow_sigmas
from ...samplers.flow_unipc import sample
from ...samplers.vp import ddim, reference_sigmas, reference_timesteps
from ...transpixeler.families import COGVIDEOX, MOCHI, Family
from ...transpixeler.halves import join
from ..draws import Draws

SAMPLE_STEPS = 20

Predicted = Callable[[Tensor, float], Tensor]
"""(x, timestep) to the prediction at x, float32."""


@torch.no_grad()
def joint_sample(model: Any, item: Mapping[str, Tensor], draws: Draws, steps: int = SAMPLE_STEPS) -> Tensor:
    """model is a TransPixeler; item has `rgb` for the shape, `context`, and `seen` for Mochi, without a batch axis.

    Both domains begin from one noise where the family was released so.
    """
    shape = item["rgb"].shape
    first = draws.normal(*shape)
    noise = join(first, first if model.family.same_noise else draws.normal(*shape))
    context = item["context"][None].to(noise.device, model.dtype)
    seen = item["seen"][None].to(noise.device) if "seen" in item else None

    def predicted(x: Tensor, timestep: float) -> Tensor:
        return model.model(x.to(model.dtype), x.new_full((1,), timestep), context, seen).float()

    return integrate(model.family, predicted, noise, steps)


def integrate(family: Family, predicted: Predicted, noise: Tensor, steps: int = SAMPLE_STEPS) -> Tensor:
    """From noise to a latent by the family's sampler; `predicted` is what the family's objective asks of a model."""
    if family == COGVIDEOX:
        timesteps = reference_timesteps(steps)
        return ddim(lambda x, step: predicted(x, timesteps[step]), noise, reference_sigmas(steps))
    if family == MOCHI:
        return sample(lambda x, timestep: -predicted(x, 1000 - timestep), noise, flow_sigmas(steps, shift=1.0))
    return sample(predicted, noise, flow_sigmas(steps))

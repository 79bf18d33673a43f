"""CogVideoX's model_sampling, put right: the host shows the network noise that is not scaled to its level.

Its V_PREDICTION_DDPM takes x as it comes, variance-preserving, while every native sampler works in sigma space, where
x is larger by sqrt(1 + sigma^2). Plain v-prediction divides by that. What is right already, because another node or a
newer host has seen to it, is left alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from comfy.model_sampling import V_PREDICTION, ModelSamplingDiscrete

from ..core.object_patch import patch_object

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher


class VPrediction(ModelSamplingDiscrete, V_PREDICTION):
    """What the host's own ModelSamplingDiscrete node makes with v_prediction; zsnr is in the model's settings."""


def with_v_prediction(patcher: ModelPatcher) -> ModelPatcher:
    """A clone that every native sampler can sample; the same patcher where it can already."""
    if is_v_prediction(patcher.get_model_object("model_sampling")):
        return patcher
    clone = patcher.clone()
    patch_object(clone, "model_sampling", lambda model: VPrediction(model.model.model_config))
    return clone


def is_v_prediction(sampling: Any) -> bool:
    """Whether it scales x and reads the velocity as sigma space wants, told by its answers at sigma 2."""
    sigma, x, velocity = torch.tensor([2.0]), torch.tensor([[3.0]]), torch.tensor([[0.7]])
    shown = float(sampling.calculate_input(sigma, x))
    x0 = float(sampling.calculate_denoised(sigma, velocity, x))
    root = math.sqrt(1 + 2.0**2)
    return math.isclose(shown, 3 / root, rel_tol=1e-5) and math.isclose(x0, 3 / 5 - 2 * 0.7 / root, rel_tol=1e-5)

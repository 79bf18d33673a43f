"""Mean-shifted initial noise on the host: on a MODEL for every native sampler, or on a NOISE for the advanced ones.

Both add the same field to the same tensor: the unscaled noise in the model's latent space, before sigma. So the two
give the same frames from the same seed.

FreeNoise, which the host's Context Windows bring, copies frames of the noise to other places after that. A shift of a
MODEL is then added behind it, so that it stays on its ellipse; a shift of a NOISE cannot know and is moved along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from comfy.nested_tensor import NestedTensor
from comfy.patcher_extension import WrappersMP, add_wrapper_with_key
from torch import Tensor

from ...latent_grid.pooling import to_latent_grid
from ...samplers.mean_shift import shift_mean
from ..core.notices import warn
from .sampled_size import refuse_odd_size

if TYPE_CHECKING:
    from ..core.sockets import Latent, ModelPatcher, Noise

KEY = "rgba_video.mean_shift"
FULL_NOISE = 0.999
"""A run that starts below this share of the highest sigma keeps part of its latent: its noise is left alone."""


@dataclass(frozen=True, eq=False)
class MeanShift:
    """subject (T, H, W), 1 = subject, on the pixel or the latent grid; shift in units of sigma; rounding of the sum."""

    subject: Tensor
    shift: float
    rounding: torch.dtype = torch.float32

    def __call__(self, noise: Tensor) -> Tensor:
        """noise (B, C, t, h, w) with the mean moved. Raises ValueError when the subject is on neither grid."""
        if self.shift == 0:
            return noise
        if noise.ndim != 5:
            raise ValueError(
                f"the mean shift wants a video latent (B, C, t, h, w), got {tuple(noise.shape)}; use a Wan 2.1 model."
            )
        refuse_odd_size(noise)
        subject = to_latent_grid(self.subject.to(noise.device), *noise.shape[2:], rounding=self.rounding)
        return shift_mean(noise, subject, self.shift, self.rounding)


def shift_model(model: ModelPatcher, shift: MeanShift) -> ModelPatcher:
    """A clone whose runs start from shifted noise; an earlier shift of ours is replaced.

    A run that starts from no noise, or below full noise (denoise under 1), is left as it is.
    """

    def outer_sample(
        executor: Any, noise: Any, latent_image: Any, sampler: Any, sigmas: Tensor, *rest: Any, **named: Any
    ) -> Any:
        shapes = named.get("latent_shapes")
        if isinstance(noise, NestedTensor) or (shapes is not None and len(shapes) > 1):
            raise ValueError(
                "the mean shift wants one video latent, got several packed together; remove RGBAMeanShift."
            )
        guider = executor.class_obj
        highest = float(guider.model_patcher.get_model_object("model_sampling").sigma_max)
        if bool(noise.any()) and float(sigmas[0]) < FULL_NOISE * highest:
            warn(
                f"Nothing was shifted: this run starts at sigma {float(sigmas[0]):.3f} of {highest:g}. Set denoise to "
                "1 and choose another scheduler than ddim_uniform."
            )
        elif bool(noise.any()):
            if getattr(guider.model_options.get("context_handler"), "freenoise", False):
                run = guider.model_options  # a copy for this run alone; the last wrapper is nearest to the sampler
                add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, sampler_sample, run, is_model_options=True)
            else:
                noise = shift(noise)
        return executor(noise, latent_image, sampler, sigmas, *rest, **named)

    def sampler_sample(
        executor: Any, guider: Any, sigmas: Any, extra: Any, callback: Any, noise: Any, *rest: Any
    ) -> Any:
        return executor(guider, sigmas, extra, callback, shift(noise), *rest)

    clone = model.clone()
    clone.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    clone.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, outer_sample)
    return clone


class ShiftedNoise:
    """A NOISE of the host: another one's noise with the mean moved."""

    def __init__(self, noise: Noise, shift: MeanShift) -> None:
        self.noise = noise
        self.shift = shift
        self.seed = noise.seed

    def generate_noise(self, latent: Latent) -> Tensor:
        made = self.noise.generate_noise(latent)
        if isinstance(made, NestedTensor):
            raise ValueError("the mean shift wants one video latent, got several packed together; use the plain NOISE.")
        return self.shift(made) if bool(made.any()) else made

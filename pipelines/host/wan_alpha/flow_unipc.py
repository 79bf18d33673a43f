"""The reference's flow-matching UniPC as a SAMPLER of the host.

The model is asked at the reference's integer timesteps, int(1000 sigma) / 1000, and its answer is read as a velocity
there; steps, predictions and the result follow the exact sigmas.

Differs  A full run starts from the noise as it is, where the host's samplers start from sigma * noise (0.9998 of it).
"""

from __future__ import annotations

from typing import Any

from comfy.samplers import KSamplerX0Inpaint, Sampler
from torch import Tensor
from tqdm.auto import trange

from ...noise.flow_unipc import TRAINING_TIMESTEPS, sample
from .mean_shift import FULL_NOISE


class FlowUniPC(Sampler):
    """Wan-Alpha's own sampler, for SamplerCustom and SamplerCustomAdvanced."""

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        model_sampling = model_wrap.inner_model.model_sampling
        model = KSamplerX0Inpaint(model_wrap, sigmas)
        model.latent_image, model.noise = latent_image, noise
        options = {**extra_args, "denoise_mask": denoise_mask}
        if float(sigmas[0]) < FULL_NOISE and latent_image is not None:
            start = model_sampling.noise_scaling(sigmas[0], noise, latent_image, False)
        else:
            start = noise

        def velocity(x: Tensor, timestep: int) -> Tensor:
            asked = max(timestep, 1) / TRAINING_TIMESTEPS
            return (x - model(x, x.new_full((x.shape[0],), asked), **options)) / asked

        total = len(sigmas) - 1
        bar = trange(total, disable=disable_pbar)

        def on_step(step: int, x: Tensor, denoised: Tensor) -> None:
            bar.update(1)
            if callback is not None:
                callback(step, denoised, x, total)

        try:
            return model_sampling.inverse_noise_scaling(sigmas[-1], sample(velocity, start, sigmas, on_step))
        finally:
            bar.close()

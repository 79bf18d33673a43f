"""The reference's flow-matching UniPC as a SAMPLER of the host.

The model is asked at the reference's integer timesteps, int(1000 sigma) / 1000, and its answer is read as a velocity
there; steps, predictions and the result follow the exact sigmas.

Differs  A full run starts from the noise as it is, where the host's samplers start from sigma * noise (0.9998 of it).
"""

from __future__ import annotations

from torch import Tensor

from ...samplers.flow_unipc import TRAINING_TIMESTEPS, sample
from ..core.reference_sampler import OnStep, ReferenceSampler, Run
from .mean_shift import FULL_NOISE


class FlowUniPC(ReferenceSampler):
    """Wan-Alpha's own sampler."""

    def integrate(self, run: Run, on_step: OnStep) -> Tensor:
        if float(run.sigmas[0]) < FULL_NOISE and run.latent is not None:
            start = run.model_sampling.noise_scaling(run.sigmas[0], run.noise, run.latent, False)
        else:
            start = run.noise

        def velocity(x: Tensor, timestep: int) -> Tensor:
            asked = max(timestep, 1) / TRAINING_TIMESTEPS
            return (x - run.model(x, x.new_full((x.shape[0],), asked), **run.options)) / asked

        return sample(velocity, start, run.sigmas, on_step)

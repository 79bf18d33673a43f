"""CogVideoX's own samplers as a SAMPLER of the host, exact where the host's are near: at the infinite first sigma.

x is variance-preserving here. The model is asked in sigma space, where the host's guiders, masks and previews are, and
its answer is read as the velocity that the network gave.

Differs  A run starts from the noise as it is where sigma stands for infinity; the host's samplers add a 4519th of the
         latent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from comfy.k_diffusion.sampling import default_noise_sampler
from torch import Tensor

from ...samplers.vp import DDIM, Draw, ddim, dpm, dynamic_guidance, is_highest
from ..core.reference_sampler import OnStep, ReferenceSampler, Run
from .cogvideox_sampling import is_v_prediction

if TYPE_CHECKING:
    from comfy.samplers import CFGGuider


def seeded_noise(x: Tensor, seed: int | None) -> Draw:
    """The noise of the host's own ancestral samplers, of x's shape."""
    noise = default_noise_sampler(x, seed=seed)
    return lambda: noise(None, None)


class VPSampler(ReferenceSampler):
    """DDIM or DPM of the reference.

    `steps` is the whole schedule's count, which the dynamic guidance wants; `noise_of` gives the noise for x and seed.
    """

    def __init__(
        self, method: str, steps: int, dynamic_cfg: bool, noise_of: Callable[[Tensor, int | None], Draw] = seeded_noise
    ) -> None:
        self.method = method
        self.steps = steps
        self.dynamic_cfg = dynamic_cfg
        self.noise_of = noise_of

    def integrate(self, run: Run, on_step: OnStep) -> Tensor:
        sampling, sigmas = run.model_sampling, run.sigmas
        if not is_v_prediction(sampling):
            raise ValueError(
                "the CogVideoX sampler wants CogVideoX with its sampling put right, got a model that is sampled "
                "otherwise; load it with RGBALoadCogVideoX or put TransPixeler on it."
            )
        size = [math.hypot(1, float(sigma)) for sigma in sigmas]  # of x in sigma space against the one here
        if is_highest(float(sigmas[0])) or run.latent is None:
            start = run.noise
        else:
            start = sampling.noise_scaling(sigmas[0], run.noise, run.latent, False) / size[0]

        def velocity(x: Tensor, step: int) -> Tensor:
            sigma = sigmas[step]
            guide(int(sampling.timestep(sigma)))
            x0 = run.model(x * size[step], sigma.expand(x.shape[0]), **run.options)
            return (x / size[step] - x0) * (size[step] / float(sigma))

        with self._guidance(run.guider) as guide:
            if self.method == DDIM:
                x = ddim(velocity, start, sigmas, on_step)
            else:
                x = dpm(velocity, start, sigmas, self.noise_of(run.noise, run.options.get("seed")), on_step)
        return x * size[-1]

    @contextmanager
    def _guidance(self, guider: CFGGuider) -> Iterator[Callable[[int], None]]:
        """A function that sets the guider's cfg for a timestep; at the end it has its own again."""
        if not self.dynamic_cfg:
            yield lambda _: None
            return
        cfg = getattr(guider, "cfg", None)
        if cfg is None or cfg <= 1:
            got = "none" if cfg is None else f"{cfg:g}"
            raise ValueError(
                f"dynamic_cfg wants a cfg above 1 to vary, got {got} from {type(guider).__name__}; use SamplerCustom "
                "or CFGGuider with cfg 6, or turn it off."
            )
        try:
            yield lambda timestep: guider.set_cfg(dynamic_guidance(cfg, timestep, self.steps))
        finally:
            guider.set_cfg(cfg)

"""CogVideoX's own samplers as a SAMPLER of the host, exact where the host's are near: at the infinite first sigma.

x lives in alpha space here. The model is asked in sigma space, where the host's guiders, masks and previews are, and
its answer is read as the velocity that the network gave.

Differs  A run starts from the noise as it is where sigma stands for infinity; the host's samplers add a 4519th of the
         latent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from comfy.k_diffusion.sampling import default_noise_sampler
from comfy.samplers import KSamplerX0Inpaint, Sampler
from torch import Tensor
from tqdm.auto import trange

from ...transpixeler.alpha_space import DDIM, Draw, ddim, dpm, dynamic_guidance, is_highest
from .cogvideox_sampling import is_v_prediction


def seeded_noise(x: Tensor, seed: int | None) -> Draw:
    """The noise of the host's own ancestral samplers, of x's shape."""
    noise = default_noise_sampler(x, seed=seed)
    return lambda: noise(None, None)


class AlphaSpaceSampler(Sampler):
    """DDIM or DPM of the reference, for SamplerCustom and SamplerCustomAdvanced.

    `steps` is the whole schedule's count, which the dynamic guidance wants; `noise_of` gives the noise for x and seed.
    """

    def __init__(
        self, method: str, steps: int, dynamic_cfg: bool, noise_of: Callable[[Tensor, int | None], Draw] = seeded_noise
    ) -> None:
        self.method = method
        self.steps = steps
        self.dynamic_cfg = dynamic_cfg
        self.noise_of = noise_of

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
        if not is_v_prediction(model_sampling):
            raise ValueError(
                "the CogVideoX sampler wants CogVideoX with its sampling put right, got a model that is sampled "
                "otherwise; load it with RGBALoadCogVideoX or put TransPixeler on it."
            )
        model = KSamplerX0Inpaint(model_wrap, sigmas)
        model.latent_image, model.noise = latent_image, noise
        options = {**extra_args, "denoise_mask": denoise_mask}
        size = [math.hypot(1, float(sigma)) for sigma in sigmas]  # of x in sigma space against alpha space
        if is_highest(float(sigmas[0])) or latent_image is None:
            start = noise
        else:
            start = model_sampling.noise_scaling(sigmas[0], noise, latent_image, False) / size[0]

        def velocity(x: Tensor, step: int) -> Tensor:
            sigma = sigmas[step]
            guide(int(model_sampling.timestep(sigma)))
            x0 = model(x * size[step], sigma.expand(x.shape[0]), **options)
            return (x / size[step] - x0) * (size[step] / float(sigma))

        total = len(sigmas) - 1
        bar = trange(total, disable=disable_pbar)

        def on_step(step: int, x: Tensor, x0: Tensor) -> None:
            bar.update(1)
            if callback is not None:
                callback(step, x0, x, total)

        with closing(bar), self._guidance(model_wrap) as guide:
            if self.method == DDIM:
                x = ddim(velocity, start, sigmas, on_step)
            else:
                x = dpm(velocity, start, sigmas, self.noise_of(noise, extra_args.get("seed")), on_step)
        return model_sampling.inverse_noise_scaling(sigmas[-1], x * size[-1])

    @contextmanager
    def _guidance(self, guider: Any) -> Iterator[Callable[[int], None]]:
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

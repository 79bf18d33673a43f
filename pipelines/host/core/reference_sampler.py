"""The references' samplers as SAMPLERs of the host, for SamplerCustom and SamplerCustomAdvanced.

What all of them share with the host: the guider behind masks and previews, the start from noise or from a latent, the
bar on the terminal, the callback of each step, and the way back to the latent's own scale.

Differs  A full run starts from the noise as it is, where the host's samplers start from what they scale it to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from comfy.samplers import KSamplerX0Inpaint, Sampler
from torch import Tensor
from tqdm.auto import trange

if TYPE_CHECKING:
    from comfy.samplers import CFGGuider

OnStep = Callable[[int, Tensor, Tensor], None]
"""(step, x after it, x0 predicted in it)."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run: the guider, the model that it asks, the noise levels, the noise, and what goes with every question."""

    guider: CFGGuider
    model: KSamplerX0Inpaint
    sigmas: Tensor
    noise: Tensor
    latent: Tensor | None
    options: dict[str, Any]

    @property
    def model_sampling(self) -> Any:
        return self.guider.inner_model.model_sampling


class _GuidedModel(KSamplerX0Inpaint):
    """With the names of what every sampler of the host sets on it."""

    latent_image: Tensor | None
    noise: Tensor


class ReferenceSampler(Sampler):
    """A sampler of a reference; what is its own is `integrate`."""

    def integrate(self, run: Run, on_step: OnStep) -> Tensor:
        """x at the last sigma, in the host's sigma space. `on_step` may raise to interrupt."""
        raise NotImplementedError

    def sample(  # pyright: ignore[reportIncompatibleMethodOverride]  the base names none of what its callers pass
        self,
        model_wrap: CFGGuider,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable[[int, Tensor, Tensor, int], object] | None,
        noise: Tensor,
        latent_image: Tensor | None = None,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        model = _GuidedModel(model_wrap, sigmas)
        model.latent_image, model.noise = latent_image, noise
        run = Run(model_wrap, model, sigmas, noise, latent_image, {**extra_args, "denoise_mask": denoise_mask})
        total = len(sigmas) - 1
        with closing(trange(total, disable=disable_pbar)) as bar:

            def on_step(step: int, x: Tensor, x0: Tensor) -> None:
                bar.update(1)
                if callback is not None:
                    callback(step, x0, x, total)

            return run.model_sampling.inverse_noise_scaling(sigmas[-1], self.integrate(run, on_step))

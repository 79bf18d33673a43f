"""The command `dora`: trains Wan-Alpha's DoRA on latents that the command `cache` has made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ...samplers.flow_unipc import reference_sigmas, sample
from ..data.latent_cache import CachedItems
from ..draws import Draws
from ..loop import train
from ..models.rgba_codec import RGBADecoder, load_rgba_decoder
from ..models.wan_models import load_dit
from ..run_settings import RunSettings, loss
from .dora import MEAN_SHIFT, RANK, DoRA, published, shifted
from .flow_levels import SHIFT

SAMPLE_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class TrainDoRA(RunSettings):
    """Train the DoRA of a Wan 2.1 text-to-video model on the RGBA VAE's latents, with the mean shift."""

    cache: Annotated[Path, "folder that the command cache has made"]
    dit: Annotated[Path, "Wan 2.1 text-to-video"]
    dit_dtype: Annotated[Literal["float32", "bfloat16"], "numbers of the frozen model"] = "bfloat16"
    rank: Annotated[int, "of the DoRA"] = RANK
    mean_shift: Annotated[float, "of the noise off the subject, 0 for version 1"] = MEAN_SHIFT
    level_shift: Annotated[float, "of the noise levels"] = SHIFT
    spare_memory: Annotated[bool, "compute activations again instead of keeping them"] = False
    vae: Annotated[Path | None, "the stock Wan 2.1 VAE, for sample clips"] = None
    weights: Annotated[Path | None, "Wan-Alpha-VAE or decoder.bin, for sample clips"] = None

    def __call__(self) -> None:
        torch.manual_seed(self.seed)
        dit: Any = load_dit(self.dit, getattr(torch, self.dit_dtype))
        if self.spare_memory:
            dit.enable_gradient_checkpointing()
        items = CachedItems(self.cache, self.samples_per_step, self.seed)
        model = DoRA(dit, self.rank, self.mean_shift, self.level_shift)
        weights = train(model, loss, items, self.as_run(), self.adamw, self.rate_at, sample=self._look_at(items[0]))
        self.write(published(weights))

    def _look_at(self, item: dict[str, Tensor]) -> Callable[[Any, int], dict[str, Tensor]] | None:
        """What makes the sample clips, if there is something to decode them with."""
        if self.vae is None or self.weights is None:
            return None
        decoder = load_rgba_decoder(self.vae, self.weights)
        return lambda model, _: {"sample": self._sampled(model, item, decoder)}

    def _sampled(self, model: Any, item: dict[str, Tensor], decoder: RGBADecoder) -> Tensor:
        """A clip for the first item's prompt and ellipse, without guidance: (T, H, W, 4)."""
        device = next(model.parameters()).device
        latent, subject, context = (item[name][None].to(device) for name in ("latent", "subject", "context"))
        noise = shifted(Draws(self.seed, [0], device).normal(*latent.shape[1:]), subject, self.mean_shift)

        def velocity(x: Tensor, timestep: int) -> Tensor:
            return model.velocity(x, x.new_full((1,), timestep), context)

        x0 = sample(velocity, noise, reference_sigmas(SAMPLE_STEPS, self.level_shift))
        return decoder.to(device)(x0)[0].cpu()

"""The RGBA VAE without rendering, with it, and with TABD in its three forms.

Layout   as in `training.rgba_vae`.
Range    PSNR in dB; `dit error` is the frozen model's squared error of the velocity at sigma `LEVEL`, of normalised
         latents, 1 = it knows nothing: what TABD pulls down where a clip is opaque and pushes up elsewhere.
Source   Wan-Alpha, arXiv:2509.24979, the ablations of its VAE.
Differs  The paper judges the colour after 75,000 steps on 77,237 clips, and without a word on the wall behind it; here
         it is seen over black and white (`metrics.fidelity`). No perceptual term: its weights are not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.alpha.decoded import join_decoded
from pipelines.metrics.fidelity import psnr, seen, ssim
from pipelines.metrics.lpips import Lpips
from pipelines.metrics.weights import default_folder, find_lpips
from pipelines.training.draws import Draws
from pipelines.training.methods.flow_levels import at_level
from pipelines.training.methods.rgba_vae import RGBAVAE, FrozenVelocity
from pipelines.training.methods.tabd import FORMS, tabd_mask
from pipelines.wan_alpha.latent_stats import normalise

from ..clips import scene
from ..shown import on_a_plain_color
from ..stages import DECODER_RANK, HELD_OUT_SEED
from .runs import Numbers, curve_of, train_once
from .study import Study, mean

RATE, LORA_RATE = 1.5e-4, 8e-3
"""A LoRA is multiplied by 1 / rank, so its rate is one of its own."""
LEVEL = 0.5
GROUP = "vae"


@dataclass(frozen=True)
class Recipe:
    """Whether the VAE is shown and judged renders, and the form of TABD or none."""

    rendering: bool = True
    tabd: str | None = None


RECIPES: Mapping[str, Recipe] = {
    "naive": Recipe(rendering=False),
    "rendering": Recipe(),
    **{f"rendering-tabd-{form}": Recipe(tabd=form) for form in FORMS},
}


def trained(study: Study, recipe: Recipe, folder: Path, seed: int) -> RGBAVAE:
    """On the device. Raises NotFinite when it diverges."""
    torch.manual_seed(seed)
    model = RGBAVAE(
        study.stock_vae(),
        DECODER_RANK,
        recipe.rendering,
        flat=True,
        tabd=FORMS[recipe.tabd] if recipe.tabd else None,
        velocity=_frozen(study) if recipe.tabd else None,
    )
    samples = study.shuffled(study.vae_clips(), seed)
    run = replace(study.run(folder, seed, study.budget.vae_batch), clip=0.5)
    train_once(model, _loss, samples, run, partial(_adamw, model), study.device)
    return model


def numbers(study: Study, recipe: Recipe, seed: int, folder: Path) -> Numbers:
    model = trained(study, recipe, folder, seed)
    return {"steps": len(curve_of(folder)), **_measured(study, recipe, model)}


def shown_to(recipe: Recipe, rgb: Tensor, alpha: Tensor, seed: int, number: int) -> Tensor:
    """What the encoder is shown of a clip (T, H, W, C)."""
    return on_a_plain_color(rgb, alpha, seed, number) if recipe.rendering else rgb


@torch.no_grad()
def encoded(model: RGBAVAE, shown: Tensor, alpha: Tensor) -> Tensor:
    """(T, H, W, C) in 0..1 to a normalised latent (1, 16, t, h, w) on the model's device."""
    device = next(model.parameters()).device
    clips = [(clip.to(device).movedim(-1, 0) * 2 - 1)[None] for clip in (shown, alpha)]
    return normalise(model.encode(*clips))


@torch.no_grad()
def decoded(model: RGBAVAE, raw: Tensor) -> Tensor:
    """A raw latent (1, 16, t, h, w) to straight RGBA (T, H, W, 4), 0..1."""
    rgb, alpha = ((clip.clamp(-1, 1)[0].movedim(0, -1) + 1) / 2 for clip in model.decode(raw))
    return join_decoded(rgb, alpha, "mean")


@torch.no_grad()
def _measured(study: Study, recipe: Recipe, model: RGBAVAE) -> Numbers:
    lpips = find_lpips(default_folder())
    velocity = _frozen(study).to(study.device)
    found: dict[str, list[float]] = {}
    for number in range(study.budget.samples):
        rgb, alpha = study.drawn(scene(HELD_OUT_SEED, number))
        shown = shown_to(recipe, rgb, alpha, HELD_OUT_SEED, number)
        clips = [(clip.movedim(-1, 0) * 2 - 1)[None] for clip in (shown, alpha)]
        raw = model.encode(*clips)
        of_clip = _fidelity(torch.cat([rgb, alpha], -1), decoded(model, raw), lpips)
        for name, value in {**of_clip, **_dit_error(velocity, normalise(raw), clips[1], number)}.items():
            found.setdefault(name, []).append(value)
    return {name: mean(values) for name, values in found.items()}


def _fidelity(true: Tensor, made: Tensor, lpips: Lpips | None) -> Numbers:
    pairs = {"rgb": (seen(true), seen(made)), "alpha": (true[..., 3:], made[..., 3:])}
    measures = {"PSNR": psnr, "SSIM": ssim}
    found = {f"{part} {name}": measure(*pair) for name, measure in measures.items() for part, pair in pairs.items()}
    if lpips is not None:
        three = {part: [clip.expand(*clip.shape[:-1], 3) for clip in pair] for part, pair in pairs.items()}
        found |= {f"{part} LPIPS": lpips(*pair) for part, pair in three.items()}
    return found


def _dit_error(velocity: FrozenVelocity, latent: Tensor, alpha: Tensor, number: int) -> Numbers:
    noise = Draws(0, [number], latent.device).normal(*latent.shape[1:])
    sigma = latent.new_full((1,), LEVEL)
    error = (velocity(at_level(latent, noise, sigma), 1000 * sigma) - (noise - latent)).square().mean(1, keepdim=True)
    is_opaque = tabd_mask(alpha, two_valued=True) > 0
    return {
        "dit error, opaque": error[is_opaque].mean().item(),
        "dit error, elsewhere": error[~is_opaque].mean().item(),
    }


def _frozen(study: Study) -> FrozenVelocity:
    return FrozenVelocity(study.dit(), study.no_context())


def _loss(model: nn.Module, batch: Mapping[str, Tensor], draws: Draws) -> Mapping[str, Tensor]:
    return model(batch, draws)


def _adamw(model: nn.Module, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    loras = {id(one) for name, one in model.named_parameters() if ".parametrizations." in name}
    groups = [
        {"params": [one for one in parameters if (id(one) in loras) == is_lora], "lr": rate}
        for is_lora, rate in ((False, RATE), (True, LORA_RATE))
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)

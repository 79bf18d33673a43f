"""The base VAE, trained on stills, then on clips, and brought to the mean and spread of Wan's latent.

Layout   clips (B, 3, T, H, W) and latents (B, 16, t, h, w); drawn clips (B, T, H, W, 3).
Range    clips -1..1, drawn clips 0..1.
Source   Our own recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.training.loop import train
from pipelines.training.models.wan_names import vae_to_official
from pipelines.training.models.whole_clip import encode
from pipelines.wan_alpha.latent_stats import normalise

from .. import base_vae
from ..muon import muon_in_convolutions
from ..shown import WHOLE, Shown
from .recipe import (
    FRAMES,
    HELD_OUT_SEED,
    TRAINING_SEED,
    VAE,
    Recipe,
    find_device,
    read_result,
    to_picture,
    warm_then_cosine,
    write_result,
)

MEASURED = 64
"""Clips that the latent's mean and covariance are measured on."""
ENCODED_TOGETHER = 2


def train_vae_stills(recipe: Recipe) -> dict[str, Tensor]:
    """The base VAE on single frames."""
    return _train_vae(recipe, "vae_stills", None, frames=1, side=64, batch=32, steps=2700, rate=1e-3)


def train_vae_clips(recipe: Recipe) -> dict[str, Tensor]:
    """The base VAE on parts of clips."""
    return _train_vae(recipe, "vae_clips", train_vae_stills, frames=FRAMES, side=48, batch=16, steps=3000, rate=8e-4)


def whiten_vae(recipe: Recipe) -> dict[str, Tensor]:
    """The VAE of clips, its latent brought to Wan's mean and spread; writes the base VAE's file."""
    folder = recipe.folder / "base_vae_whitened"
    if (done := read_result(folder)) is None:
        model = base_vae.BaseVAE()
        model.load_state_dict(train_vae_clips(recipe))
        model.to(recipe.device)
        clips = Shown(TRAINING_SEED, FRAMES, WHOLE)
        shown = (clips[number][None].to(recipe.device) for number in range(recipe.clips.get(folder.name, MEASURED)))
        with torch.no_grad():
            latents = [encode(model.vae, clip, flat=True)[:, : base_vae.CHANNELS].cpu() for clip in shown]
        model.cpu()
        channels = rearrange(torch.cat(latents), "b c t h w -> c (b t h w)")
        base_vae.whitened(model.vae, channels.mean(1), channels.cov())
        done = write_result(folder, model.state_dict())
    recipe.publish(VAE, vae_to_official({name.removeprefix("vae."): tensor for name, tensor in done.items()}))
    return done


def load_frozen_vae(recipe: Recipe) -> Any:
    """The whitened VAE for encoding and decoding alone, on the recipe's device; trained first if it must be."""
    model = base_vae.BaseVAE()
    model.load_state_dict(whiten_vae(recipe))
    return model.vae.requires_grad_(False).eval().to(recipe.device)


@torch.no_grad()
def encode_drawn(vae: Any, clips: Tensor) -> Tensor:
    """Drawn clips to normalised latents, on the CPU."""
    return torch.cat([_encode(vae, some) for some in clips.split(ENCODED_TOGETHER)])


def _encode(vae: Any, clips: Tensor) -> Tensor:
    raw = encode(vae, rearrange(clips, "b t h w c -> b c t h w") * 2 - 1, flat=True)[:, : base_vae.CHANNELS]
    return normalise(raw).cpu()


def _train_vae(
    recipe: Recipe,
    name: str,
    before: Callable[[Recipe], Mapping[str, Tensor]] | None,
    frames: int,
    side: int,
    batch: int,
    steps: int,
    rate: float,
) -> dict[str, Tensor]:
    folder = recipe.folder / name
    if (done := read_result(folder)) is not None:
        return done
    torch.manual_seed(TRAINING_SEED)
    model = base_vae.BaseVAE()
    if before is not None:
        model.load_state_dict(before(recipe))
    run = recipe.plan_vae_run(name, steps, batch)
    clips = torch.zeros(run.batch, 3, frames, side, side)
    recipe.capture(
        model, "forward", clips, clips.new_zeros(run.batch, base_vae.CHANNELS, *to_latent_shape(frames, side, side))
    )

    def sample(model: Any, _: int) -> dict[str, Tensor]:
        shown = [Shown(HELD_OUT_SEED, frames, WHOLE)[number] for number in range(12)]
        clips = torch.stack(shown).to(find_device(model))
        again = torch.cat([model(clip[None], clip.new_zeros(()))[0] for clip in clips])
        rows = rearrange([clips, again], "rows b c t h w -> c t (rows h) (b w)")
        return {"clips-and-again": to_picture(rows)}

    shown = Shown(TRAINING_SEED, frames, side)
    weights = train(
        model, base_vae.loss, shown, run,
        lambda _: muon_in_convolutions(model, rate, rate / 4), warm_then_cosine(run.steps), sample=sample,
    )  # fmt: skip
    return write_result(folder, weights)

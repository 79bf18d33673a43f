"""What makes the base models transparent: the RGBA VAE, Wan-Alpha's DoRA and TransPixeler's LoRA.

Layout   clips (B, 3, T, H, W), latents (B, 16, t, h, w), subject (t, h, w).
Range    clips -1..1, subject 0..1.
Source   Wan-Alpha, arXiv:2509.24979, and TransPixeler, arXiv:2501.03006.
Differs  Toy size and drawn clips; mean shift six times the papers'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from pipelines.ellipse.fit import fit
from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.training.loop import Run, train
from pipelines.training.methods import dora, rgba_vae, transpixeler
from pipelines.training.methods.alpha_tokens import Additions
from pipelines.training.models.wan_models import load_dit, load_vae
from pipelines.training.run_settings import loss
from pipelines.transpixeler.families import WAN
from pipelines.wan_alpha.latent_stats import normalise

from .. import base_dit
from ..base_vae import CHANNELS
from ..cached import Shuffled, cached
from ..captions import opaque_caption, transparent_caption
from ..clips import draw, scene
from ..muon import muon_in_blocks, muon_in_convolutions
from ..shown import WHOLE, ShownRGBA, in_front_of_its_wall, on_a_plain_color
from ..text_encoder import TEXT_WIDTH, WORDS
from .dit import load_text_encoder, make_tokenizer, train_dit_clips
from .recipe import (
    DIT,
    DORA,
    FRAMES,
    HELD_OUT_SEED,
    RGBA_VAE,
    TRAINING_SEED,
    TRANSPIXELER,
    VAE,
    Recipe,
    find_device,
    make_example,
    read_result,
    to_picture,
    warm_then_cosine,
    write_result,
)
from .vae import encode_drawn, load_frozen_vae, whiten_vae

DECODER_RANK, DORA_RANK, ALPHA_RANK = 32, 32, 16
MEAN_SHIFT = 0.3
"""Six times the papers': the grid is so small that 0.05 would drown in the noise (see the model card)."""


def train_rgba_vae(recipe: Recipe) -> dict[str, Tensor]:
    """The merge block and both decoders' LoRAs; writes their file."""
    folder = recipe.folder / "rgba_vae"
    if (done := read_result(folder)) is None:
        whiten_vae(recipe)
        torch.manual_seed(TRAINING_SEED)
        base = load_vae(recipe.file(VAE))
        model = rgba_vae.RGBAVAE(base, DECODER_RANK, flat=True, noise=0.07, prior=0.01, psnr=0.06)
        run = recipe.plan_vae_run("rgba_vae", steps=2500, batch=16)
        clips = torch.zeros(run.batch, 3, FRAMES, 48, 48)
        noise = clips.new_zeros(run.batch, CHANNELS, *to_latent_shape(FRAMES, 48, 48))
        recipe.capture(model, "through", clips, clips[:, :1], noise)
        weights = train(
            model, loss, ShownRGBA(TRAINING_SEED, FRAMES, 48), run,
            lambda _: muon_in_convolutions(model, 1e-3, 3e-4, lora_rate=8e-3),
            warm_then_cosine(run.steps), sample=_sample_rgba_vae,
        )  # fmt: skip
        done = write_result(folder, weights)
    recipe.publish(RGBA_VAE, rgba_vae.published(done))
    return done


def train_dora(recipe: Recipe) -> dict[str, Tensor]:
    """The DoRA that learns the RGBA VAE's latents from mean-shifted noise; writes its file."""
    folder = recipe.folder / "dora"
    if (done := read_result(folder)) is None:
        train_dit_clips(recipe)
        rows = cached(folder / "latents", recipe.clips.get("dora", 2500), _draw_transparent_rows(recipe))
        dit = load_dit(recipe.file(DIT))
        base_dit.count_padding(dit)
        torch.manual_seed(TRAINING_SEED)
        model = dora.DoRA(dit, DORA_RANK, MEAN_SHIFT, base_dit.SHIFT)
        run = recipe.plan_run("dora", steps=4400, batch=16, average=0.998)
        recipe.capture(model, "velocity", *make_example(run.batch, FRAMES), torch.zeros(run.batch, WORDS, TEXT_WIDTH))
        recipe.compile(model.dit)
        done = write_result(folder, _train_adapter(model, rows, run))
    recipe.publish(DORA, dora.published(done))
    return done


def train_transpixeler(recipe: Recipe) -> dict[str, Tensor]:
    """TransPixeler's LoRA on alpha tokens and its embedding, on the base model; writes their file."""
    folder = recipe.folder / "transpixeler"
    if (done := read_result(folder)) is None:
        train_dit_clips(recipe)
        rows = cached(folder / "latents", recipe.clips.get("transpixeler", 1600), _draw_joint_rows(recipe))
        dit = load_dit(recipe.file(DIT))
        base_dit.count_padding(dit)
        torch.manual_seed(TRAINING_SEED)
        model = transpixeler.TransPixeler(dit, WAN, Additions(rank=ALPHA_RANK), level_shift=base_dit.SHIFT)
        run = recipe.plan_run("transpixeler", steps=1100, batch=8, average=0.998)
        both, timesteps = make_example(run.batch, FRAMES, domains=2)
        recipe.capture(model.model, "forward", both, timesteps, torch.zeros(run.batch, WORDS, TEXT_WIDTH))
        recipe.compile(dit)
        done = write_result(folder, _train_adapter(model, rows, run))
    recipe.publish(TRANSPIXELER, transpixeler.published(done, WAN))
    return done


def _sample_rgba_vae(model: Any, _: int) -> dict[str, Tensor]:
    drawn = [ShownRGBA(HELD_OUT_SEED, FRAMES, WHOLE)[number] for number in range(8)]
    clips = [{name: tensor.to(find_device(model)) for name, tensor in one.items()} for one in drawn]
    pairs = [model.decode(model.encode(one["rgb"][None], one["alpha"][None])) for one in clips]
    again = [torch.cat([rgb, alpha.mean(1, keepdim=True)], 1)[0] for rgb, alpha in pairs]
    asked = [torch.cat([one["rgb"], one["alpha"]]) for one in clips]
    rows = rearrange([torch.stack(asked), torch.stack(again)], "rows b c t h w -> c t (rows h) (b w)")
    return {"clips-and-again": to_picture(rows)}


def _draw_transparent_rows(recipe: Recipe) -> Callable[[range], dict[str, Tensor]]:
    """Makes merged latents of hard-rendered clips, their ellipses and their captions' contexts."""
    model = rgba_vae.RGBAVAE(load_vae(recipe.file(VAE)), DECODER_RANK, flat=True)
    model.load_state_dict(train_rgba_vae(recipe), strict=False)
    model.to(recipe.device)
    words, text = make_tokenizer(), load_text_encoder(recipe)

    @torch.no_grad()
    def make(numbers: range) -> dict[str, Tensor]:
        rows: dict[str, list[Tensor]] = {"latent": [], "subject": [], "context": []}
        for number in numbers:
            drawn = scene(TRAINING_SEED, number)
            rgb, alpha = draw(drawn, FRAMES, WHOLE, WHOLE)
            shown = on_a_plain_color(rgb, alpha, TRAINING_SEED, number)
            clips = [rearrange(clip * 2 - 1, "t h w c -> 1 c t h w").to(recipe.device) for clip in (shown, alpha)]
            rows["latent"].append(normalise(model.encode(*clips))[0].cpu())
            rows["subject"].append(fit(alpha[..., 0], threshold=0.75, growth_steps=8).subject)
            rows["context"].append(text(words([transparent_caption(drawn, TRAINING_SEED, number)]))[0])
        return {name: torch.stack(row) for name, row in rows.items()}

    return make


def _draw_joint_rows(recipe: Recipe) -> Callable[[range], dict[str, Tensor]]:
    """Makes the base VAE's latents of clips in front of their walls and of their alphas, and the captions' contexts."""
    vae, words, text = load_frozen_vae(recipe), make_tokenizer(), load_text_encoder(recipe)

    @torch.no_grad()
    def make(numbers: range) -> dict[str, Tensor]:
        scenes = [scene(TRAINING_SEED, number) for number in numbers]
        captions = [opaque_caption(one, TRAINING_SEED, number) for one, number in zip(scenes, numbers)]
        with recipe.device:
            drawn = [draw(one, FRAMES, WHOLE, WHOLE) for one in scenes]
            domains = {
                "rgb": [in_front_of_its_wall(one, FRAMES, WHOLE, WHOLE) for one in scenes],
                "alpha": [alpha.expand(-1, -1, -1, 3) for _, alpha in drawn],
            }
        latents = {name: encode_drawn(vae, torch.stack(clips)) for name, clips in domains.items()}
        return {**latents, "context": text(words(captions))}

    return make


def _train_adapter(model: nn.Module, rows: Mapping[str, Tensor], run: Run) -> dict[str, Tensor]:
    """What a LoRA learns from cached rows."""
    shuffled = Shuffled(rows, TRAINING_SEED)
    return train(
        model, loss, shuffled, run, lambda _: muon_in_blocks(model, 1e-2, 4e-3),
        warm_then_cosine(run.steps), shuffled.together,
    )  # fmt: skip

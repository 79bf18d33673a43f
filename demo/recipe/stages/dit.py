"""The base model and its text encoder, trained together on opaque stills, then on opaque clips.

Layout   latents (B, 16, t, h, w), as normalised as the diffusion model sees them; contexts (B, WORDS, TEXT_WIDTH).
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
from pipelines.training.models.wan_names import dit_to_official
from pipelines.training.models.whole_clip import decode
from pipelines.wan_alpha.latent_stats import denormalise

from .. import base_dit
from ..base_vae import CHANNELS
from ..cached import Shuffled, cached
from ..captions import opaque_caption, transparent_caption
from ..clips import scene
from ..muon import muon_in_blocks
from ..shown import WHOLE, in_front_of_its_wall
from ..text_encoder import TEXT_WIDTH, WORDS, TextEncoder, Tokenizer, text_encoder_file, train_tokenizer
from .recipe import (
    DIT,
    FRAMES,
    HELD_OUT_SEED,
    TEXT_ENCODER,
    TRAINING_SEED,
    Recipe,
    find_device,
    make_example,
    read_result,
    to_picture,
    warm_then_cosine,
    write_result,
)
from .vae import encode_drawn, load_frozen_vae


def make_tokenizer() -> Tokenizer:
    """Trained on the captions of the first scenes: the same every time."""
    captions = [
        caption(scene(TRAINING_SEED, number), TRAINING_SEED, number)
        for number in range(2000)
        for caption in (opaque_caption, transparent_caption)
    ]
    return Tokenizer(train_tokenizer(captions))


def train_dit_stills(recipe: Recipe) -> dict[str, Tensor]:
    """Text encoder and base model on single opaque frames."""
    vae = load_frozen_vae(recipe)
    return _train_dit(recipe, "dit_stills", None, vae, frames=1, clips=24000, batch=256, steps=6000, rate=4e-3)


def train_dit_clips(recipe: Recipe) -> dict[str, Tensor]:
    """The same on clips; writes the files of both."""
    vae = load_frozen_vae(recipe)
    weights = _train_dit(
        recipe, "dit_clips", train_dit_stills, vae, frames=FRAMES, clips=5000, batch=64, steps=6000, rate=2e-3
    )
    words = make_tokenizer()
    model = base_dit.PromptedDiT(len(words))
    model.load_state_dict(weights)
    config = {"num_heads": base_dit.HEADS, "freq_dim": base_dit.FREQUENCIES, "text_dim": TEXT_WIDTH}
    recipe.publish(DIT, dit_to_official(model.dit.state_dict()), {"transformer": config})
    recipe.publish(TEXT_ENCODER, text_encoder_file(model.text, words))
    return weights


def load_text_encoder(recipe: Recipe) -> TextEncoder:
    """The text encoder that was trained with the base model, frozen."""
    weights = train_dit_clips(recipe)
    model = base_dit.PromptedDiT(len(make_tokenizer()))
    model.load_state_dict(weights)
    return model.text.requires_grad_(False).eval()


def _train_dit(
    recipe: Recipe,
    name: str,
    before: Callable[[Recipe], Mapping[str, Tensor]] | None,
    vae: Any,
    frames: int,
    clips: int,
    batch: int,
    steps: int,
    rate: float,
) -> dict[str, Tensor]:
    folder = recipe.folder / name
    if (done := read_result(folder)) is not None:
        return done
    words = make_tokenizer()
    torch.manual_seed(TRAINING_SEED)
    model = base_dit.PromptedDiT(len(words))
    if before is not None:
        model.load_state_dict(before(recipe))
    rows = cached(
        folder / "latents", recipe.clips.get(name, clips), lambda part: _draw_rows(recipe, vae, words, part, frames)
    )
    run = recipe.plan_run(name, steps, batch, average=0.999, sample_every=500)
    context = torch.zeros(run.batch, WORDS, TEXT_WIDTH, requires_grad=True)
    recipe.capture(model, "velocity", *make_example(run.batch, frames), context)
    recipe.compile(model.dit)

    def sample(model: Any, _: int) -> dict[str, Tensor]:
        prompts = [opaque_caption(scene(HELD_OUT_SEED, number), HELD_OUT_SEED, number) for number in range(8)]
        grid = to_latent_shape(frames, WHOLE, WHOLE)
        noise = torch.randn(8, CHANNELS, *grid, generator=torch.Generator().manual_seed(0))
        device = find_device(model)
        sampled = base_dit.sampled(model, words(prompts).to(device), noise.to(device), guidance=2.0)
        latents = denormalise(sampled.to(recipe.device))
        clips = [decode(vae, latent[None], flat=True)[0] for latent in latents]
        return {"drawn": to_picture(rearrange(clips, "b c t h w -> c t h (b w)"))}

    shuffled = Shuffled(rows, TRAINING_SEED)
    weights = train(
        model, base_dit.loss, shuffled, run, lambda _: muon_in_blocks(model, rate, rate / 4, decay=0.01),
        warm_then_cosine(run.steps), shuffled.together, sample,
    )  # fmt: skip
    with torch.no_grad():  # by the model, for the text encoder has a name more than it has tensors
        for parameter_name, parameter in model.named_parameters():
            parameter.copy_(weights[parameter_name])
    return write_result(folder, model.state_dict())


def _draw_rows(recipe: Recipe, vae: Any, words: Tokenizer, numbers: range, frames: int) -> dict[str, Tensor]:
    """Normalised latents of clips in front of their walls, and their captions' ids."""
    scenes = [scene(TRAINING_SEED, number) for number in numbers]
    with recipe.device:
        clips = torch.stack([in_front_of_its_wall(one, frames, WHOLE, WHOLE) for one in scenes])
    latents = encode_drawn(vae, clips)
    ids = words([opaque_caption(one, TRAINING_SEED, number) for one, number in zip(scenes, numbers)])
    return {"latent": latents.half(), "ids": ids}

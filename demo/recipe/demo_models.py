"""The trained demo models out of their files, as the nodes read them: prompts, ellipses and seeds to RGBA clips.

Layout   clips (N, FRAMES, WHOLE, WHOLE, 4) on the CPU, latents (N, 16, t, h, w).
Range    0..1, straight colour, 1 = opaque.
Source   Wan-Alpha, arXiv:2509.24979, and TransPixeler, arXiv:2501.03006, by their samplers.
Differs  Reads the published files alone and samples in torch: a host gives the same to rounding. No guidance.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.alpha.decoded import join_decoded
from pipelines.ellipse.drawing import Drawing
from pipelines.ellipse.field import subject
from pipelines.latent_grid.pooling import to_latent_grid
from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.lora.dora import dora_weight, read_dora
from pipelines.samplers.flow_unipc import reference_sigmas, sample
from pipelines.training.draws import Draws
from pipelines.training.methods.alpha_tokens import Additions
from pipelines.training.methods.dora import shifted
from pipelines.training.methods.transpixeler import TransPixeler, take_published
from pipelines.training.models.padded_text import count_padding
from pipelines.training.models.rgba_codec import load_rgba_decoder, load_rgba_encoder
from pipelines.training.models.wan_models import dit_from_official, load_vae
from pipelines.training.models.whole_clip import decode
from pipelines.transpixeler.families import WAN
from pipelines.transpixeler.halves import join, split
from pipelines.wan_alpha.latent_stats import denormalise
from pipelines.weights.weights_file import read_weights

from . import base_dit
from .shown import WHOLE
from .stages.adapters import ALPHA_RANK
from .stages.recipe import DIT, DORA, FRAMES, RGBA_VAE, TEXT_ENCODER, TRANSPIXELER, VAE
from .text_encoder import read_text_encoder

STEPS = 16
LEVEL_SHIFT = 5.0
TOGETHER = 16
"""Clips that are drawn at a time."""

_GRID = to_latent_shape(FRAMES, WHOLE, WHOLE)


class DemoModels:
    """The files of a models folder, on `device`."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.device = device
        self.text, self.words = read_text_encoder(read_weights(folder / TEXT_ENCODER))
        base = {name: tensor.float() for name, tensor in read_weights(folder / DIT).items()}
        layers = read_dora(read_weights(folder / DORA))
        changed = {f"{name}.weight": dora_weight(base[f"{name}.weight"], layer) for name, layer in layers.items()}
        self.dit: Any = _dit(base | changed, device)
        self.joint = TransPixeler(_dit(base, device), WAN, Additions(rank=ALPHA_RANK))
        take_published(self.joint, read_weights(folder / TRANSPIXELER))
        self.joint.to(device)
        self.vae: Any = nn.Module.to(load_vae(folder / VAE), device)
        self.encoder = load_rgba_encoder(folder / VAE, folder / RGBA_VAE).to(device)
        self.decoder = load_rgba_decoder(folder / VAE, folder / RGBA_VAE).to(device)

    @torch.no_grad()
    def draw(self, prompts: Sequence[str], drawings: Sequence[Drawing], shift: float, seeds: Sequence[int]) -> Tensor:
        """By Wan-Alpha: one clip for each prompt, drawing and seed."""
        fields = [to_latent_grid(subject(drawing, FRAMES, WHOLE, WHOLE), *_GRID) for drawing in drawings]
        noise = shifted(_noise(seeds), torch.stack(fields), shift)
        latents = [
            self._sampled(self.dit, start.to(self.device), texts)
            for start, texts in zip(noise.split(TOGETHER), _parts(prompts))
        ]
        return torch.cat([self.decoder(one[None]).cpu() for one in torch.cat(latents)])  # one fits a processor's cache

    @torch.no_grad()
    def draw_joint(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """By TransPixeler: whole pictures as colour, alpha beside them."""
        noise = Draws(0, seeds)
        both = join(noise.normal(16, *_GRID), noise.normal(16, *_GRID))
        clips = []
        for start, texts in zip(both.split(TOGETHER), _parts(prompts)):
            halves = split(self._sampled(self.joint.model, start.to(self.device), texts))
            rgb, alpha = (decode(self.vae, denormalise(half)).movedim(1, -1).clamp(-1, 1) for half in halves)
            clips.append(join_decoded(rgb / 2 + 0.5, alpha / 2 + 0.5, "max").cpu())
        return torch.cat(clips)

    def _sampled(self, model: Any, noise: Tensor, prompts: Sequence[str]) -> Tensor:
        context = self.text(self.words(prompts)).to(self.device)

        def velocity(x: Tensor, timestep: int) -> Tensor:
            out: Any = model(x, x.new_full((len(x),), timestep), context)
            return out if isinstance(out, Tensor) else out.sample

        return sample(velocity, noise, reference_sigmas(STEPS, LEVEL_SHIFT))


def _dit(weights: dict[str, Tensor], device: torch.device) -> Any:
    heads = len(weights["patch_embedding.weight"]) // base_dit.HEAD_WIDTH
    dit: Any = nn.Module.to(dit_from_official(weights, heads), device)
    count_padding(dit)
    return dit


def _noise(seeds: Sequence[int]) -> Tensor:
    generators = (torch.Generator().manual_seed(seed) for seed in seeds)
    return torch.stack([torch.randn(16, *_GRID, generator=generator) for generator in generators])


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[first : first + TOGETHER] for first in range(0, len(texts), TOGETHER)]

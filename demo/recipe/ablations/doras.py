"""TABD against the mean shift, two by two; and what an ellipse does, on the left and on the right.

Layout   as in `training.dora`.
Range    shares of all pixels 0..1; places in shares of the width.
Source   Wan-Alpha, arXiv:2509.24979, the ablations of TABD ("holes") and of the mean sampler ("MS").
Differs  The paper shows pictures, here it is counted. Held-out prompts are of solid shapes, so that a hole in a ball is
         a mistake and one in a ring is not: the true clips' rate is taken off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.ellipse.field import subject
from pipelines.latent_grid.pooling import to_latent_grid
from pipelines.metrics.ellipse_agreement import agreement, drawn_inside
from pipelines.metrics.holes import hole_rate
from pipelines.samplers.flow_unipc import reference_sigmas, sample
from pipelines.training.draws import Draws
from pipelines.training.methods.dora import DoRA, shifted
from pipelines.training.methods.rgba_vae import RGBAVAE
from pipelines.wan_alpha.latent_stats import denormalise

from .. import base_dit
from ..cached import cached
from ..clips import Scene, scene
from ..stages.adapters import DORA_RANK, MEAN_SHIFT
from ..stages.recipe import TRAINING_SEED
from ..trial import ellipse
from . import vaes
from .runs import Numbers, claimed, curve_of, go_through, train_once
from .study import Study, adamw, clear_prompt, mean

RATE = 1e-3
STEPS = 2
"""The steps of a DoRA, in those of a VAE: it has the latents to learn, and less to do in each step."""
EMPTY = 0.1
"""Below it a pixel counts as transparent: VAEs of few steps give no clean 0."""
GROUP, ELLIPSES = "tabd-x-shift", "ellipse"
LEFT, RIGHT = (0.3, 0.5), (0.7, 0.5)


@dataclass(frozen=True)
class Recipe:
    """The VAE whose latents are learnt, and the shift that they are learnt with."""

    vae: str
    shift: float


RECIPES: Mapping[str, Recipe] = {
    "plain": Recipe("rendering", 0.0),
    "tabd": Recipe("rendering-tabd-bounded", 0.0),
    "shift": Recipe("rendering", MEAN_SHIFT),
    "tabd-and-shift": Recipe("rendering-tabd-bounded", MEAN_SHIFT),
}


@dataclass(frozen=True)
class Drawn:
    """Which DoRA draws, and with what shift."""

    dora: str
    shift: float


DRAWN: Mapping[str, Drawn] = {
    "shift-learnt-and-used": Drawn("tabd-and-shift", MEAN_SHIFT),
    "shift-learnt-not-used": Drawn("tabd-and-shift", 0.0),
    "shift-used-not-learnt": Drawn("tabd", MEAN_SHIFT),
}


class Pair:
    """A trained VAE and a DoRA on its latents, on the device."""

    def __init__(self, study: Study, recipe: Recipe, seed: int) -> None:
        self.study = study
        self.vae = self._trained_vae(recipe.vae, seed)
        self.dora = self._trained_dora(recipe, seed)

    def _trained_vae(self, name: str, seed: int) -> RGBAVAE:
        folder = self.study.run_folder(vaes.GROUP, name, seed)
        recipe = vaes.RECIPES[name]
        go_through(folder, lambda folder: vaes.numbers(self.study, recipe, seed, folder), wait=True)
        return vaes.trained(self.study, recipe, folder, seed).requires_grad_(False)

    def _trained_dora(self, recipe: Recipe, seed: int) -> DoRA:
        name = next(name for name, one in RECIPES.items() if one == recipe)
        torch.manual_seed(seed)
        model = DoRA(self.study.dit(), DORA_RANK, recipe.shift, base_dit.SHIFT)
        rows = {**self.study.transparent_rows(), "latent": self._latents(recipe.vae, seed)}
        run = self.study.run(self.study.run_folder(GROUP, name, seed), seed, self.study.budget.batch, STEPS)
        train_once(model, _loss, self.study.shuffled(rows, seed), run, adamw(RATE), self.study.device, "error")
        return model

    def _latents(self, name: str, seed: int) -> Tensor:
        """Merged latents of the scenes, made once for each VAE."""
        folder = self.study.run_folder(vaes.GROUP, name, seed) / "latents"

        def make(numbers: range) -> dict[str, Tensor]:
            latents = []
            for number in numbers:
                rgb, alpha = self.study.drawn(scene(TRAINING_SEED, number))
                shown = vaes.shown_to(vaes.RECIPES[name], rgb, alpha, TRAINING_SEED, number)
                latents.append(vaes.encoded(self.vae, shown, alpha).cpu())
            return {"latent": torch.cat(latents)}

        with claimed(folder, wait=True):
            return cached(folder, self.study.budget.clips, make)["latent"]

    @torch.no_grad()
    def draw(self, scenes: Sequence[Scene], noise: Tensor) -> list[Tensor]:
        """Straight RGBA clips (T, H, W, 4) on the CPU, one for each scene's prompt."""
        context = self.study.contexts([clear_prompt(one) for one in scenes]).to(noise.device)

        def velocity(x: Tensor, timestep: int) -> Tensor:
            return self.dora.velocity(x, x.new_full((len(x),), float(timestep)), context)

        latents = sample(velocity, noise, reference_sigmas(self.study.budget.sampler_steps))
        return [vaes.decoded(self.vae, denormalise(latent[None])).cpu() for latent in latents]


def numbers(study: Study, recipe: Recipe, seed: int, folder: Path) -> Numbers:
    """Of samples whose ellipses are those of the true clips."""
    pair = Pair(study, recipe, seed)
    scenes = study.solid_scenes * study.budget.draws
    subjects = torch.stack([study.subject(one) for one in study.solid_scenes]).repeat(study.budget.draws, 1, 1, 1)
    clips = pair.draw(scenes, shifted(study.noise(len(scenes)), subjects.to(study.device), recipe.shift))
    alphas = [clip[..., 3:] for clip in clips]
    true = [study.drawn(one)[1].cpu() for one in study.solid_scenes]
    empty, true_empty = (mean([float((alpha < EMPTY).float().mean()) for alpha in group]) for group in (alphas, true))
    holes, true_holes = (mean([hole_rate(alpha) for alpha in group]) for group in (alphas, true))
    return {
        "steps": len(curve_of(folder)),
        "transparent share": empty,
        "transparent share, true": true_empty,
        "hole rate": holes,
        "hole rate, true": true_holes,
        "holes too many": holes - true_holes,
        "mean alpha": mean([float(alpha.mean()) for alpha in alphas]),
    }


def ellipse_numbers(study: Study, drawn: Drawn, seed: int, folder: Path) -> Numbers:
    """Of samples with one ellipse on the left, and of the same noise with it on the right."""
    recipe = RECIPES[drawn.dora]
    go_through(study.run_folder(GROUP, drawn.dora, seed), lambda own: numbers(study, recipe, seed, own), wait=True)
    pair = Pair(study, recipe, seed)
    scenes = study.solid_scenes * study.budget.draws
    centres: dict[str, list[float]] = {}
    inside: list[float] = []
    outside: list[float] = []
    length, side = study.budget.frames, study.budget.side
    for name, place in (("left", LEFT), ("right", RIGHT)):
        one = ellipse(place)
        where = to_latent_grid(subject(one, length, side, side), *study.budget.grid).to(study.device)
        noise = shifted(study.noise(len(scenes)), where.expand(len(scenes), -1, -1, -1), drawn.shift)
        for clip in pair.draw(scenes, noise):
            found = agreement(clip[..., 3:], drawn_inside(one, length, side, side))
            inside.append(found.inside)
            outside.append(found.outside)
            centres.setdefault(name, []).append(_centre(clip[..., 3]))
    moved = [right - left for left, right in zip(centres["left"], centres["right"])]
    return {
        "centre, ellipse left": mean(centres["left"]),
        "centre, ellipse right": mean(centres["right"]),
        "goes along, 1 = all the way": mean(moved) / (RIGHT[0] - LEFT[0]),
        "alpha inside": mean(inside),
        "alpha outside": mean(outside),
        "inside / outside": mean(inside) / max(mean(outside), 1e-6),
    }


def _centre(alpha: Tensor) -> float:
    """Alpha's centre of mass across (T, H, W), 0..1; NaN when it is empty."""
    across = alpha.sum((0, 1))
    places = (torch.arange(len(across)) + 0.5) / len(across)
    total = float(across.sum())
    return float(across @ places) / total if total > 0 else math.nan


def _loss(model: nn.Module, batch: Mapping[str, Tensor], draws: Draws) -> Mapping[str, Tensor]:
    return model(batch, draws)

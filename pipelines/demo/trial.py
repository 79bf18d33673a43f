"""The trained demo models put to the test: reconstruction, ellipse, prompt, and controls that could expose them.

    python -m pipelines.demo.trial MODELS

Layout   clips (T, H, W, 3 or 4), latents (1, 16, t, h, w).
Range    0..1, straight colour, 1 = opaque.
Source   Our own; the measures are those of `metrics`.
Differs  Reads the published files alone, as the nodes do, and samples in torch: a host gives the same to rounding.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..ellipse.drawing import Drawing, Ellipse, Keyframe
from ..ellipse.field import subject
from ..ellipse.grid import to_latent_grid
from ..lora.dora import dora_weight, read_dora
from ..lora.weights_file import read_weights
from ..metrics.ellipse_agreement import agreement, drawn_inside, shift_strength
from ..metrics.fidelity import psnr, seen
from ..metrics.regions import soft_edge, visible
from ..noise.flow_unipc import reference_sigmas, sample
from ..noise.mean_shift import shift_mean
from ..training.padded_text import count_padding
from ..training.rgba_codec import load_rgba_decoder, load_rgba_encoder
from ..training.wan_models import dit_from_official
from ..transparent_prompt import transparent_prompt
from . import base_dit
from .captions import description
from .clips import draw, scene
from .recognition import likeness_to, recognise
from .shown import WHOLE, on_a_plain_color
from .stages import DIT, DORA, FRAMES, HELD_OUT_SEED, MEAN_SHIFT, RGBA_VAE, TEXT_ENCODER, VAE
from .text_encoder import SENTENCEPIECE, TextEncoder, Tokenizer

STEPS = 16
LEVEL_SHIFT = 5.0
PLACES = ((0.33, 0.5), (0.67, 0.5), (0.5, 0.36), (0.5, 0.64))
"""Centres of the four ellipses; a fifth one moves from the first place to the second."""
RADIUS = 0.27


class DemoModels:
    """The files of a models folder, ready to draw from a prompt and an ellipse."""

    def __init__(self, folder: Path) -> None:
        text = read_weights(folder / TEXT_ENCODER)
        self.words = Tokenizer(bytes(text[SENTENCEPIECE].tolist()))
        self.text = TextEncoder(len(self.words)).eval()
        weights = {f"umt5.{name}": tensor.float() for name, tensor in text.items() if name != SENTENCEPIECE}
        self.text.load_state_dict(weights | {"umt5.encoder.embed_tokens.weight": weights["umt5.shared.weight"]})
        base = {name: tensor.float() for name, tensor in read_weights(folder / DIT).items()}
        layers = read_dora(read_weights(folder / DORA))
        changed = {f"{name}.weight": dora_weight(base[f"{name}.weight"], layer) for name, layer in layers.items()}
        self.base: Any = dit_from_official(base, base_dit.HEADS)
        self.dit: Any = dit_from_official(base | changed, base_dit.HEADS)
        for model in (self.base, self.dit):
            count_padding(model)
        self.encoder = load_rgba_encoder(folder / VAE, folder / RGBA_VAE)
        self.decoder = load_rgba_decoder(folder / VAE, folder / RGBA_VAE)

    @torch.no_grad()
    def draw(self, prompt: str, drawing: Drawing, shift: float, seed: int) -> Tensor:
        """A straight RGBA clip (FRAMES, WHOLE, WHOLE, 4) by the reference's sampler."""
        t, cells = (FRAMES + 3) // 4, WHOLE // 8
        noise = torch.randn(1, 16, t, cells, cells, generator=torch.Generator().manual_seed(seed))
        field = to_latent_grid(subject(drawing, FRAMES, WHOLE, WHOLE), t, cells, cells)
        context = self.text(self.words([prompt]))

        def velocity(x: Tensor, timestep: int) -> Tensor:
            return self.dit(x, torch.tensor([float(timestep)]), context, return_dict=False)[0]

        latent = sample(velocity, shift_mean(noise, field, shift), reference_sigmas(STEPS, LEVEL_SHIFT))
        return self.decoder(latent)[0]


def reconstruction(models: DemoModels, clips: int = 24) -> dict[str, float]:
    """Mean PSNR in dB of held-out clips through the RGBA VAE: soft-rendered colour and alpha, everywhere, where alpha
    is above 0, and in the band along soft edges."""
    sums: dict[str, list[float]] = {}
    for number in range(clips):
        rgb, alpha = draw(scene(HELD_OUT_SEED, number), FRAMES, WHOLE, WHOLE)
        shown = on_a_plain_color(rgb, alpha, HELD_OUT_SEED, number)
        latent = models.encoder(*((clip.movedim(-1, 0)[None] * 2 - 1) for clip in (shown, alpha)))
        true, made = torch.cat([rgb, alpha], -1), models.decoder(latent)[0]
        for place, where in (("all", None), ("visible", visible(alpha)), ("edge", soft_edge(alpha))):
            sums.setdefault(f"rgb {place}", []).append(psnr(seen(true), seen(made), where))
            sums.setdefault(f"alpha {place}", []).append(psnr(alpha, made[..., 3:], where))
    return {name: sum(values) / len(values) for name, values in sums.items()}


def following_the_ellipse(models: DemoModels, shift: float, seeds: int = 32) -> dict[str, float]:
    """Mean alpha inside the ellipse over mean alpha outside, over seeds and four places; and how far alpha goes with an
    ellipse that moves (1 = as far)."""
    inside, outside, moved = [], [], []
    for seed in range(seeds):
        prompt = prompt_of(seed)
        for place in PLACES:
            drawing = ellipse(place)
            made = models.draw(prompt, drawing, shift, seed)
            found = agreement(made[..., 3:], drawn_inside(drawing, FRAMES, WHOLE, WHOLE))
            inside.append(found.inside)
            outside.append(found.outside)
        drawing = ellipse(PLACES[0], PLACES[1])
        made = models.draw(prompt, drawing, shift, seed)
        moved.append(agreement(made[..., 3:], drawn_inside(drawing, FRAMES, WHOLE, WHOLE)).following)
    cells = math.pi * RADIUS**2 * (WHOLE / 8) ** 2 * (FRAMES + 3) / 4
    return {
        "shift": shift,
        "z": shift_strength(shift, round(cells)),
        "inside": _mean(inside),
        "outside": _mean(outside),
        "ratio": _mean(inside) / max(_mean(outside), 1e-6),
        "following": _mean([value for value in moved if not math.isnan(value)]),
    }


def following_the_prompt(models: DemoModels, shift: float, samples: int = 64) -> dict[str, float]:
    """Shares of samples whose shape, colour and both are recognised; the same for the prompts shifted by one, which is
    chance; and how like the prompted shape the alpha is, beside how like it the ellipse itself is."""
    right: dict[str, list[float]] = {}
    for number in range(samples):
        asked, other = (scene(HELD_OUT_SEED, one) for one in (number, (number + 1) % samples))
        drawing = ellipse(PLACES[number % len(PLACES)])
        made = models.draw(prompt_of(number), drawing, shift, seed=number)
        found = recognise(made[..., :3], made[..., 3:], asked.material)
        for name, wanted in (("", asked), (" of another prompt", other)):
            shape = found is not None and found.shape == wanted.shape
            color = found is not None and found.color == wanted.color
            right.setdefault(f"shape{name}", []).append(shape)
            right.setdefault(f"color{name}", []).append(color)
            right.setdefault(f"both{name}", []).append(shape and color)
        copied = drawn_inside(drawing, FRAMES, WHOLE, WHOLE).float()
        right.setdefault("likeness", []).append(likeness_to(made[..., 3:], asked.shape, asked.material))
        right.setdefault("likeness of the ellipse", []).append(likeness_to(copied, asked.shape, asked.material))
    return {name: _mean(values) for name, values in right.items()}


def prompt_of(number: int) -> str:
    """The held-out scene's description in the words of the demo's prompt node."""
    return transparent_prompt(description(scene(HELD_OUT_SEED, number)))


def ellipse(*centres: Sequence[float]) -> Drawing:
    """One circle, at a place, or on its way through several in the course of the clip."""
    last = max(1, len(centres) - 1)
    keyframes = tuple(
        Keyframe(frame=(FRAMES - 1) * place // last, cx=x, cy=y, rx=RADIUS, ry=RADIUS)
        for place, (x, y) in enumerate(centres)
    )
    return Drawing((Ellipse("subject", "subject", keyframes),))


def table(models: DemoModels, shift: float) -> Mapping[str, Mapping[str, float]]:
    """All of it, with the sweep of the shift and the control without one."""
    sweep = {f"ellipse, shift {value:g}": value for value in (shift, 0.0, 0.03, 0.05, 0.1)}
    return {
        "reconstruction": reconstruction(models),
        **{
            name: following_the_ellipse(models, value, 32 if value in (shift, 0.0) else 8)
            for name, value in sweep.items()
        },
        "prompt": following_the_prompt(models, shift),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def as_markdown(results: Mapping[str, Mapping[str, float]]) -> str:
    """One row for each number."""
    rows = [f"| {part} | {name} | {value:.3g} |" for part, values in results.items() for name, value in values.items()]
    return "\n".join(["| trial | measure | value |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(as_markdown(table(DemoModels(Path(sys.argv[1])), MEAN_SHIFT)))

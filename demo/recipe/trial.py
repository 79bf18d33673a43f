"""The trained demo models put to the test: reconstruction, ellipse, prompt, and controls that could expose them.

    python -m demo.recipe.trial MODELS

Layout   clips (T, H, W, 3 or 4).
Range    0..1, straight colour, 1 = opaque.
Source   Our own; the measures are those of `metrics`.
Differs  Nothing to differ from.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from pipelines.ellipse.drawing import Drawing, Ellipse, Keyframe
from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.metrics.ellipse_agreement import agreement, drawn_inside, shift_strength
from pipelines.metrics.fidelity import psnr, seen
from pipelines.metrics.plain_background import subject_iou
from pipelines.metrics.regions import HALF, soft_edge, visible
from pipelines.prompts.transparent import transparent_prompt

from .captions import description, opaque_caption
from .clips import COLORS, Scene, draw, scene
from .demo_models import DemoModels
from .recognition import likeness_to, recognise
from .shown import WHOLE, in_front_of_its_wall, on_a_plain_color
from .stages.adapters import MEAN_SHIFT
from .stages.recipe import FRAMES, HELD_OUT_SEED

PLACES = ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73))
"""Centres of the four ellipses: a quarter of the frame each, so that a subject in the middle favours none."""
RADIUS = 0.24
WAY = ((0.36, 0.5), (0.64, 0.5))
"""Where a fifth ellipse moves from and to."""
PLAIN = 0.9
"""Of a true clip, the agreement of its alpha with its colour's subject from which on the wall counts as plain."""


def reconstruction(models: DemoModels, clips: int = 24) -> dict[str, float]:
    """Mean PSNR in dB of held-out clips through the RGBA VAE: soft-rendered colour and alpha, everywhere, where alpha
    is above 0, and in the band along soft edges."""
    sums: dict[str, list[float]] = {}
    for number in range(clips):
        rgb, alpha = draw(scene(HELD_OUT_SEED, number), FRAMES, WHOLE, WHOLE)
        shown = on_a_plain_color(rgb, alpha, HELD_OUT_SEED, number)
        both = (rearrange(clip * 2 - 1, "t h w c -> 1 c t h w").to(models.device) for clip in (shown, alpha))
        true, made = torch.cat([rgb, alpha], -1), models.decoder(models.encoder(*both))[0].cpu()
        for place, where in (("all", None), ("visible", visible(alpha)), ("edge", soft_edge(alpha))):
            sums.setdefault(f"rgb {place}", []).append(psnr(seen(true), seen(made), where))
            sums.setdefault(f"alpha {place}", []).append(psnr(alpha, made[..., 3:], where))
    return {name: _mean(values) for name, values in sums.items()}


def following_the_ellipse(models: DemoModels, shift: float, seeds: int = 32) -> dict[str, float]:
    """Mean alpha inside the ellipse over mean alpha outside, over seeds and four places; how far alpha goes with an
    ellipse that moves (1 = as far); and the colour cast: how much redder than asked for, and than its green and blue,
    what is seen has become."""
    scenes = [scene(HELD_OUT_SEED, number) for number in range(seeds)]
    inside, outside, casts = [], [], []
    for place in PLACES:
        drawing = ellipse(place)
        within = drawn_inside(drawing, FRAMES, WHOLE, WHOLE)
        made = models.draw([prompt_of(one) for one in scenes], [drawing] * seeds, shift, range(seeds))
        for clip, asked in zip(made, scenes):
            found = agreement(clip[..., 3:], within)
            inside.append(found.inside)
            outside.append(found.outside)
            casts.append(_redder(clip, asked))
    cells = math.pi * RADIUS**2 * math.prod(to_latent_shape(FRAMES, WHOLE, WHOLE))
    return {
        "shift": shift,
        "z": shift_strength(shift, round(cells)),
        "inside": _mean(inside),
        "outside": _mean(outside),
        "ratio": _mean(inside) / max(_mean(outside), 1e-6),
        "following": _following(models, shift, scenes),
        "red cast": _mean(casts),
    }


def _following(models: DemoModels, shift: float, scenes: Sequence[Scene]) -> float:
    drawing = ellipse(*WAY)
    within = drawn_inside(drawing, FRAMES, WHOLE, WHOLE)
    prompts = [prompt_of(replace(one, motion="right")) for one in scenes]
    made = models.draw(prompts, [drawing] * len(scenes), shift, range(len(scenes)))
    return _mean([agreement(clip[..., 3:], within).following for clip in made])


def following_the_prompt(models: DemoModels, shift: float, samples: int = 64) -> dict[str, float]:
    """Shares of samples whose shape, colour and both are recognised; the same for the prompts shifted by one, which is
    chance; and how like the prompted shape the alpha is, beside how like it the ellipse itself is."""
    scenes = [scene(HELD_OUT_SEED, number) for number in range(samples)]
    drawings = [ellipse(PLACES[number % len(PLACES)]) for number in range(samples)]
    made = models.draw([prompt_of(one) for one in scenes], drawings, shift, range(samples))
    right: dict[str, list[float]] = {}
    for number, (clip, drawing) in enumerate(zip(made, drawings)):
        asked, other = scenes[number], scenes[(number + 1) % samples]
        rgb, alpha = clip[..., :3], clip[..., 3:]
        found = recognise(rgb, alpha, asked.material)
        for name, wanted in (("", asked), (" of another prompt", other)):
            shape = found is not None and found.shape == wanted.shape
            color = found is not None and found.color == wanted.color
            right.setdefault(f"shape{name}", []).append(shape)
            right.setdefault(f"color{name}", []).append(color)
            right.setdefault(f"both{name}", []).append(shape and color)
        copied = drawn_inside(drawing, FRAMES, WHOLE, WHOLE).float()
        right.setdefault("likeness", []).append(likeness_to(alpha, asked.shape, asked.material))
        right.setdefault("likeness of the ellipse", []).append(likeness_to(copied, asked.shape, asked.material))
    return {name: _mean(values) for name, values in right.items()}


def alpha_beside_colour(models: DemoModels, samples: int = 32) -> dict[str, float]:
    """TransPixeler's alpha against the subject that its colour shows, on prompts of plain walls: mean IoU, that of the
    true clips, and that of each alpha with the next sample's colour, which is chance."""
    scenes: list[Scene] = []
    true: list[float] = []
    number = 0
    while len(scenes) < samples:
        one = scene(HELD_OUT_SEED, number)
        rgb, alpha = in_front_of_its_wall(one, FRAMES, WHOLE, WHOLE), draw(one, FRAMES, WHOLE, WHOLE)[1]
        if (found := subject_iou(rgb, alpha)) >= PLAIN:
            scenes.append(one)
            true.append(found)
        number += 1
    prompts = [opaque_caption(one, HELD_OUT_SEED, place) for place, one in enumerate(scenes)]
    made = models.draw_joint(prompts, range(samples))
    rgb, alpha = made[..., :3], made[..., 3:]
    return {
        "IoU": _mean([subject_iou(*pair) for pair in zip(rgb, alpha)]),
        "IoU of the true clips": _mean(true),
        "IoU with another sample's colour": _mean([subject_iou(*pair) for pair in zip(rgb.roll(1, 0), alpha)]),
    }


def prompt_of(scene: Scene) -> str:
    """The scene's description in the words of the demo's prompt node."""
    return transparent_prompt(description(scene))


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
        **{name: following_the_ellipse(models, value) for name, value in sweep.items()},
        "prompt": following_the_prompt(models, shift),
        "TransPixeler": alpha_beside_colour(models),
    }


def as_markdown(results: Mapping[str, Mapping[str, float]]) -> str:
    """One row for each number."""
    rows = [f"| {part} | {name} | {value:.3g} |" for part, values in results.items() for name, value in values.items()]
    return "\n".join(["| trial | measure | value |", "|---|---|---|", *rows, ""])


def _redder(clip: Tensor, asked: Scene) -> float:
    """Red over the mean of green and blue in what is seen, less the same of the colour asked for; NaN of nothing."""
    shown = clip[..., :3][clip[..., 3] > HALF]
    red, green, blue = shown.mean(0).tolist() if len(shown) else (math.nan,) * 3
    true_red, true_green, true_blue = COLORS[asked.color]
    return (red - (green + blue) / 2) - (true_red - (true_green + true_blue) / 2)


def _mean(values: Sequence[float]) -> float:
    """Of those that are a number."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


if __name__ == "__main__":
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sys.stdout.write(as_markdown(table(DemoModels(Path(sys.argv[1]), device), MEAN_SHIFT)))

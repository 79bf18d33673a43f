"""TransPixeler with one part taken away at a time, its two other extensions, and text that sees alpha.

Layout   as in `training.transpixeler`.
Range    IoU 0..1 of alpha > 0.5 with the subject seen in the colour, over scenes whose own alpha has at least 0.9; PSNR
         in dB of the colour to the base model's from the same noise; losses are means of the squared error.
Source   TransPixeler, arXiv:2501.03006, section 3 and the ablations of 4.3.
Differs  The paper measures alignment by flow, and preservation by FVD, whose weights are not ours. Wan's text is in no
         row that could see alpha, so that question is asked of a tiny CogVideoX, trained here on the same latents.
         `predicted-afterwards` is ours: it paints alpha beside a finished clip, as a matting model would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.alpha.decoded import join_decoded
from pipelines.metrics.diversity import diversity, thumbnail
from pipelines.metrics.fidelity import psnr
from pipelines.metrics.plain_background import subject_iou
from pipelines.training.draws import Draws
from pipelines.training.methods.alpha_tokens import ATTENTION, LAYERS, Additions
from pipelines.training.methods.joint_sample import integrate
from pipelines.training.methods.transpixeler import Joint, TransPixeler, noised
from pipelines.transpixeler.families import COGVIDEOX, WAN, Family
from pipelines.transpixeler.halves import join, split
from pipelines.transpixeler.positions import cogvideox_rotary
from pipelines.transpixeler.split_attention import ALL, LESS, NOTHING, Sight

from ..cached import cached
from ..stages import ALPHA_RANK
from ..text_encoder import TEXT_WIDTH, WORDS
from .extensions import BatchExtension, LatentExtension
from .runs import Numbers, claimed, curve_of, parts_of, train_once
from .study import Study, adamw, mean, opaque_prompt

GROUP, TEXT = "joint", "text-to-alpha"
RATE, FINE_TUNING_RATE, BASE_RATE = 3e-3, 5e-4, 1e-3
COMMUNICATION_RANK = 64
COGVIDEOX_STEPS = 5
"""The steps of the CogVideoX base, in those of a variant."""
HEADS, HEAD_WIDTH, BLOCKS, TIME_WIDTH = 4, 32, 6, 128


class Predicted(TransPixeler):
    """Alpha tokens beside the clean tokens of a finished clip."""

    def forward(self, batch: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """`loss`, the mean squared error of alpha alone."""
        alpha = batch["alpha"]
        noise = draws.normal(*alpha.shape[1:])
        x, target, timesteps = noised(self.family, alpha, noise, draws)
        both = self.model(join(batch["rgb"], x).to(self.dtype), timesteps, batch["context"].to(self.dtype)).float()
        error = (split(both)[1] - target).square().mean()
        return {"loss": error, "alpha": error}


class CogVideoX(nn.Module):
    """A tiny CogVideoX of one domain, and its own objective."""

    def __init__(self) -> None:
        from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXTransformer3DModel

        super().__init__()
        self.transformer: Any = CogVideoXTransformer3DModel(
            num_attention_heads=HEADS, attention_head_dim=HEAD_WIDTH, num_layers=BLOCKS, time_embed_dim=TIME_WIDTH,
            text_embed_dim=TEXT_WIDTH, max_text_seq_length=WORDS, use_rotary_positional_embeddings=True,
        )  # fmt: skip
        nn.init.zeros_(self.transformer.proj_out.weight)
        nn.init.zeros_(self.transformer.proj_out.bias)

    def forward(self, batch: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        noise = draws.normal(*batch["rgb"].shape[1:])
        x, target, timesteps = noised(COGVIDEOX, batch["rgb"], noise, draws)
        made = _cogvideox_velocity(self.transformer, x, timesteps, batch["context"])
        return {"loss": (made - target).square().mean()}


@dataclass(frozen=True)
class Base:
    """The model of one domain that a group's variants are built on."""

    family: Family
    copy: Callable[[Study], Any]
    """A copy of its transformer, to be changed."""
    velocity: Callable[[Any, Tensor, Tensor, Tensor], Tensor]
    """(transformer, x, timesteps, context)."""


@dataclass(frozen=True)
class Variant:
    """What is built on a base, and the rate at which it learns."""

    base: Base
    build: Callable[[Any], Joint]
    rate: float = RATE


def cogvideox(study: Study) -> CogVideoX:
    """The base, trained by the first process that asks for it."""
    torch.manual_seed(0)
    model = CogVideoX()
    folder = study.shared / "cogvideox"
    with claimed(folder, wait=True):
        samples = study.shuffled(study.joint_rows(), 0)
        run = study.run(folder, 0, study.budget.batch, COGVIDEOX_STEPS)
        train_once(model, _loss, samples, run, adamw(BASE_RATE), study.device)
    return model


def _wan_velocity(transformer: Any, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
    return transformer(x, timesteps, context, return_dict=False)[0]


def _cogvideox_velocity(transformer: Any, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
    frames, height, width = x.shape[2:]
    table = cogvideox_rotary(frames, height // 2, width // 2, HEAD_WIDTH, x.device)
    out = transformer(x.transpose(1, 2), context, timesteps, image_rotary_emb=table, return_dict=False)[0]
    return out.transpose(1, 2)


WAN_BASE = Base(WAN, Study.dit, _wan_velocity)
COGVIDEOX_BASE = Base(COGVIDEOX, lambda study: cogvideox(study).transformer, _cogvideox_velocity)


def _alpha_tokens(family: Family, same_noise: bool = False, **changes: Any) -> Callable[[Any], Joint]:
    return lambda dit: TransPixeler(dit, family, Additions(ALPHA_RANK, **changes), same_noise)


def _on_wan(same_noise: bool = False, **changes: Any) -> Variant:
    return Variant(WAN_BASE, _alpha_tokens(WAN, same_noise, **changes))


def _on_cogvideox(sight: Sight) -> Variant:
    return Variant(COGVIDEOX_BASE, _alpha_tokens(COGVIDEOX, sight=sight))


def _extended(extension: nn.Module) -> Joint:
    return Joint(extension, WAN, torch.float32)


VARIANTS: Mapping[str, Variant] = {
    "ours": _on_wan(),
    "consecutive-positions": _on_wan(shared_positions=False),
    "no-embedding": _on_wan(embedding=False),
    "rgb-blind-to-alpha": _on_wan(sight=Sight(rgb=NOTHING)),
    "predicted-afterwards": Variant(WAN_BASE, lambda dit: Predicted(dit, WAN, Additions(ALPHA_RANK))),
    "lora-on-all-rows": _on_wan(everywhere=True),
    "q-k-v-alone": _on_wan(layers=tuple(layer for layer in LAYERS[WAN.name] if layer != ATTENTION[-1])),
    "same-noise": _on_wan(same_noise=True),
    "batch-extension": Variant(WAN_BASE, lambda dit: _extended(BatchExtension(dit, ALPHA_RANK, COMMUNICATION_RANK))),
    "latent-extension": Variant(WAN_BASE, lambda dit: _extended(LatentExtension(dit)), FINE_TUNING_RATE),
}
TEXT_VARIANTS: Mapping[str, Variant] = {
    "blocked": _on_cogvideox(Sight(text=NOTHING)),
    "as-released": _on_cogvideox(Sight(text=LESS)),
    "open": _on_cogvideox(Sight(text=ALL)),
}


def numbers(study: Study, variant: Variant, seed: int, folder: Path) -> Numbers:
    """The curve of alpha's loss, and what samples are like beside the base model's of the same noise."""
    torch.manual_seed(seed)
    model = variant.build(variant.base.copy(study))
    samples = study.shuffled(study.joint_rows(), seed)
    train_once(
        model, _loss, samples, study.run(folder, seed, study.budget.batch), adamw(variant.rate), study.device, "alpha"
    )
    base = base_latents(study, variant.base)
    rgb, alpha = drawn(study, variant.base, model, base)
    curve = curve_of(folder)
    losses = {f"alpha loss, {part}": value for part, value in parts_of(curve).items()}
    measured = _measured(study, *map(study.decode, (rgb, alpha, base)))
    return {"steps": len(curve), **losses, **measured}


def base_numbers(study: Study, base: Base) -> Numbers:
    """The base model by itself: how diverse it is."""
    return {"diversity": _diversity(study, study.decode(base_latents(study, base)))}


def base_latents(study: Study, base: Base) -> Tensor:
    """(N, C, F, h, w), every scene of the study `draws` times; drawn once."""
    folder = study.shared / f"drawn-{base.family.name}"

    def make(numbers: range) -> dict[str, Tensor]:
        transformer = base.copy(study).requires_grad_(False).to(study.device)
        velocity = partial(base.velocity, transformer)
        made = _integrated(study, base.family, velocity, study.noise(study.budget.samples))
        return {"latent": made[numbers.start : numbers.stop].cpu()}

    with claimed(folder, wait=True):
        return cached(folder, study.budget.samples, make)["latent"].to(study.device)


def drawn(study: Study, base: Base, model: Joint, finished: Tensor) -> tuple[Tensor, Tensor]:
    """Latents of colour and of alpha; `finished` are the base model's, which a Predicted paints beside."""
    first = study.noise(study.budget.samples)
    second = first if model.same_noise else study.noise(study.budget.samples, salt=1)
    if isinstance(model, Predicted):

        def beside(x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
            return split(model.model(join(finished, x), timesteps, context))[1]

        return finished, _integrated(study, base.family, beside, second)
    return split(_integrated(study, base.family, model.model, join(first, second)))


@torch.no_grad()
def _integrated(study: Study, family: Family, velocity: Callable[..., Tensor], noise: Tensor) -> Tensor:
    context = study.contexts([opaque_prompt(one) for one in study.clear_scenes]).to(noise.device)
    context = context.repeat(study.budget.draws, 1, 1)

    def predicted(x: Tensor, timestep: float) -> Tensor:
        return velocity(x, x.new_full((len(x),), float(timestep)), context)

    return integrate(family, predicted, noise, study.budget.sampler_steps)


def _measured(study: Study, rgb: Tensor, alpha: Tensor, base: Tensor) -> Numbers:
    clips = [join_decoded(*pair, "max") for pair in zip(rgb, alpha)]
    return {
        "IoU with the subject": mean([subject_iou(clip[..., :3], clip[..., 3:]) for clip in clips]),
        "PSNR of alpha to its colour": mean([psnr(*pair) for pair in zip(rgb, alpha)]),
        "PSNR to the base": mean([min(psnr(one, made), MOST_PSNR) for one, made in zip(base, rgb)]),
        "diversity": _diversity(study, rgb),
    }


MOST_PSNR = 100.0
"""What is closer than that to the base model's colour is equal to it but for rounding."""


def _diversity(study: Study, rgb: Tensor) -> float:
    """Of the samples of one prompt, the mean over the prompts."""
    opaque = torch.cat([rgb, torch.ones_like(rgb[..., :1])], dim=-1)
    thumbnails = torch.stack([thumbnail(clip) for clip in opaque]).unflatten(0, (study.budget.draws, -1))
    return mean([diversity(of_one_prompt) for of_one_prompt in thumbnails.transpose(0, 1)])


def _loss(model: nn.Module, batch: Mapping[str, Tensor], draws: Draws) -> Mapping[str, Tensor]:
    return model(batch, draws)

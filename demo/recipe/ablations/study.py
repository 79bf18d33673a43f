"""What all variants share: base models out of the recipe's files, scenes to learn from and held-out ones to be asked.

Layout   clips (B, T, H, W, C), latents (B, 16, t, h, w), contexts (B, WORDS, TEXT_WIDTH), subjects (B, t, h, w).
Range    clips 0..1, straight; latents normalised.
Source   Our own.
Differs  Nothing to differ from. What is cached is on the CPU, models are on the device.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from pipelines.alpha.render import soft_render
from pipelines.ellipse.fit import fit
from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.media.whole_file import write_whole
from pipelines.metrics.plain_background import subject_iou
from pipelines.prompts.transparent import transparent_prompt
from pipelines.training.loop import Run
from pipelines.training.models.padded_text import count_padding
from pipelines.training.models.wan_models import load_dit, load_vae
from pipelines.training.models.whole_clip import decode, encode
from pipelines.wan_alpha.latent_stats import denormalise, normalise
from pipelines.weights.weights_file import read_weights

from ..base_dit import EMPTY
from ..cached import Shuffled, cached
from ..captions import description, opaque_caption, transparent_caption
from ..clips import Scene, draw, scene, wall
from ..shown import WHOLE, ShownRGBA
from ..stages.recipe import DIT, FRAMES, HELD_OUT_SEED, TEXT_ENCODER, TRAINING_SEED, VAE, Recipe
from ..text_encoder import TOKENIZER, TextEncoder, Tokenizer
from .runs import claimed

CHANNELS = 16
DECODED_TOGETHER = 8
MOST_ASKED = 2000
"""So many held-out scenes are looked at for those that are wanted."""
CLEAR = 0.9
"""A scene is clear when its own alpha has at least this IoU with the subject that is seen in its colour."""


@dataclass(frozen=True)
class Budget:
    """What a variant costs. clips to learn from; scenes asked for, each `draws` times with other noise; steps of the
    sampler; size of the clips, and of what the VAEs are shown."""

    steps: int = 400
    batch: int = 16
    vae_batch: int = 8
    clips: int = 320
    scenes: int = 8
    draws: int = 4
    sampler_steps: int = 20
    frames: int = FRAMES
    side: int = WHOLE
    vae_frames: int = 9
    vae_side: int = 48

    @property
    def samples(self) -> int:
        return self.scenes * self.draws

    @property
    def grid(self) -> tuple[int, int, int]:
        return to_latent_shape(self.frames, self.side, self.side)


SMALL = Budget(steps=200, batch=8, clips=160, frames=5, vae_frames=5, vae_side=32)
"""A few minutes for each variant on one core."""


@dataclass(frozen=True)
class Study:
    """A recipe's folder with its trained base models, and what the ablations make of them in `folder`."""

    recipe: Recipe
    budget: Budget = field(default_factory=Budget)

    @property
    def folder(self) -> Path:
        return self.recipe.folder / "ablations"

    @property
    def shared(self) -> Path:
        return self.folder / "shared"

    def keep_to_its_budget(self) -> None:
        """ValueError when the folder holds runs of another budget: a table of both would compare what cannot be."""
        path, said = self.folder / "budget.json", json.dumps(asdict(self.budget))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, said.encode())
        elif path.read_text(encoding="utf-8") != said:
            raise ValueError(
                f"{self.folder} holds runs of another budget, {path.read_text(encoding='utf-8')}; this one is {said}. "
                "Ask for that one again, or for another folder."
            )

    def run_folder(self, group: str, variant: str, seed: int) -> Path:
        return self.folder / group / variant / str(seed)

    @property
    def device(self) -> torch.device:
        return self.recipe.device

    @cached_property
    def words(self) -> Tokenizer:
        return Tokenizer(bytes(self._text_file[TOKENIZER].tolist()))

    @cached_property
    def _text_file(self) -> Mapping[str, Tensor]:
        return read_weights(self.recipe.file(TEXT_ENCODER))

    @cached_property
    def text(self) -> TextEncoder:
        """On the CPU."""
        weights = {f"umt5.{name}": one.float() for name, one in self._text_file.items() if name != TOKENIZER}
        model = TextEncoder(len(self.words)).requires_grad_(False).eval()
        model.load_state_dict(weights | {"umt5.encoder.embed_tokens.weight": weights["umt5.shared.weight"]})
        return model

    @torch.no_grad()
    def contexts(self, texts: list[str]) -> Tensor:
        return self.text(self.words(texts))

    @torch.no_grad()
    def no_context(self) -> Tensor:
        """That of no words at all."""
        ids = self.words([""]) * 0
        ids[:, 0] = EMPTY
        return self.text(ids)

    def dit(self) -> Any:
        """A copy of the base model, to be changed."""
        dit: Any = load_dit(self.recipe.file(DIT))
        count_padding(dit)
        return dit

    def stock_vae(self) -> Any:
        """A copy of the base VAE, to be changed."""
        return load_vae(self.recipe.file(VAE)).requires_grad_(False)

    @cached_property
    def vae(self) -> Any:
        return self.stock_vae().to(self.device)

    @torch.no_grad()
    def encode(self, clips: Tensor) -> Tensor:
        """(B, T, H, W, 3) to normalised latents, on the CPU."""
        parts = [
            encode(self.vae, rearrange(part.to(self.device), "b t h w c -> b c t h w") * 2 - 1, flat=True)[:, :CHANNELS]
            for part in clips.split(DECODED_TOGETHER)
        ]
        return normalise(torch.cat(parts)).cpu()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """(B, T, H, W, 3), on the device."""
        parts = [
            decode(self.vae, denormalise(part.to(self.device)), flat=True).clamp(-1, 1)
            for part in latents.split(DECODED_TOGETHER)
        ]
        return rearrange(torch.cat(parts), "b c t h w -> b t h w c") / 2 + 0.5

    def run(self, folder: Path, seed: int, batch: int, times: int = 1) -> Run:
        """A variant's, of several times the budget's steps."""
        return Run(
            folder, times * self.budget.steps, batch, seed=seed, checkpoint_every=250, keep=1, note_every=50,
            on_not_finite="skip",
        )  # fmt: skip

    def shared_rows(self, name: str, make: Callable[[range], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """`make` of the first scenes; computed by one process, read by the others."""
        folder = self.shared / name
        with claimed(folder, wait=True):
            return cached(folder, self.budget.clips, make)

    def shuffled(self, rows: Mapping[str, Tensor], seed: int) -> Shuffled:
        return Shuffled(rows, seed)

    def vae_clips(self) -> dict[str, Tensor]:
        """Parts of clips with alpha, -1..1, channels first."""
        shown = ShownRGBA(TRAINING_SEED, self.budget.vae_frames, self.budget.vae_side)

        def make(numbers: range) -> dict[str, Tensor]:
            drawn = [shown[number] for number in numbers]
            return {name: torch.stack([one[name] for one in drawn]) for name in ("rgb", "alpha")}

        return self.shared_rows("vae_clips", make)

    def transparent_rows(self) -> dict[str, Tensor]:
        """Ellipses and contexts of the scenes, for DoRAs."""

        def make(numbers: range) -> dict[str, Tensor]:
            scenes = [scene(TRAINING_SEED, number) for number in numbers]
            texts = [transparent_caption(one, TRAINING_SEED, number) for one, number in zip(scenes, numbers)]
            return {"subject": torch.stack([self.subject(one) for one in scenes]), "context": self.contexts(texts)}

        return self.shared_rows("transparent", make)

    def joint_rows(self) -> dict[str, Tensor]:
        """Latents of scenes in front of their walls and of their alphas, and contexts, for TransPixelers."""

        def make(numbers: range) -> dict[str, Tensor]:
            scenes = [scene(TRAINING_SEED, number) for number in numbers]
            texts = [opaque_caption(one, TRAINING_SEED, number) for one, number in zip(scenes, numbers)]
            clips = [self.before_its_wall(one) for one in scenes]
            latents = {
                "rgb": self.encode(torch.stack([rgb for rgb, _ in clips])),
                "alpha": self.encode(torch.stack([alpha.expand(-1, -1, -1, 3) for _, alpha in clips])),
            }
            return {**latents, "context": self.contexts(texts)}

        return self.shared_rows("joint", make)

    def drawn(self, one: Scene) -> tuple[Tensor, Tensor]:
        """Straight colour and alpha, on the device."""
        with self.device:
            return draw(one, self.budget.frames, self.budget.side, self.budget.side)

    def before_its_wall(self, one: Scene) -> tuple[Tensor, Tensor]:
        """An opaque clip, and the alpha of its subject."""
        rgb, alpha = self.drawn(one)
        with self.device:
            behind = wall(one, self.budget.side, self.budget.side)
        return soft_render(rgb, alpha, behind), alpha

    def subject(self, one: Scene) -> Tensor:
        return fit(self.drawn(one)[1][..., 0].cpu(), threshold=0.75, growth_steps=8).subject

    @cached_property
    def clear_scenes(self) -> list[Scene]:
        """Held-out scenes whose colour shows its subject clearly."""
        return self._held_out("clear", self._is_clear)

    @cached_property
    def solid_scenes(self) -> list[Scene]:
        """Held-out scenes of opaque shapes: a hole is a hole there."""
        return self._held_out("solid", lambda one: one.material == "solid")

    def _is_clear(self, one: Scene) -> bool:
        return subject_iou(*self.before_its_wall(one)) >= CLEAR

    def _held_out(self, name: str, wanted: Callable[[Scene], bool]) -> list[Scene]:
        """The first ones that are wanted. Raises ValueError where there are too few of them."""
        path = self.shared / name / "scenes.json"
        with claimed(path.parent, wait=True):
            if not path.is_file():
                numbers = (number for number in range(MOST_ASKED) if wanted(scene(HELD_OUT_SEED, number)))
                found = list(islice(numbers, self.budget.scenes))
                if len(found) < self.budget.scenes:
                    raise ValueError(
                        f"expected {self.budget.scenes} {name} scenes among {MOST_ASKED}, got {len(found)}."
                    )
                write_whole(path, json.dumps(found).encode())
        return [scene(HELD_OUT_SEED, number) for number in json.loads(path.read_text())]

    def noise(self, samples: int, salt: int = 0) -> Tensor:
        """The same for every variant, on the device."""
        generator = torch.Generator().manual_seed(salt)
        return torch.randn(samples, CHANNELS, *self.budget.grid, generator=generator).to(self.device)


def opaque_prompt(one: Scene) -> str:
    return f"{description(one)[:-1]} in front of a {one.wall} wall."


def clear_prompt(one: Scene) -> str:
    return transparent_prompt(description(one), shot="none", style="none")


def adamw(rate: float) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.99), weight_decay=0.0)


def mean(values: list[float]) -> float:
    """Over the numbers that there are, NaN where there are none."""
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")

"""Where the demo models are trained and how, the files of the outcome, and the results of stages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from einops import rearrange
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipelines.latent_grid.size_rule import to_latent_shape
from pipelines.media.whole_file import write_whole
from pipelines.training.loop import Run
from pipelines.training.models.captured import capture

from ..base_vae import CHANNELS
from ..shown import WHOLE

TRAINING_SEED = 1
HELD_OUT_SEED = 2
FRAMES = 17
RESULT = "result.safetensors"
MODELS = "models"

VAE = "vae/rgba_demo_wan_2.1_vae.safetensors"
RGBA_VAE = "vae/rgba_demo_Wan-Alpha-VAE.safetensors"
DIT = "diffusion_models/rgba_demo_wan2.1_t2v.safetensors"
TEXT_ENCODER = "text_encoders/rgba_demo_umt5.safetensors"
DORA = "loras/rgba_demo_t2v.safetensors"
TRANSPIXELER = "loras/rgba_demo_wan_rgba_lora.safetensors"


@dataclass(frozen=True)
class Recipe:
    """Where it trains and how, on a GPU if there is one.

    On processors with bf16, `precision` "bf16" and `compiled` diffusion models are faster; compiling needs a C++
    compiler. `steps`, `clips` and `batch` hold, by stage name, the numbers that differ from the recipe's. `workers`
    processes draw clips while a GPU trains.
    """

    folder: Path
    precision: Literal["no", "bf16"] = "no"
    steps: Mapping[str, int] = field(default_factory=dict)
    clips: Mapping[str, int] = field(default_factory=dict)
    batch: Mapping[str, int] = field(default_factory=dict)
    workers: int = 0
    compiled: bool = False

    @property
    def device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def file(self, name: str) -> Path:
        return self.folder / MODELS / name

    def capture(self, model: nn.Module, method: str, *examples: Tensor) -> None:
        """On a GPU, make the method one graph for the examples' shapes: models of this size wait for its launches."""
        if self.device.type == "cuda":
            model.to(self.device)
            on_device = (one.to(self.device).detach().requires_grad_(one.requires_grad) for one in examples)
            half = self.precision != "no"
            with torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
                capture(model, method, *on_device)

    def compile(self, dit: Any) -> None:
        """On a processor, and if `compiled` is set, compile the blocks of a diffusion model."""
        if self.compiled and self.device.type == "cpu":
            torch.backends.cuda.enable_flash_sdp(False)  # a processor's too, whose gradient is slow in bf16
            for block in dit.blocks:
                block.compile(dynamic=False)

    def plan_run(self, name: str, steps: int, batch: int, average: float, sample_every: int = 0) -> Run:
        """How a stage trains that learns from cached latents."""
        return Run(
            self.folder / name, self.steps.get(name, steps), batch=self.batch.get(name, batch), seed=TRAINING_SEED,
            average=average, checkpoint_every=100, note_every=20, sample_every=sample_every, on_not_finite="skip",
            precision=self.precision,
        )  # fmt: skip

    def plan_vae_run(self, name: str, steps: int, batch: int) -> Run:
        """How a stage trains that draws its clips as it goes."""
        run = self.plan_run(name, steps, batch, average=0.998, sample_every=500)
        return replace(run, clip=0.5, workers=self.workers)

    def publish(self, name: str, weights: Mapping[str, Tensor], config: object = None) -> None:
        """Write a model file; fractions are in half precision."""
        path = self.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        halves = {
            key: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
            for key, tensor in weights.items()
        }
        write_whole(path, save(halves, {"config": json.dumps(config)} if config else None))


def read_result(folder: Path) -> dict[str, Tensor] | None:
    """The weights of a stage that is finished, or None."""
    path = folder / RESULT
    return load_file(path) if path.is_file() else None


def write_result(folder: Path, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Finish a stage: keep its weights, on the CPU, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: tensor.cpu().contiguous().clone() for name, tensor in weights.items()}  # some are tied
    write_whole(folder / RESULT, save(kept))
    return kept


def warm_then_cosine(steps: int) -> Callable[[int], float]:
    """Up to 1 over a tenth of the steps, 200 at most, then down along half a cosine to a fiftieth."""
    warm = min(200, max(1, steps // 10))

    def rate(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return rate


def make_example(batch: int, frames: int, domains: int = 1) -> tuple[Tensor, Tensor]:
    """A latent of whole clips and its timesteps, all zeros: the shapes that a diffusion model is captured for."""
    t, *cells = to_latent_shape(frames, WHOLE, WHOLE)
    return torch.zeros(batch, CHANNELS, domains * t, *cells), torch.zeros(batch)


def find_device(model: nn.Module) -> torch.device:
    """The device of a model's first parameter."""
    return next(model.parameters()).device


def to_picture(clip: Tensor) -> Tensor:
    """(C, T, H, W) in -1..1 to (T, H, W, C) in 0..1."""
    return rearrange(clip, "c t h w -> t h w c").float() / 2 + 0.5

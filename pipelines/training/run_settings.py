"""What every training command can be told about its run, and the run that comes of it."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from .data.clip_list import Complain, stop
from .draws import Draws
from .loop import Run
from .published_file import write_published

OrNot = Literal["stop", "skip"]
Precision = Literal["no", "fp16", "bf16"]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    run: Annotated[Path, "folder of checkpoints, logs and sample clips"]
    out: Annotated[Path, "file of the trained weights, .safetensors or .bin"]
    out_dtype: Annotated[Literal["float32", "bfloat16", "float16"], "numbers in that file"] = "float32"
    steps: Annotated[int, "optimiser steps"]
    rate: Annotated[float, "learning rate of AdamW"] = 1e-4
    decay: Annotated[float, "weight decay of AdamW"] = 0.01
    warm_up: Annotated[int, "steps until the whole rate"] = 5
    falling: Annotated[Literal["constant", "cosine"], "the rate after that"] = "constant"
    batch: Annotated[int, "clips for each device and forward pass"] = 1
    accumulate: Annotated[int, "forward passes to a step"] = 1
    seed: Annotated[int, "of clips, noise and first weights"] = 0
    precision: Annotated[Precision, "mixed precision"] = "no"
    clip: Annotated[float, "largest norm of the gradient, 0 for any"] = 1.0
    average: Annotated[float, "decay of the weights' moving average, 0 for none"] = 0.0
    checkpoint_every: Annotated[int, "steps"] = 250
    keep: Annotated[int, "checkpoints"] = 2
    note_every: Annotated[int, "steps between two rows of the log"] = 10
    sample_every: Annotated[int, "steps between two sample clips, 0 for none"] = 0
    workers: Annotated[int, "processes that read clips"] = 0
    resume: Annotated[bool, "go on from the last checkpoint"] = True
    not_finite: Annotated[OrNot, "on a loss that is NaN or infinite"] = "stop"
    full_disk: Annotated[OrNot, "when a checkpoint finds no room"] = "stop"

    def as_run(self) -> Run:
        return Run(
            folder=self.run,
            steps=self.steps,
            batch=self.batch,
            accumulate=self.accumulate,
            seed=self.seed,
            precision=self.precision,
            clip=self.clip,
            average=self.average,
            checkpoint_every=self.checkpoint_every,
            keep=self.keep,
            note_every=self.note_every,
            sample_every=self.sample_every,
            workers=self.workers,
            resume=self.resume,
            on_not_finite=self.not_finite,
            on_full_disk=self.full_disk,
        )

    @property
    def samples_per_step(self) -> int:
        """Over all processes, which their launcher counts: the same for two of them as for one with twice the batch."""
        return self.batch * self.accumulate * int(os.environ.get("WORLD_SIZE", "1"))

    def write(self, weights: Mapping[str, Tensor]) -> None:
        """The result; the first process does it for all."""
        from accelerate import PartialState

        if PartialState().is_main_process:
            write_published(self.out, weights, self.out_dtype)
            sys.stderr.write(f"{self.out} is written; its log and samples are in {self.run}\n")

    def adamw(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=self.rate, weight_decay=self.decay)

    def rate_at(self, step: int) -> float:
        """Factor of the learning rate: up along a line, then constant or down along half a cosine."""
        if step < self.warm_up:
            return (step + 1) / (self.warm_up + 1)
        if self.falling == "constant":
            return 1.0
        through = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return 0.5 + 0.5 * math.cos(math.pi * min(through, 1.0))


def loss(model: nn.Module, batch: Any, draws: Draws) -> dict[str, Tensor]:
    """What all the models here are trained by: they compute their own losses."""
    return model(batch, draws)


def complain(on_broken: OrNot) -> Complain:
    """What to do about a clip that cannot be used: raise ValueError, or name it and go on."""
    return stop if on_broken == "stop" else _name_it


def _name_it(complaint: str) -> None:
    sys.stderr.write(f"skipped: {complaint}\n")

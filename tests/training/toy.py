"""A run of a second: a small network learns a noisy function of the sample's number."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from pipelines.training.loop import Run


class Toy(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.drop, self.last = nn.Linear(4, width), nn.Dropout(0.0), nn.Linear(width, 1)

    def forward(self, x):
        return self.last(self.drop(self.first(x).tanh()))


class Numbers:
    """Sample n is a function of n; numbers in `broken` are not finite."""

    def __init__(self, broken=()):
        self.broken = broken

    def __getitem__(self, number):
        x = torch.randn(4, generator=torch.Generator().manual_seed(number))
        return x * float("nan") if number in self.broken else x


def toy_loss(model, broken=()):
    """The first three arguments of `train`."""

    def loss(model, batch, draws):
        noisy = batch + 0.1 * draws.normal(4)
        error = model(noisy) - batch.sum(1, keepdim=True)
        return {"loss": error.square().mean(), "absolute": error.detach().abs().mean()}

    return model, loss, Numbers(broken)


def small_run(folder, changes=None, **settings):
    """The rest of them."""
    run = Run(folder, **{"steps": 8, "checkpoint_every": 3, "note_every": 2, "seed": 5, **settings})
    return {
        "run": replace(run, **(changes or {})),
        "optimizer": lambda parameters: torch.optim.AdamW(parameters, lr=0.05),
        "rate": lambda step: 0.97**step,
    }

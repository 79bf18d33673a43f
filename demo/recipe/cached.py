"""Tensors that are computed once, in parts: stopped and started again, only what is missing is computed.

Layout   FOLDER/00000.safetensors, one file for each `PART` samples, every tensor with the samples first.
Source   Our own.
Differs  Nothing to differ from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from pipelines.media.whole_file import write_whole
from pipelines.training.draws import mix

PART = 50


def cached(folder: Path, count: int, make: Callable[[range], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """`make` of the samples 0 .. count - 1, from the folder where it has them."""
    from safetensors.torch import load_file, save
    from tqdm import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, Tensor]] = []
    for first in tqdm(range(0, count, PART), desc=folder.name, file=sys.stderr):
        path = folder / f"{first:05d}.safetensors"
        if not path.is_file():
            made = make(range(first, min(first + PART, count)))
            write_whole(path, save({name: tensor.contiguous() for name, tensor in made.items()}))
        parts.append(load_file(path))
    return {name: torch.cat([part[name] for part in parts])[:count] for name in parts[0]}


@dataclass(frozen=True)
class Shuffled:
    """Endless samples out of cached ones: every pass in an order of its own."""

    tensors: Mapping[str, Tensor]
    seed: int

    def __getitem__(self, number: int) -> int:
        """The row that sample `number` is."""
        count = len(next(iter(self.tensors.values())))
        turn, place = divmod(number, count)
        return _order(self.seed, turn, count)[place]

    def together(self, rows: list[int]) -> dict[str, Tensor]:
        """A batch of rows, taken out of each tensor at once."""
        return {name: tensor[rows] for name, tensor in self.tensors.items()}


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, count: int) -> list[int]:
    return torch.randperm(count, generator=torch.Generator().manual_seed(mix(seed, turn))).tolist()

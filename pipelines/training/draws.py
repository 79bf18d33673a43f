"""Random numbers that belong to a sample, not to the moment when it is computed.

Layout   one generator for each sample of a batch; a draw has the batch first: (B, ...).
Range    normal: mean 0, variance 1; uniform: 0 up to but not 1; choice: 0 up to but not `count`.
Source   Our own.
Differs  The papers' trainers draw from one running generator for each process, so how a batch is cut and where a run
         was stopped changes their numbers. Here sample n of seed s draws the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class Draws:
    """The generators of the samples `numbers` under `seed`; drawn on the CPU, given on `device`."""

    def __init__(self, seed: int, numbers: Sequence[int], device: torch.device | str = "cpu") -> None:
        self.numbers = tuple(numbers)
        self.device = device
        self._generators = [torch.Generator().manual_seed(mix(seed, number)) for number in numbers]

    def normal(self, *shape: int) -> Tensor:
        """(B, *shape), float32."""
        return self._each(lambda generator: torch.randn(shape, generator=generator))

    def uniform(self, *shape: int) -> Tensor:
        """(B, *shape), float32."""
        return self._each(lambda generator: torch.rand(shape, generator=generator))

    def choice(self, count: int, *shape: int) -> Tensor:
        """(B, *shape), int64."""
        return self._each(lambda generator: torch.randint(count, shape, generator=generator))

    def _each(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        return torch.stack([draw(generator) for generator in self._generators]).to(self.device)


def mix(*numbers: int) -> int:
    """One seed of 63 bits out of several whole numbers, every bit of it moved by each of them (splitmix64's steps)."""
    mixed = 0
    for number in numbers:
        mixed = (mixed + 0x9E3779B97F4A7C15 + number) & _WORD
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _WORD
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _WORD
        mixed ^= mixed >> 31
    return mixed >> 1


_WORD = (1 << 64) - 1

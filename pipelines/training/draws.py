"""Random numbers that belong to a sample, not to the moment when it is computed.

    bits of sample n, place i = stirred(key of n + i * GOLDEN),    normal = sqrt(-2 log u) cos(2 pi v)

Layout   one row of numbers for each sample of a batch; a draw has the batch first: (B, ...).
Range    normal: mean 0, variance 1, at most 5.8; uniform: 0 up to but not 1; choice: 0 up to but not `count`.
Source   SplitMix64, Steele and others, "Fast splittable pseudorandom number generators", OOPSLA 2014; Box and Muller.
Differs  The papers' trainers draw from one running generator for each process, so how a batch is cut and where a run
         was stopped changes their numbers. Here sample n of seed s draws the same in every run, computed where the
         batch is; two kinds of device agree to the rounding of their logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """The numbers of the samples `numbers` under `seed`, one draw after the other, on `device`."""

    def __init__(self, seed: int, numbers: Sequence[int], device: torch.device | str = "cpu") -> None:
        self.numbers = tuple(numbers)
        self._keys = torch.tensor([mix(seed, number) for number in numbers]).to(device)[:, None]
        self._drawn = 0

    def normal(self, *shape: int) -> Tensor:
        """(B, *shape), float32."""
        bits = self._bits(math.prod(shape))
        u, v = (_top(bits) + 1) / _LEVELS, _top(bits << _FRACTION) / _LEVELS
        return self._shaped(torch.sqrt(-2 * torch.log(u)) * torch.cos(2 * math.pi * v), shape)

    def uniform(self, *shape: int) -> Tensor:
        """(B, *shape), float32; (B,) without a shape."""
        return self._shaped(_top(self._bits(math.prod(shape))) / _LEVELS, shape)

    def choice(self, count: int, *shape: int) -> Tensor:
        """(B, *shape), int64."""
        return self._shaped((_shifted(self._bits(math.prod(shape)), 32) * count) >> 32, shape)

    def _bits(self, count: int) -> Tensor:
        """(B, count) words of 64 bits that no draw before has had."""
        places = torch.arange(self._drawn + 1, self._drawn + count + 1, device=self._keys.device)
        self._drawn += count
        return _stirred(self._keys + places * _signed(_GOLDEN))

    @staticmethod
    def _shaped(row: Tensor, shape: Sequence[int]) -> Tensor:
        return row.reshape(len(row), *shape)


def mix(*numbers: int) -> int:
    """One seed of 63 bits out of several whole numbers, every bit of it moved by each of them (SplitMix64's steps)."""
    mixed = 0
    for number in numbers:
        mixed = (mixed + _GOLDEN + number) & _WORD
        for shift, factor in _STEPS:
            mixed = ((mixed ^ mixed >> shift) * factor) & _WORD
        mixed ^= mixed >> _LAST
    return mixed >> 1


def _stirred(words: Tensor) -> Tensor:
    """The same steps on words that are signed; products wrap."""
    for shift, factor in _STEPS:
        words = (words ^ _shifted(words, shift)) * _signed(factor)
    return words ^ _shifted(words, _LAST)


def _shifted(words: Tensor, by: int) -> Tensor:
    """To the right, zeros coming in."""
    return (words >> by) & ((1 << 64 - by) - 1)


def _top(words: Tensor) -> Tensor:
    """The first bits as a whole number below `_LEVELS`, float32."""
    return _shifted(words, 64 - _FRACTION).float()


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST = 31
_FRACTION = 24
"""Bits of a number in float32."""
_LEVELS = 2.0**_FRACTION

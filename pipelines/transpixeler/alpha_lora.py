"""A LoRA that acts on the alpha rows alone, and is computed for them alone.

Layout   x and the layer's output (B, rows, features), the alpha rows being the last `tokens` ones: text comes before
         the video in CogVideoX and beside it in Mochi and Wan. A fused layer (Mochi's q, k and v) has one `up` for each
         part of its output.
Range    factor is strength / rank, and scales what is between down and up: half precision has room for no more there.
Source   TransPixeler, arXiv:2501.03006, section 3.2, equation 6.
Differs  The release computes the LoRA for all rows and throws away what is not alpha, which is the same. The paper
         names q, k and v; the release has the output projection too, and so do we.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

Linear = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class AlphaLoRALayer:
    """down (parts * rank, in); ups, each (out of that part, rank). `everywhere`: on RGB rows as well."""

    down: Tensor
    ups: tuple[Tensor, ...]
    everywhere: bool = False

    @property
    def rank(self) -> int:
        return self.ups[0].shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weight that this goes with."""
        return sum(up.shape[0] for up in self.ups), self.down.shape[1]


def add_low_rank_(output: Tensor, x: Tensor, rows: int, down: Linear, ups: Sequence[Linear], factor: float) -> Tensor:
    """output, with up(factor * down(x)) added in place to its last rows; the other rows keep every bit.

    The parts of a fused layer are added one after the other, each where its outputs are.
    """
    mixed = factor * down(x[:, -rows:])
    start = 0
    for up, part in zip(ups, mixed.chunk(len(ups), dim=-1)):
        change = up(part)
        output[:, -rows:, start : start + change.shape[-1]].add_(change)
        start += change.shape[-1]
    return output


def add_to_last_rows_(output: Tensor, x: Tensor, rows: int, change: Linear, factor: float) -> Tensor:
    """output, with factor * change(x) added in place to its last rows; the other rows keep every bit."""
    output[:, -rows:].add_(change(x[:, -rows:]), alpha=factor)
    return output

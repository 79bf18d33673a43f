"""Low-rank change of a weight: delta = scale * up @ down, for linear layers and convolutions alike.

Layout   up (out, r) or (out, r, 1, ...); down (r, in) or (r, in, *kernel); weight (out, in) or (out, in, *kernel).
Range    scale is alpha / rank where the file says so, 1 / rank in Wan-Alpha's decoder LoRAs, else 1.
Source   LoRA, arXiv:2106.09685, section 4.1; a convolution is contracted over the rank for each kernel tap.
Differs  The reference multiplies up and down in the file's dtype; we multiply in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..weights.key_dialects import Part


@dataclass(frozen=True, eq=False)
class LowRank:
    """Two thin matrices, as stored in the file, and the number that their product is multiplied by."""

    up: Tensor
    down: Tensor
    scale: float = 1.0

    @property
    def rank(self) -> int:
        return self.down.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight that this changes."""
        return (self.up.shape[0], *self.down.shape[1:])


def low_rank_from_parts(target: str, parts: Mapping[Part, Tensor]) -> LowRank:
    """up and down of one layer, with scale alpha / rank if the file has an alpha, else 1. Raises ValueError, naming the
    layer, if one is missing or their ranks differ."""
    if "up" not in parts or "down" not in parts:
        lacking = " and ".join(part for part in ("up", "down") if part not in parts)
        raise ValueError(f"{target}: expected an up and a down matrix, {lacking} is missing. The file is incomplete.")
    up, down = parts["up"], parts["down"]
    if up.ndim < 2 or up.ndim != down.ndim or up.shape[1] != down.shape[0] or up.shape[2:].numel() != 1:
        raise ValueError(
            f"{target}: expected up [out, r] and down [r, in] (convolutions: up [out, r, 1, ...], down [r, in, ...]),"
            f" got {list(up.shape)} and {list(down.shape)}."
        )
    scale = parts["alpha"].item() / down.shape[0] if "alpha" in parts else 1.0
    return LowRank(up, down, scale)


def add_product_(output: Tensor, x: Tensor, matrix: Tensor, factor: float = 1.0) -> None:
    """output (..., out) += factor * x (..., in) @ matrix (out, in).T, in place and rounded once.

    No second tensor of the output's size is made where its rows lie at one distance, as in a contiguous one or a slice
    of its columns.
    """
    try:
        rows = output.view(-1, output.shape[-1])
    except RuntimeError:  # so torch says that no view has this shape
        output.add_(x @ matrix.T, alpha=factor)
    else:
        rows.addmm_(x.reshape(-1, x.shape[-1]), matrix.T, alpha=factor)


def add_low_rank(weight: Tensor, pair: LowRank, strength: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    """weight + strength * delta, computed and returned in `dtype` on the weight's device.

    Raises ValueError when the pair was made for another shape.
    """
    if tuple(weight.shape) != pair.shape:
        raise ValueError(f"this LoRA layer was made for a weight of {list(pair.shape)}, got {list(weight.shape)}.")
    up, down = (matrix.to(weight.device, dtype).flatten(1) for matrix in (pair.up, pair.down))
    return torch.addmm(weight.to(dtype).flatten(1), up, down, alpha=strength * pair.scale).reshape(pair.shape)

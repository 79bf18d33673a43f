"""A LoRA on every convolution of a decoder, as part of the weight: W + (1 / r) up down, one convolution and not three.

Layout   weight (out, in, *kernel); down (r, in, *kernel); up (out, r).
Keys     `published_keys` gives `LAYER[.conv3D].lora_{A,B}.default.weight`, with `.conv3D` for causal convolutions,
         where Wan-Alpha's trainer has the plain convolution inside of a padding.
Source   LoRA, arXiv:2106.09685; peft's Conv2d and Conv3d with lora_alpha = 1, which starts down and up like this.
Differs  peft adds the output of two more convolutions, which cannot see the causal padding of diffusers' layers. The
         sum of the weights is the same function, and cheaper: r is larger than the VAE's finest levels are wide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

_INSIDE = re.compile(r"(?P<layer>.+)\.parametrizations\.weight\.0\.(?P<part>up|down)")


class LowRankChange(nn.Module):
    """weight to weight + (1 / r) up down; up starts at 0."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.empty(rank, *weight.shape[1:]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        change = self.up @ self.down.flatten(1) / self.down.shape[0]
        return weight + change.reshape(weight.shape)


def change_convolutions(decoder: nn.Module, rank: int, one_frame: tuple[str, ...] = ()) -> None:
    """Give every Conv2d and Conv3d of the decoder a LowRankChange, in place.

    Layers whose names begin with one of `one_frame` stay blind to earlier frames, as their weights are.
    """
    for name, layer in list(decoder.named_modules()):
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            change = LowRankChange(layer.weight, rank)
            if one_frame and name.startswith(one_frame) and layer.weight.ndim == 5:
                change.down.data[:, :, :-1] = 0
            parametrize.register_parametrization(layer, "weight", change)


def published_keys(trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of the changes, by name, as peft's pairs. Raises ValueError for any other name."""
    pairs: dict[str, Tensor] = {}
    for name, tensor in trained.items():
        match = _INSIDE.fullmatch(name)
        if match is None:
            raise ValueError(f"expected the LoRA of a decoder's convolution, got {name}.")
        down = trained[f"{name.removesuffix(match['part'])}down"]
        axes = down.ndim - 2
        layer = match["layer"] + (".conv3D" if axes == 3 else "")
        if match["part"] == "down":
            pairs[f"{layer}.lora_A.default.weight"] = tensor
        else:
            pairs[f"{layer}.lora_B.default.weight"] = tensor.reshape(*tensor.shape, *[1] * axes)
    return pairs

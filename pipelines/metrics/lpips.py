"""LPIPS: the distance of two pictures in the features of a network that recognises things.

Layout   (T, H, W, 3), at least 32 x 32.
Range    0..1; the result 0 for equal clips, about 1 at most.
Source   R. Zhang and others, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018,
         version 0.1. Weights: torchvision's AlexNet or VGG-16 and the authors' alex.pth or vgg.pth, looked up
         (`weights`), never shipped.
Differs  Wan-Alpha does not say which network it uses. The authors recommend AlexNet for measuring; so do we.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .fidelity import same_shape

SMALLEST = 32
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
NO_ZERO = 1e-10


@dataclass(frozen=True)
class Conv:
    """A convolution with ReLU behind it: its number among torchvision's `features`, how it steps."""

    number: int
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Network:
    """Stages of convolutions, whose last output of each is looked at; maxima of `pool` pixels, if any, before each."""

    name: str
    pool: int
    stages: tuple[tuple[Conv, ...], ...]
    pooled: tuple[bool, ...]


ALEXNET = Network(
    name="AlexNet",
    pool=3,
    stages=((Conv(0, 4, 2),), (Conv(3, 1, 2),), (Conv(6),), (Conv(8),), (Conv(10),)),
    pooled=(False, True, True, False, False),
)
VGG16 = Network(
    name="VGG-16",
    pool=2,
    stages=(
        (Conv(0), Conv(2)),
        (Conv(5), Conv(7)),
        (Conv(10), Conv(12), Conv(14)),
        (Conv(17), Conv(19), Conv(21)),
        (Conv(24), Conv(26), Conv(28)),
    ),
    pooled=(False, True, True, True, True),
)


@dataclass(frozen=True, eq=False)
class Lpips:
    """A network, its weights under torchvision's names, and the authors' weights of the stages, (1, C, 1, 1) each."""

    network: Network
    weights: Mapping[str, Tensor]
    stage_weights: tuple[Tensor, ...]

    def __call__(self, true: Tensor, made: Tensor) -> float:
        """The distance, mean over frames. Raises ValueError for unequal shapes and frames too small."""
        same_shape(true, made)
        height, width = true.shape[-3:-1]
        if min(height, width) < SMALLEST:
            raise ValueError(f"LPIPS wants frames of at least {SMALLEST} x {SMALLEST}, got {width} x {height}.")
        frames = zip(*(rearrange(clip, "... h w c -> (...) h w c") for clip in (true, made)))
        with torch.no_grad():
            return torch.stack([self._of_frame(one, other) for one, other in frames]).mean().item()

    def _of_frame(self, true: Tensor, made: Tensor) -> Tensor:
        """Squared distance of the unit-length features at each place, weighted, mean over places, sum over stages."""
        stages = self._stages(rearrange(torch.stack((true, made)), "pair h w c -> pair c h w"))
        total = true.new_zeros(())
        for features, weight in zip(stages, self.stage_weights, strict=True):
            one, other = features / (features.square().sum(1, keepdim=True).sqrt() + NO_ZERO)
            total = total + ((one - other).square() * weight[0].to(true)).sum(0).mean()
        return total

    def _stages(self, pictures: Tensor) -> list[Tensor]:
        shift, scale = (rearrange(pictures.new_tensor(each), "c -> c 1 1") for each in (SHIFT, SCALE))
        x = (pictures * 2 - 1 - shift) / scale
        seen = []
        for convolutions, pooled in zip(self.network.stages, self.network.pooled, strict=True):
            if pooled:
                x = F.max_pool2d(x, self.network.pool, stride=2)
            for conv in convolutions:
                weight, bias = (self.weights[f"features.{conv.number}.{part}"].to(x) for part in ("weight", "bias"))
                x = F.relu(F.conv2d(x, weight, bias, stride=conv.stride, padding=conv.padding))
            seen.append(x)
        return seen


def read_lpips(network: Network, weights: Mapping[str, Tensor], stage_weights: Mapping[str, Tensor]) -> Lpips:
    """From torchvision's weights and the authors' (`lin0.model.1.weight` and so on).

    Raises ValueError naming what is missing or of another shape.
    """
    channels = []
    for stage in network.stages:
        for conv in stage:
            for part in ("weight", "bias"):
                if f"features.{conv.number}.{part}" not in weights:
                    raise ValueError(f"expected {network.name}, got weights without features.{conv.number}.{part}.")
        channels.append(weights[f"features.{stage[-1].number}.weight"].shape[0])
    found = []
    for k, count in enumerate(channels):
        name = f"lin{k}.model.1.weight"
        if name not in stage_weights or stage_weights[name].shape != (1, count, 1, 1):
            raise ValueError(f"expected LPIPS weights of {network.name}: {name} of (1, {count}, 1, 1), got none such.")
        found.append(stage_weights[name])
    return Lpips(network, dict(weights), tuple(found))

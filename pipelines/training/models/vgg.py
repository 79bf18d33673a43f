"""Perceptual distance: how far apart two pictures are for the first layers of VGG16.

Layout   pictures (N, 3, H, W); a scalar.
Range    -1..1.
Source   J. Johnson et al., arXiv:1603.08155; K. Simonyan, A. Zisserman, arXiv:1409.1556; `vgg_loss.py` of Wan-Alpha's
         VAE training: up to relu2_2, mean squared difference, colours 0..1 without ImageNet's mean and spread.
Differs  The weights are read from a file of torchvision's names and never downloaded.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...weights.weights_file import named, read_weights

FILE = "vgg16-397923af.pth"
"""torchvision's VGG16, as torch.hub's cache has it."""

_CHANNELS = ((3, 64), (64, 64), (64, 128), (128, 128))
_POOL_AFTER = 1


class VGGDistance(nn.Module):
    """Mean squared difference of the features; frozen."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(_CHANNELS):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
            if index == _POOL_AFTER:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers).requires_grad_(False)

    def forward(self, pictures: Tensor, others: Tensor) -> Tensor:
        both = (self.features((stack + 1) / 2) for stack in (pictures, others))
        return functional.mse_loss(*both)


def find_vgg() -> Path | None:
    """Where torch.hub keeps the weights, or None if it has none."""
    path = Path(torch.hub.get_dir(), "checkpoints", FILE)
    return path if path.is_file() else None


def load_vgg(path: Path) -> VGGDistance:
    """Raises ValueError, naming the file, if it is no VGG16."""
    weights = read_weights(path)
    distance = VGGDistance().eval()
    wanted = distance.state_dict()
    with named(path):
        unfit = [name for name in wanted if name not in weights or weights[name].shape != wanted[name].shape]
        if unfit:
            raise ValueError(f"expected torchvision's VGG16, {', '.join(unfit[:3])} is missing or of another shape.")
        distance.load_state_dict({name: weights[name] for name in wanted})
    return distance

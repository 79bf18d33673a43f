"""The control image of SD 1.5's two-layer files, as a map for each size that the UNet's attention works in.

Layout   picture (1, 3, H, W) to maps (1, 256, h, w) of an eighth, a sixteenth and so on of its size.
Range    picture -1..1, composited over mid-grey.
Source   lllyasviel/sd-forge-layerdiffuse, AdditionalAttentionCondsEncoder.
Differs  Nothing. Maps are told apart by their number of places, as there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

HALVINGS = {0: (4, 8, 12), 1: (0,), 2: (0,), 3: (0,)}
"""The convolutions of each stage, by their number in the file, that halve the map."""


class ControlEncoder(nn.Module):
    """widths: (in, out) of the convolutions of each stage. SiLU after each. Key names are the file's."""

    def __init__(self, widths: Mapping[int, list[tuple[int, int]]], operations: Any = nn) -> None:
        super().__init__()
        for stage, convolutions in widths.items():
            layers: list[nn.Module] = []
            for inner, out in convolutions:
                stride = 2 if len(layers) in HALVINGS[stage] else 1
                layers += [operations.Conv2d(inner, out, 3, stride=stride, padding=1), nn.SiLU()]
            self.add_module(f"blocks_{stage}", nn.Sequential(*layers))

    def forward(self, picture: Tensor) -> dict[int, Tensor]:
        """{places: map}."""
        maps, x = {}, picture
        for stage in self.children():
            x = stage(x)
            maps[x.shape[2] * x.shape[3]] = x
        return maps


def control_widths(state: Mapping[str, Tensor]) -> dict[int, list[tuple[int, int]]]:
    """What ControlEncoder takes, from the state dict."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for name, tensor in state.items():
        if match := re.fullmatch(r"blocks_([0-3])\.(\d+)\.weight", name):
            found[int(match[1]), int(match[2])] = (tensor.shape[1], tensor.shape[0])
    return {stage: [found[key] for key in sorted(found) if key[0] == stage] for stage in HALVINGS}

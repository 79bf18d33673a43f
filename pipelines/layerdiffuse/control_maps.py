"""The control image of SD 1.5's two-layer files, as a map for each size that the UNet's attention works in.

Layout   picture (B, 3, H, W) to maps (B, 256, h, w) of an eighth, a sixteenth and so on of its size.
Range    picture -1..1, composited over mid-grey.
Source   lllyasviel/sd-forge-layerdiffuse, AdditionalAttentionCondsEncoder.
Differs  Nothing. Maps are told apart by their number of places, as there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..weights.fit import built

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


def build_control_encoder(state: Mapping[str, Tensor], operations: Any = nn) -> ControlEncoder:
    """With the widths and weights of an encoder's state dict, names without `kwargs_encoder.`."""
    widths: dict[int, list[tuple[int, int]]] = {stage: [] for stage in HALVINGS}
    keys = (match for name in state if (match := re.fullmatch(r"blocks_([0-3])\.(\d+)\.weight", name)))
    for stage, _, key in sorted((int(key[1]), int(key[2]), key[0]) for key in keys):
        widths[stage].append((state[key].shape[1], state[key].shape[0]))
    return built("control encoder", state, lambda layers: ControlEncoder(widths, layers), operations)

"""DoRA merged into the weights: a weight adapter of the host, with the norm of the adapted weight.

The host calls it with the dequantised weight wherever it applies LoRAs (at load, or layer by layer while offloaded),
so offloading, fp8 and unloading work as for any LoRA.

Differs  The host's own DoRA divides by the norm of the weight that is not adapted (see pipelines/lora/dora.py).
"""

from __future__ import annotations

from typing import Any

import torch
from comfy.weight_adapter.base import WeightAdapterBase
from torch import Tensor

from ...lora.dora import DoRALayer, dora_weight, row_scale
from ...lora.low_rank import LowRank


class DoRAAdapter(WeightAdapterBase):
    """One layer's DoRA. `weights` is a tuple, as the host copies its tensors to pinned memory and back:
    (up, down, magnitude, scale, ratio, target, row scales by target)."""

    name = "rgba_video_dora"
    weights: tuple[Any, ...]

    def __init__(self, loaded_keys: set[str], weights: tuple[Any, ...]) -> None:
        self.loaded_keys = loaded_keys
        self.weights = weights  # pyright: ignore[reportIncompatibleVariableOverride]  a list, says the base, and has tuples

    @classmethod
    def of(cls, layer: DoRALayer, ratio: float, target: str, scales: dict[str, Tensor]) -> DoRAAdapter:
        low_rank = layer.low_rank
        return cls(set(), (low_rank.up, low_rank.down, layer.magnitude, low_rank.scale, ratio, target, scales))

    def calculate_weight(
        self,
        weight: Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: Any,
        function: Any,
        intermediate_dtype: torch.dtype = torch.float32,
        original_weight: Any = None,
    ) -> Tensor:
        up, down, magnitude, scale, ratio, target, scales = self.weights
        layer = DoRALayer(LowRank(up, down, scale), magnitude)
        if target not in scales:
            scales[target] = row_scale(weight, layer, ratio).cpu()
        return function(dora_weight(weight, layer, ratio, scales[target]).to(weight.dtype))

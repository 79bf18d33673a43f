"""Linear layers that keep bytes in blocks and dequantise in their own forward, as GGUF loaders have them."""

import json
from collections.abc import Callable
from typing import Any

import comfy.lora
import comfy.model_patcher
import comfy.ops
import comfy.sd
import comfy.utils
import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 16


def unpacked(packed: Tensor) -> Tensor:
    """(out, blocks * (2 + BLOCK)) bytes, a half-precision scale and BLOCK integers each, to float32 (out, in)."""
    blocks = packed.reshape(packed.shape[0], -1, 2 + BLOCK)
    scale = blocks[..., :2].contiguous().view(torch.float16).float()
    return (scale * blocks[..., 2:].contiguous().view(torch.int8).float()).flatten(1)


def packed(weight: Tensor) -> Tensor:
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    scale = (blocks.abs().amax(-1, keepdim=True) / 127).half()
    whole = (blocks / scale.float().clamp_min(1e-9)).round().clamp(-127, 127).to(torch.int8)
    return torch.cat([scale.view(torch.uint8), whole.view(torch.uint8)], -1).flatten(1)


class PackedOps(comfy.ops.manual_cast):
    """Linear layers that keep what the file has, bytes in blocks, and dequantise whenever they are used."""

    class Linear(nn.Module):
        comfy_cast_weights = True
        weight_function: list = []
        bias_function: list = []

        def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
            super().__init__()
            self.in_features, self.out_features = in_features, out_features
            self.weight = nn.Parameter(torch.empty(0), requires_grad=False)
            self.bias = nn.Parameter(torch.zeros(out_features, device=device), requires_grad=False) if bias else None

        def _load_from_state_dict(self, state_dict, prefix, *_):
            self.weight = nn.Parameter(state_dict[f"{prefix}weight"], requires_grad=False)
            if self.bias is not None:
                self.bias = nn.Parameter(state_dict[f"{prefix}bias"], requires_grad=False)

        def forward(self, x):
            weight = unpacked(self.weight) if self.weight.dtype == torch.uint8 else self.weight
            for patches, key in getattr(self.weight, "patches", []):
                weight = comfy.lora.calculate_weight(patches, weight, key)
            for function in self.weight_function:
                weight = function(weight)
            bias = self.bias
            for function in self.bias_function:
                bias = function(bias.clone())
            return functional.linear(x, weight.to(x), None if bias is None else bias.to(x))


class PackedPatcher(comfy.model_patcher.ModelPatcher):
    """Leaves packed weights packed: their patches stay beside them until they are used."""

    def patch_weight_to_device(self, key, *args, **kwargs):
        weight = comfy.utils.get_attr(self.model, key)
        if weight.dtype != torch.uint8:
            return super().patch_weight_to_device(key, *args, **kwargs)
        if key in self.patches:
            weight.patches = [(self.patches[key], key)]
        return weight

    def unpatch_model(self, device_to=None, unpatch_weights=True):
        for parameter in self.model.parameters() if unpatch_weights else ():
            parameter.patches = []
        return super().unpatch_model(device_to, unpatch_weights)


def packed_model(
    weights: dict[str, Tensor], is_packed: Callable[[str], bool], config: object
) -> tuple[PackedPatcher, dict[str, Tensor]]:
    """A MODEL of these weights, the named ones packed, and the packed ones as floats again."""
    stored = {name: packed(tensor) if is_packed(name) else tensor for name, tensor in weights.items()}
    floats = {name: unpacked(tensor) for name, tensor in stored.items() if is_packed(name)}
    options: dict[str, Any] = {"custom_operations": PackedOps}
    loaded = comfy.sd.load_diffusion_model_state_dict(stored, options, metadata={"config": json.dumps(config)})
    return PackedPatcher(loaded.model, loaded.load_device, loaded.offload_device), floats

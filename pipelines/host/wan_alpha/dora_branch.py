"""DoRA beside the weights: for bases that merging would round (fp8, GGUF, 4-bit).

    y = scale * (f(x) - b + ratio * B A x) + b + strength * (B' A' x + db),    scale = m / n

One forward hook per linear layer adds the DoRA and the speed LoRA in one pass over x; the quantised weight is never
touched. A and A' are one matrix, and the low-rank weights a model beside the base.

The row norms need the dequantised weight of the base once, without what other nodes have patched in (base_weight.py).

LoRAs of other nodes on these layers stay as the host applies them. What they add is taken out of the scaling, so the
order is DoRA first, then the others, whatever the wiring.

Differs  Other nodes' patches that are no plain LoRA stay in the scaling: merged, they come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import proxy

import torch
from comfy.weight_adapter.lora import LoRAAdapter
from torch import Tensor, nn

from ...lora.dora import DoRALayer, dora_output, row_scale
from ...lora.low_rank import LowRank
from ..core.base_weight import base_weight, bias_in_use
from ..core.side_model import attach, linear

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

    from ..core.sockets import ModelPatcher


class LowRankLayer(nn.Module):
    """A of the DoRA and A' of the speed LoRA as one linear layer, B and B' apart: B's share is scaled by row."""

    def __init__(self, dora: LowRank | None, speed: LowRank | None) -> None:
        super().__init__()
        present = [pair for pair in (dora, speed) if pair is not None]
        self.ranks = [0 if pair is None else pair.rank for pair in (dora, speed)]
        self.down = linear(torch.cat([pair.down for pair in present]))
        self.dora_up = None if dora is None else linear(dora.up)
        self.speed_up = None if speed is None else linear(speed.up)


@dataclass(frozen=True, eq=False)
class Addition:
    """What is added to one linear layer; either part may be missing."""

    dora: DoRALayer | None
    speed: LowRank | None
    bias: Tensor | None


class DoRABranch:
    """Every addition to one model, as an injection and an additional model for its ModelPatcher."""

    def __init__(
        self,
        additions: Mapping[str, Addition],
        ratio: float,
        speed_strength: float,
        scales: dict[str, Tensor],
    ) -> None:
        self.additions = dict(additions)
        self.ratio = ratio
        self.speed_strength = speed_strength
        self.scales = scales
        layers = {
            target: LowRankLayer(a.dora.low_rank if a.dora else None, a.speed)
            for target, a in additions.items()
            if a.dora or a.speed
        }
        self.layer_of = layers
        self.layers = nn.ModuleDict({str(index): layer for index, layer in enumerate(layers.values())})

    def attach(self, model: ModelPatcher, key: str) -> None:
        """Puts this branch on a cloned ModelPatcher under `key`."""
        attach(model, key, self.layers, self._hooks)

    def _hooks(self, patcher: ModelPatcher) -> Iterator[RemovableHandle]:
        network = patcher.model.diffusion_model
        passing = proxy(patcher)  # a patcher that nobody holds ejects what it has injected
        for target in self.additions:
            yield network.get_submodule(target).register_forward_hook(self._hook(target, passing))

    def _hook(self, target: str, patcher: ModelPatcher) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        addition = self.additions[target]
        layer = self.layer_of.get(target)
        state = _LayerState(_other_loras(patcher, target) if addition.dora else [])

        def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            x = args[0]
            if not state.ready_for(output):
                self._prepare(state, patcher, target, x, output)
            if layer is None:
                return output if state.shift is None else output + state.shift
            mixed = layer.down(x)
            if addition.dora is not None:
                assert layer.dora_up is not None and state.rows is not None
                change = layer.dora_up(mixed[..., : layer.ranks[0]])
                change.mul_(self.ratio * addition.dora.low_rank.scale)
                output = dora_output(output, change, state.rows.scale, state.rows.shift)
                for lora in state.others:
                    output.addcmul_(lora(x), state.rows.unscaled)
            elif state.shift is not None:
                output = output + state.shift
            if addition.speed is not None:
                assert layer.speed_up is not None
                change = layer.speed_up(mixed[..., layer.ranks[0] :])
                output = output.add(change, alpha=self.speed_strength * addition.speed.scale)
            return output

        return hook

    def _prepare(self, state: _LayerState, patcher: ModelPatcher, target: str, x: Tensor, output: Tensor) -> None:
        """Row scale and bias of one layer on the device and in the dtype that it runs in."""
        addition = self.additions[target]
        shift = None
        if addition.bias is not None:
            shift = self.speed_strength * addition.bias.to(output.device, torch.float32)
        if addition.dora is not None:
            if target not in self.scales:
                self.scales[target] = row_scale(base_weight(patcher, target, x), addition.dora, self.ratio).cpu()
            scale = self.scales[target].to(output.device)
            kept = bias_in_use(patcher, target, x) * (1 - scale)
            shift = kept if shift is None else kept + shift
            state.rows = _Rows(scale.to(output.dtype), (1 - scale).to(output.dtype), shift.to(output.dtype))
        else:
            state.shift = None if shift is None else shift.to(output.dtype)
        state.device, state.dtype = output.device, output.dtype


@dataclass(frozen=True, eq=False)
class _Rows:
    """What a DoRA does to the rows of one layer's output, each (out,): scale, 1 - scale, and what is added after."""

    scale: Tensor
    unscaled: Tensor
    shift: Tensor


@dataclass
class _LayerState:
    """What one layer's hook has worked out since the model was loaded: rows with a DoRA, without one the shift."""

    others: list[_OtherLoRA]
    rows: _Rows | None = None
    shift: Tensor | None = None
    device: torch.device | None = None
    dtype: torch.dtype | None = None

    def ready_for(self, output: Tensor) -> bool:
        return self.device == output.device and self.dtype == output.dtype


class _OtherLoRA:
    """A plain LoRA that another node has put on the same layer: what it adds to the output."""

    def __init__(self, strength: float, weights: Sequence[Any]) -> None:
        self.up, self.down, alpha = weights[:3]
        self.factor = strength * (float(alpha) / self.down.shape[0] if alpha is not None else 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        return self.factor * ((x @ self.down.to(x).T) @ self.up.to(x).T)  # the host's memory plan does not know them


def _other_loras(patcher: ModelPatcher, target: str) -> list[_OtherLoRA]:
    patches = patcher.patches.get(f"diffusion_model.{target}.weight", [])
    return [
        _OtherLoRA(strength, adapter.weights)
        for strength, adapter, _, offset, function in patches
        if isinstance(adapter, LoRAAdapter)
        and adapter.weights[3:6] == (None, None, None)
        and offset is None
        and function is None
    ]

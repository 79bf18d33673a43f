"""DoRA beside the weights: for bases that merging would round (fp8, INT8, GGUF, 4-bit).

    y = scale * (f(x) - b + ratio * B A x) + b + strength * (B' A' x + db),    scale = m / n

One forward hook per linear layer adds the DoRA and the speed LoRA to the layer's output, in place; the quantised weight
is never touched. A and A' are one matrix, and the low-rank weights a model beside the base.

The row norms need the dequantised weight of the base once, without what other nodes have patched in (base_weight.py).

LoRAs of other nodes on these layers stay as the host applies them. What they add is taken out of the scaling, so the
order is DoRA first, then the others, whatever the wiring.

Differs  Other nodes' patches that are no plain LoRA stay in the scaling: merged, they come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, proxy

import torch
from comfy.weight_adapter.lora import LoRAAdapter
from torch import Tensor, nn

from ...lora.dora import DoRALayer, row_scale, scale_rows_
from ...lora.low_rank import LowRank, add_product_
from ..core.base_weight import base_weight, bias_in_use
from ..core.called_layers import call_in_order
from ..core.marks import after_forward
from ..core.side_model import Change, add_linear_, attach, linear

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

INSTEAD = "Choose apply = merged, or take that node out."


class LowRankLayer(nn.Module):
    """All that is added to one linear layer, either part of which may be missing.

    A of the DoRA and A' of the speed LoRA are one linear layer, B and B' apart: B's share is scaled by row.
    """

    def __init__(self, dora: DoRALayer | None, speed: LowRank | None, bias: Tensor | None) -> None:
        super().__init__()
        pairs = None if dora is None else dora.low_rank, speed
        present = [pair for pair in pairs if pair is not None]
        self.ranks = [0 if pair is None else pair.rank for pair in pairs]
        self.scales = [1.0 if pair is None else pair.scale for pair in pairs]
        self.down = linear(torch.cat([pair.down for pair in present]))
        self.dora_up = None if dora is None else linear(dora.low_rank.up)
        self.speed_up = None if speed is None else linear(speed.up)
        self.magnitude = None if dora is None else nn.Parameter(dora.magnitude, requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def dora(self) -> DoRALayer:
        """The DoRA as the file has it."""
        low_rank = LowRank(self.dora_up.weight, self.down.weight[: self.ranks[0]], self.scales[0])  # type: ignore[union-attr]
        return DoRALayer(low_rank, self.magnitude)  # type: ignore[arg-type]


class DoRABranch:
    """Every addition to one model, as an injection and an additional model for its ModelPatcher.

    `scales` are the row scales of the base that it is put on; over another one's weights it works out others.
    """

    def __init__(self, targets: Iterable[str], ratio: float, speed_strength: float) -> None:
        self.targets = list(targets)
        self.ratio = ratio
        self.speed_strength = speed_strength
        self.scales: WeakKeyDictionary[nn.Module, dict[str, Tensor]] = WeakKeyDictionary()

    def attach(self, model: ModelPatcher, key: str, layers: Iterable[LowRankLayer], scales: dict[str, Tensor]) -> None:
        """Puts this branch on a cloned ModelPatcher under `key`, with a layer for each target."""
        self.scales[model.model] = scales
        attach(model, key, nn.ModuleList(layers), self._hooks, "the DoRA", INSTEAD)

    def _hooks(self, patcher: ModelPatcher, layers: nn.ModuleList) -> Iterator[Change]:
        network, scales = patcher.model.diffusion_model, self.scales.setdefault(patcher.model, {})
        yield from call_in_order(network, self.targets)
        passing = proxy(patcher)  # a patcher that nobody holds ejects what it has injected
        for target, layer in zip(self.targets, cast("list[LowRankLayer]", list(layers))):
            yield after_forward(network, target, self._hook(target, layer, passing, scales))

    def _hook(
        self, target: str, layer: LowRankLayer, patcher: ModelPatcher, scales: dict[str, Tensor]
    ) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        state = _LayerState(_other_loras(patcher, target) if layer.dora_up is not None else [])
        dora_scale, speed_scale = layer.scales

        def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            x = args[0]
            if not state.ready_for(output):
                self._prepare(state, layer, patcher, target, scales, x, output)
            mixed = layer.down(x)
            if layer.dora_up is not None:
                assert state.rows is not None  # _prepare has made them
                add_linear_(output, layer.dora_up, mixed[..., : layer.ranks[0]], self.ratio * dora_scale)
                scale_rows_(output, state.rows.scale, state.rows.shift)
                for lora in state.others:
                    lora.add_(output, x, state.rows.unscaled)
            elif state.shift is not None:
                output.add_(state.shift)
            if layer.speed_up is not None:
                add_linear_(output, layer.speed_up, mixed[..., layer.ranks[0] :], self.speed_strength * speed_scale)
            return output

        return hook

    def _prepare(
        self,
        state: _LayerState,
        layer: LowRankLayer,
        patcher: ModelPatcher,
        target: str,
        scales: dict[str, Tensor],
        x: Tensor,
        output: Tensor,
    ) -> None:
        """Row scale and bias of one layer on the device and in the dtype that it runs in."""
        shift = None
        if layer.bias is not None:
            shift = self.speed_strength * layer.bias.to(output.device, torch.float32)
        if layer.dora_up is not None:
            if target not in scales:
                scales[target] = row_scale(base_weight(patcher, target, x), layer.dora(), self.ratio).cpu()
            scale = scales[target].to(output.device)
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

    def add_(self, output: Tensor, x: Tensor, rows: Tensor) -> None:
        """output (..., out) += rows (out,) * what it adds; the host's memory plan does not know its weights."""
        up = self.up.to(output) * rows[:, None]
        add_product_(output, x.to(output.dtype) @ self.down.to(output).T, up, self.factor)


def _other_loras(patcher: ModelPatcher, target: str) -> list[_OtherLoRA]:
    key = f"diffusion_model.{target}.weight"
    patches = list(patcher.patches.get(key, []))
    if patcher.current_hooks is not None:  # a prompt's own LoRA, while it is patched in
        patches += patcher.get_combined_hook_patches(patcher.current_hooks).get(key, [])
    return [
        _OtherLoRA(strength, adapter.weights)
        for strength, adapter, _, offset, function in patches
        if isinstance(adapter, LoRAAdapter)
        and adapter.weights[3:6] == (None, None, None)
        and offset is None
        and function is None
    ]

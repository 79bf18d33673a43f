"""A LoRA beside layers whose weights would round it away (fp8, INT8, GGUF, 4-bit): y = f(x) + factor * up down x.

Layers with ordinary weights take it by the host's own patches, which bake it in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn

from ...lora.low_rank import LowRank
from .base_weight import is_plain
from .called_layers import call_in_order
from .marks import after_forward
from .side_model import Removable, add_linear_, attach, linear

if TYPE_CHECKING:
    from .sockets import ModelPatcher

PREFIX = "diffusion_model."


@dataclass(frozen=True)
class Place:
    """Output features `start` to `start + size` of the layer `target`; all of them when `size` is None."""

    target: str
    start: int = 0
    size: int | None = None


class _Pair(nn.Module):
    def __init__(self, pair: LowRank, strength: float) -> None:
        super().__init__()
        self.down, self.up = linear(pair.down), linear(pair.up)
        self.factor = strength * pair.scale


def rounds_patches(model: ModelPatcher, target: str) -> bool:
    """Whether this is a linear layer into whose weight a patch cannot be baked as it is."""
    module = model.model.diffusion_model.get_submodule(target)
    return hasattr(module, "in_features") and not is_plain(getattr(module, "weight", None))


def put_beside(model: ModelPatcher, key: str, pairs: Mapping[Place, LowRank], strength: float, feature: str) -> None:
    """Adds the pairs to a cloned ModelPatcher, to what stands beside it under other keys; `feature` is for messages."""

    def hooks(patcher: ModelPatcher, layers: nn.ModuleList) -> Iterator[Removable]:
        network = patcher.model.diffusion_model
        yield from call_in_order(network, [place.target for place in pairs])
        for place, layer in zip(pairs, cast("list[_Pair]", list(layers))):
            yield after_forward(network, place.target, _adding(place, layer))

    attach(
        model,
        key,
        nn.ModuleList(_Pair(pair, strength) for pair in pairs.values()),
        hooks,
        feature,
        "Take the other node out.",
    )


def _adding(place: Place, layer: _Pair) -> Callable[..., Tensor]:
    def hook(module: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        part = output if place.size is None else output.narrow(-1, place.start, place.size)
        add_linear_(part, layer.up, layer.down(args[0]), layer.factor)
        return output

    return hook

"""Weights beside a model: a model of their own that the host loads, offloads and counts with the base, and hooks that
stand on the base's network for as long as the host has this MODEL in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import comfy.model_management
import comfy.model_patcher
import comfy.ops
import torch
from comfy.patcher_extension import PatcherInjection
from torch import Tensor, nn

from ...lora.low_rank import add_product_
from .first_step import unwatch_first_step, watch_first_step
from .marks import Mark

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher


def linear(weight: Tensor) -> nn.Linear:
    """A layer of the host that multiplies by this matrix (out, in), on the device and in the dtype of its input."""
    out, inner = weight.shape
    layer = comfy.ops.manual_cast.Linear(inner, out, bias=False, device="meta", dtype=weight.dtype)
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    return layer


def add_linear_(output: Tensor, layer: nn.Linear, x: Tensor, factor: float) -> None:
    """output (..., out) += factor * layer(x), in place, for a `linear` layer, wherever the host keeps its weight."""
    x = x.to(output.dtype)
    weight, bias, stream = comfy.ops.cast_bias_weight(layer, x, offloadable=True)
    add_product_(output, x, weight, factor)
    comfy.ops.uncast_bias_weight(layer, weight, bias, stream)


def managed(network: nn.Module, load_device: torch.device, offload_device: torch.device) -> ModelPatcher:
    """A network of ours as a model that the host loads, offloads and counts."""
    comfy.model_management.archive_model_dtypes(network)
    return comfy.model_patcher.CoreModelPatcher(network, load_device=load_device, offload_device=offload_device)


def stand_beside(model: Any, key: str, layers: nn.Module) -> None:
    """Puts `layers` beside a cloned ModelPatcher under `key`; what was there under that key is replaced.

    They are in `model.additional_models` alone: a clone for another device brings a copy of them there, and
    `layers_beside` gives each MODEL its own.
    """
    beside = managed(layers, model.load_device, model.offload_device)
    beside.cached_patcher_init = (_copy, (layers, _without_weights(layers), model.load_device, model.offload_device))
    model.set_additional_models(key, [beside])


def layers_beside(model: Any, key: str) -> Any:
    """What stands beside this ModelPatcher under `key`."""
    (beside,) = model.get_additional_models_with_key(key)
    return beside.model


class Removable(Protocol):
    """A hook, or another change of a network that can be undone."""

    def remove(self) -> object: ...


_in_place: WeakKeyDictionary[nn.Module, dict[object, tuple[int, list[Removable]]]] = WeakKeyDictionary()
"""{base model: {each attachment: (the patcher that has injected it, its hooks)}}. Here, not with the MODEL: what is
collected as garbage loses its weak references before it can eject. A clone believes that it has injected what the
original has, and must not eject that."""


def attach(
    model: Any,
    key: str,
    layers: nn.Module,
    build_hooks: Callable[[Any, Any], Iterable[Removable]],
    feature: str,
    remedy: str,
) -> None:
    """Puts `layers` beside a cloned ModelPatcher, as stand_beside does, and hooks on the base's network that use them.

    build_hooks(patcher, layers) makes them, every time that a patcher's network is taken into use; `layers` are those
    beside that patcher, and hooks hold no other weights. A run in which one of them does not act ends after its first
    step with an error that says that `feature` is lost, and the `remedy` (first_step.py).
    """
    ours = object()

    def inject(patcher: ModelPatcher) -> None:
        take_off(patcher.model)
        _in_place.setdefault(patcher.model, {})[ours] = (
            id(patcher),
            list(build_hooks(patcher, layers_beside(patcher, key))),
        )

    def eject(patcher: Any) -> None:
        if owner_and_hooks(patcher.model)[0] == id(patcher):
            take_off(patcher.model)

    def take_off(base: nn.Module) -> None:
        for hook in owner_and_hooks(base)[1]:
            hook.remove()
        _in_place.get(base, {}).pop(ours, None)

    def owner_and_hooks(base: nn.Module) -> tuple[int, list[Removable]]:
        return _in_place.get(base, {}).get(ours, (0, []))

    def marks_of(base: nn.Module) -> list[Mark]:
        return [hook for hook in owner_and_hooks(base)[1] if isinstance(hook, Mark)]

    detach(model, key)
    stand_beside(model, key, layers)
    model.set_injections(key, [PatcherInjection(inject=inject, eject=eject)])
    watch_first_step(model, key, feature, remedy, marks_of)


def detach(model: Any, key: str) -> None:
    """Takes off a cloned ModelPatcher what stands beside it under `key`."""
    model.remove_injections(key)
    model.remove_additional_models(key)
    unwatch_first_step(model, key)


def _copy(
    network: nn.Module,
    bare: nn.Module,
    load_device: torch.device,
    offload_device: torch.device,
    disable_dynamic: bool = False,
) -> Any:
    """A model with copies of the network's weights in a `bare` one: what the host calls where it would load a base
    again, with `disable_dynamic` for one whose weights stay where they are put."""
    kind = comfy.model_patcher.ModelPatcher if disable_dynamic else comfy.model_patcher.CoreModelPatcher
    copy = _with_tensors(bare, zip(_tensors(bare), (each.detach().to("cpu", copy=True) for each in _tensors(network))))
    return kind(copy, load_device=load_device, offload_device=offload_device)


def _without_weights(network: nn.Module) -> nn.Module:
    """The network as it is before the host uses it, its weights on the meta device."""
    return _with_tensors(network, ((each, each.detach().to("meta")) for each in _tensors(network)))


def _with_tensors(network: nn.Module, pairs: Iterable[tuple[Tensor, Tensor]]) -> nn.Module:
    """A deep copy of the network with other tensors in the place of its own: (its own, the other)."""
    taken = {
        id(own): nn.Parameter(other, requires_grad=False) if isinstance(own, nn.Parameter) else other
        for own, other in pairs
    }
    return deepcopy(network, taken)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()

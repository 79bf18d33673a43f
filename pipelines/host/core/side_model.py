"""Weights beside a model: a model of their own that the host loads, offloads and counts with the base, and hooks that
stand on the base's network for as long as the host has this MODEL in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import comfy.model_management
import comfy.model_patcher
import comfy.ops
import torch
from comfy.patcher_extension import PatcherInjection
from torch import Tensor, nn

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from torch.utils.hooks import RemovableHandle


def linear(weight: Tensor) -> nn.Linear:
    """A layer of the host that multiplies by this matrix (out, in), on the device and in the dtype of its input."""
    out, inner = weight.shape
    layer = comfy.ops.manual_cast.Linear(inner, out, bias=False, device="meta", dtype=weight.dtype)
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    return layer


def managed(network: nn.Module, load_device: torch.device, offload_device: torch.device) -> ModelPatcher:
    """A network of ours as a model that the host loads, offloads and counts."""
    comfy.model_management.archive_model_dtypes(network)
    return comfy.model_patcher.CoreModelPatcher(network, load_device=load_device, offload_device=offload_device)


def stand_beside(model: ModelPatcher, key: str, layers: nn.Module) -> None:
    """Puts `layers` beside a cloned ModelPatcher under `key`; what was there under that key is replaced."""
    model.set_additional_models(key, [managed(layers, model.load_device, model.offload_device)])


def attach(
    model: ModelPatcher,
    key: str,
    layers: nn.Module,
    hooks: Callable[[ModelPatcher], Iterable[RemovableHandle]],
) -> None:
    """The same, with hooks on the base's network.

    hooks(patcher) registers them and gives their handles, every time that a patcher's network is taken into use.
    """
    handles: WeakKeyDictionary[nn.Module, list[RemovableHandle]] = WeakKeyDictionary()

    def inject(patcher: ModelPatcher) -> None:
        eject(patcher)
        handles[patcher.model] = list(hooks(patcher))

    def eject(patcher: ModelPatcher) -> None:
        for handle in handles.pop(patcher.model, ()):
            handle.remove()

    stand_beside(model, key, layers)
    model.set_injections(key, [PatcherInjection(inject=inject, eject=eject)])

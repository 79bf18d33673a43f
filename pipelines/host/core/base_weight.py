"""A linear layer's weight as the base model has it: dequantised, and without what other nodes have patched in; and the
shapes of all of them.

The host patches a weight in place and keeps the old one in the patcher's backup, or patches it whenever it is used;
GGUF loaders keep the patches on the weight. None of them counts here.

A layer of the host that can dequantise is asked for it; any other is asked for its answer to the unit vectors, which is
the same thing for every quantisation that there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar
from weakref import WeakKeyDictionary

import comfy.lora
import torch
from comfy.quant_ops import QuantizedTensor
from torch import Tensor, nn

if TYPE_CHECKING:
    from .sockets import ModelPatcher

T = TypeVar("T")
PLAIN = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
PROBE_ROWS = 1024
ON_USE = ("weight_function", "bias_function")

_bias_answers: WeakKeyDictionary[nn.Module, dict[str, Tensor]] = WeakKeyDictionary()
"""{base model: {target: its bias without patches, (out,) float32 in main memory}}."""


def is_plain(weight: object) -> TypeGuard[Tensor]:
    """Whether this is an ordinary floating point weight."""
    return isinstance(weight, Tensor) and type(weight) in (Tensor, nn.Parameter) and weight.dtype in PLAIN


def parameter_shapes(model: ModelPatcher) -> dict[str, tuple[int, ...]]:
    """{parameter of the diffusion model: shape of the unquantised weight as it was before others patched it}; packed
    weights are told by their layer."""
    network = model.model.diffusion_model
    shapes = {
        name: tuple(_before(model, f"diffusion_model.{name}", parameter).shape)
        for name, parameter in network.named_parameters()
    }
    for name, module in network.named_modules():
        if hasattr(module, "in_features") and hasattr(module, "out_features"):
            shapes[f"{name}.weight"] = (module.out_features, module.in_features)
    return shapes


def base_weight(patcher: ModelPatcher, target: str, x: Tensor) -> Tensor:
    """(out, in) on x's device, in its own dtype where it has one.

    `target` is the layer's path in the diffusion model, x an input of it.
    """
    module, key = _layer(patcher, target)
    weight = _before(patcher, f"{key}.weight", getattr(module, "weight", None))
    if isinstance(weight, QuantizedTensor):
        dense = weight.to(x.device).dequantize()
        smoothing = getattr(module, "pre_quant_scale", None)  # AWQ keeps a factor for each input
        return dense if smoothing is None else dense.float() * smoothing.to(dense.device, torch.float32)
    if _is_its_own_value(weight):
        return weight.to(x.device)
    with _bare(module, {"weight": weight, "bias": None}):
        return _answers(module, x)


def bias_in_use(patcher: ModelPatcher, target: str, x: Tensor) -> Tensor:
    """The bias in use, other nodes' patches included: (out,) float32 on x's device, or a 0 without axes.

    Asking a layer for its bias costs as much as asking for its weight, so the answer is kept while the base lives.
    """
    module, key = _layer(patcher, target)
    bias = _before(patcher, f"{key}.bias", getattr(module, "bias", None))
    if bias is None or _is_its_own_value(bias):
        start = torch.zeros(()) if bias is None else bias.detach()
    else:
        answers = _bias_answers.setdefault(patcher.model, {})
        if target not in answers:
            with _bare(module, {"bias": bias}):
                answers[target] = module.forward(x.new_zeros(1, x.shape[-1]))[0].to("cpu", torch.float32)
        start = answers[target]
    start = start.to(x.device, torch.float32, copy=True)
    return comfy.lora.calculate_weight(patcher.patches.get(f"{key}.bias", []), start, f"{key}.bias")


def _layer(patcher: ModelPatcher, target: str) -> tuple[nn.Module, str]:
    key = f"diffusion_model.{target}"
    return patcher.model.get_submodule(key), key


def _is_its_own_value(weight: object) -> TypeGuard[Tensor]:
    """Whether the numbers in this tensor are the weight: so is fp8 without a scale, which merging would round."""
    return isinstance(weight, Tensor) and type(weight) in (Tensor, nn.Parameter) and weight.is_floating_point()


def _before(patcher: ModelPatcher, key: str, current: T) -> Tensor | T:
    """What stood there before the host patched it in place, for the MODEL or for a prompt's own LoRA (a hook)."""
    if key in patcher.backup:
        return patcher.backup[key].weight
    return patcher.hook_backup[key][0] if key in patcher.hook_backup else current


@contextmanager
def _bare(module: Any, parameters: Mapping[str, Any]) -> Iterator[None]:
    """The layer with these parameters and without patches, for as long as it is being asked."""
    current = {name: getattr(module, name, None) for name in ("weight", "bias")}
    functions = {name: vars(module)[name] for name in ON_USE if name in vars(module)}
    patches = [(each, each.patches) for each in {**current, **parameters}.values() if hasattr(each, "patches")]
    try:
        for name, parameter in parameters.items():
            if parameter is not current[name]:
                wraps = isinstance(parameter, Tensor) and not isinstance(parameter, nn.Parameter)
                setattr(module, name, nn.Parameter(parameter, requires_grad=False) if wraps else parameter)
        vars(module).update(dict.fromkeys(ON_USE, ()))
        for each, _ in patches:  # as ComfyUI-GGUF keeps them
            each.patches = []
        yield
    finally:
        for name, parameter in current.items():
            setattr(module, name, parameter)
        for name in ON_USE:
            del vars(module)[name]
        vars(module).update(functions)
        for each, kept in patches:
            each.patches = kept


def _answers(module: nn.Module, x: Tensor) -> Tensor:
    size, columns = x.shape[-1], []
    zero = module.forward(x.new_zeros(1, size)).to(torch.float32)
    for start in range(0, size, PROBE_ROWS):
        unit = x.new_zeros(min(PROBE_ROWS, size - start), size)
        unit.diagonal(start).fill_(1)
        columns.append((module.forward(unit).to(torch.float32) - zero).T)
    return torch.cat(columns, dim=1)

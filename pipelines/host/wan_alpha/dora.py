"""Wan-Alpha's DoRA and a speed LoRA on a MODEL of the host: DoRA first whatever the wiring, on a clone.

Two ways to the same model. `merged` hands adapters to the host, which bakes them into the weights like any LoRA.
`unmerged` adds both beside weights that would round much of them away; `auto` takes it for fp8, INT8, GGUF and 4-bit.

Parameters of modules that hold other modules (a block's `modulation`) are beyond the host's weight patches: a
difference on one becomes an object patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from comfy.weight_adapter.lora import LoRAAdapter
from torch import Tensor, nn

from ...lora.dora import DoRALayer, dora_shapes
from ...lora.low_rank import LowRank
from ...lora.speed_lora import SpeedLoRA, speed_lora_shapes
from ...weights.fit import check_fit
from ..core.base_weight import is_plain, parameter_shapes
from ..core.merging import merge
from ..core.model_files import chosen_for
from ..core.object_patch import patch_object, restore_object
from ..core.side_model import detach
from .dora_adapter import DoRAAdapter
from .dora_branch import DoRABranch, LowRankLayer
from .dora_files import DORA_INPUT, SPEED_INPUT, DoRAFile, SpeedLoRAFile
from .row_scales import row_scales
from .sampled_size import refuse_odd_sizes

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

KEY = "rgba_video.dora"
PREFIX = "diffusion_model."

Apply = Literal["auto", "merged", "unmerged"]


class SpeedLoRAAdapter(LoRAAdapter):
    """The host's own LoRA, in a class of ours, so that ours can be told from other nodes'."""


def applied(
    model: ModelPatcher,
    dora: DoRAFile,
    ratio: float = 1.0,
    speed: SpeedLoRAFile | None = None,
    speed_strength: float = 1.0,
    apply: Apply = "auto",
) -> ModelPatcher:
    """A clone of `model` with W'' = dora(W) + speed_strength * up down; what this node had put on it is replaced.

    ratio scales the low-rank part inside the norm. Raises ValueError when a file was made for another model.
    """
    shapes = parameter_shapes(model)
    with chosen_for(DORA_INPUT):
        _refuse_missing(dora.name, check_fit(dora.name, dora_shapes(dora.layers), shapes))
    if speed is not None:
        with chosen_for(SPEED_INPUT):
            check_fit(speed.name, speed_lora_shapes(speed.weights), shapes)
    patched = _without_ours(model)
    refuse_odd_sizes(patched)
    pairs, diffs = _on_model(speed, shapes)
    scales = row_scales(patched.model, dora.identity, ratio)
    if apply == "unmerged" or (apply == "auto" and not has_plain_weights(patched, dora.layers)):
        diffs = _attach_branch(patched, dora.layers, ratio, pairs, diffs, speed_strength, scales)
    else:
        _merge(patched, dora.layers, ratio, pairs, speed_strength, scales)
    _add_differences(patched, diffs, speed_strength)
    return patched


def has_plain_weights(model: ModelPatcher, targets: Mapping[str, object]) -> bool:
    """Whether every one of these layers has an ordinary floating point weight, which merging does not round away."""
    network = model.model.diffusion_model
    return all(is_plain(getattr(network.get_submodule(target), "weight", None)) for target in targets)


def unreached(model: ModelPatcher, speed: SpeedLoRA) -> list[str]:
    """Keys of a speed LoRA that change nothing in this model: in no known spelling, or for layers it does not have."""
    shapes = parameter_shapes(model)
    return [*speed.unknown, *(name for name in speed_lora_shapes(speed) if name not in shapes)]


def _refuse_missing(file: str, missing: tuple[str, ...]) -> None:
    if missing:
        shown = ", ".join(missing[:3])
        raise ValueError(
            f"{file} changes {len(missing)} layers that this model does not have ({shown}): it was made for a deeper "
            "model. Wan-Alpha wants Wan 2.1 T2V 14B."
        )


def _on_model(
    speed: SpeedLoRAFile | None, shapes: Mapping[str, object]
) -> tuple[dict[str, LowRank], dict[str, Tensor]]:
    if speed is None:
        return {}, {}
    pairs = {target: pair for target, pair in speed.weights.pairs.items() if f"{target}.weight" in shapes}
    return pairs, {name: diff for name, diff in speed.weights.diffs.items() if name in shapes}


def _without_ours(model: ModelPatcher) -> ModelPatcher:
    """A clone that this node has not touched yet; every other node's patches stay, in their order."""
    clone = model.clone()
    for key, patches in list(clone.patches.items()):
        kept = [patch for patch in patches if not isinstance(patch[1], (DoRAAdapter, SpeedLoRAAdapter, _Difference))]
        if kept:
            clone.patches[key] = kept
        else:
            del clone.patches[key]
    detach(clone, KEY)
    for name, before in (clone.get_attachment(KEY) or {}).items():
        restore_object(clone, name, before)
    clone.remove_attachments(KEY)
    return clone


def _merge(
    model: ModelPatcher,
    dora: Mapping[str, DoRALayer],
    ratio: float,
    pairs: Mapping[str, LowRank],
    strength: float,
    scales: dict[str, Tensor],
) -> None:
    patches = {f"{PREFIX}{t}.weight": DoRAAdapter.of(layer, ratio, t, scales) for t, layer in dora.items()}
    for key in merge(model, KEY, patches, "the DoRA"):
        *others, ours = model.patches[key]
        model.patches[key] = [ours, *others]
    speed = {f"{PREFIX}{t}.weight": _speed_adapter(pair) for t, pair in pairs.items()}
    merge(model, KEY, speed, "the speed LoRA", strength)


def _speed_adapter(pair: LowRank) -> SpeedLoRAAdapter:
    return SpeedLoRAAdapter(set(), (pair.up, pair.down, pair.scale * pair.rank, None, None, None))


def _attach_branch(
    model: ModelPatcher,
    dora: Mapping[str, DoRALayer],
    ratio: float,
    pairs: Mapping[str, LowRank],
    diffs: Mapping[str, Tensor],
    strength: float,
    scales: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Puts every low-rank part beside its layer; returns the differences that are left for the host's patches."""
    targets = list(dict.fromkeys([*dora, *pairs]))
    layers = (LowRankLayer(dora.get(t), pairs.get(t), diffs.get(f"{t}.bias")) for t in targets)
    DoRABranch(targets, ratio, strength).attach(model, KEY, layers, scales)
    return {name: diff for name, diff in diffs.items() if name.removesuffix(".bias") not in targets}


class _Difference(tuple):
    """("diff", (tensor,)), the host's patch of a whole parameter, told from other nodes' by its class."""

    __slots__ = ()


def _add_differences(model: ModelPatcher, diffs: Mapping[str, Tensor], strength: float) -> None:
    reached = {name: diff for name, diff in diffs.items() if not name.endswith("modulation")}
    patches = {PREFIX + name: _Difference(("diff", (diff,))) for name, diff in reached.items()}
    merge(model, KEY, patches, "the speed LoRA", strength)
    before: dict[str, Any] = {}
    for name in diffs.keys() - reached.keys():
        key = PREFIX + name
        before[key] = model.object_patches.get(key)
        patch_object(model, key, partial(_changed, key, before[key], strength, diffs[name]))
    model.set_attachments(KEY, before)


def _changed(key: str, before: Any, strength: float, diff: Tensor, model: Any) -> nn.Parameter:
    """A parameter of the model, or what another node has put there `before`, with the difference on it."""
    restore_object(model, key, before)
    base = model.get_model_object(key)
    changed = base.detach().float() + strength * diff.to(base.device, torch.float32)
    return nn.Parameter(changed.to(base.dtype), requires_grad=False)

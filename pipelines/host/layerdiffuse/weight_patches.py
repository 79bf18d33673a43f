"""LayerDiffuse on a MODEL of the host: on SDXL and Flux by patches of weights, on SD 1.5 by units beside attention.

Low-rank changes of fp8, INT8, GGUF and 4-bit weights stand beside them, where merging would round much of them away.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comfy.lora
import comfy.lora_convert
import comfy.model_base
from comfy.weight_adapter import LoRAAdapter
from torch import Tensor

from ...layerdiffuse.weight_patches import WeightPatches, read_weight_patches
from ...lora.low_rank import LowRank
from ...weights.fit import check_fit
from ...weights.key_dialects import list_names
from ...weights.kinds.layerdiffuse import FLUX_LORA, LAYER_SINGLE, LAYER_WEIGHTS
from ...weights.kinds.table import identify
from ...weights.weights_file import named, shapes_of
from ..core.base_weight import parameter_shapes
from ..core.low_rank_beside import Place, put_beside, rounds_patches
from ..core.merging import merge
from ..core.model_files import chosen_for, read_chosen
from ..core.notices import warn
from .attention_sharing import with_shared_attention

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

KEY = "rgba_video.layerdiffuse_weights"
WHAT = "LayerDiffuse"
FILE_INPUT = "weights_name"
NETWORK = "diffusion_model."


def applied(model: ModelPatcher, path: Path, strength: float) -> ModelPatcher:
    """A clone of `model` that makes transparent pictures, each to be decoded by the transparent decoder.

    Raises ValueError, saying what the file is and what takes it, for a file of another kind or for another model.
    """
    weights = read_chosen(path, [LAYER_WEIGHTS, LAYER_SINGLE, FLUX_LORA], FILE_INPUT)
    kind = identify(shapes_of(weights)).kind
    with chosen_for(FILE_INPUT), named(path):
        if kind is LAYER_SINGLE:
            return with_shared_attention(model, weights, strength)
        if kind is FLUX_LORA:
            return _with_flux_lora(model, weights, strength)
        return with_weight_patches(model, read_weight_patches(weights), strength)


def with_weight_patches(model: ModelPatcher, patches: WeightPatches, strength: float) -> ModelPatcher:
    """A clone with these patches on its weights. Raises ValueError when they were made for another model."""
    shapes = {f"{NETWORK}{name}": shape for name, shape in parameter_shapes(model).items()}
    if missing := check_fit("it", patches.shapes(), shapes):
        raise ValueError(f"it was made for another model: this one has no {list_names(missing)}.")
    of_the_host: dict[str, Any] = {
        name: LoRAAdapter(set(), (pair.up, pair.down, None, None, None, None)) for name, pair in patches.pairs.items()
    }
    of_the_host |= {name: ("diff", (tensor, {"pad_weight": True})) for name, tensor in patches.differences.items()}
    return _with_patches(model, of_the_host, strength)


def _with_flux_lora(model: ModelPatcher, weights: dict[str, Tensor], strength: float) -> ModelPatcher:
    if not isinstance(model.model, comfy.model_base.Flux):
        raise ValueError(f"it was made for Flux, but model is {type(model.model).__name__}; choose another file.")
    known = comfy.lora.model_lora_keys_unet(model.model, {})
    patches = comfy.lora.load_lora(comfy.lora_convert.convert_lora(weights), known, log_missing=False)
    pairs = sum(".lora_A." in name or ".lora_down." in name for name in weights)
    if len(patches) != pairs:
        raise ValueError(f"it changes {pairs} layers, of which this model has {len(patches)}; use Flux.1 dev.")
    return _with_patches(model, patches, strength)


def _with_patches(model: ModelPatcher, patches: Mapping[Any, Any], strength: float) -> ModelPatcher:
    """A clone with the host's patches merged, or beside the weights that merging would round."""
    merged, beside, rounded = dict(patches), {}, []
    for key, patch in patches.items():
        name, part, *function = (key, None) if isinstance(key, str) else key
        target = name.removeprefix(NETWORK).removesuffix(".weight")
        if name == f"{NETWORK}{target}.weight" and rounds_patches(model, target):
            if (pair := _pair(patch)) is not None and not function and (part is None or part[0] == 0):
                beside[Place(target, *(part or ())[1:])] = pair
                del merged[key]
            else:
                rounded.append(target)
    clone = model.clone()
    if beside:
        applied_before = sum(key.startswith(KEY) for key in clone.injections)
        put_beside(clone, f"{KEY}.{applied_before}", beside, strength, WHAT)
    if rounded:
        warn(f"LayerDiffuse is rounded in {len(rounded)} quantised weights; a model in fp16 or bf16 loses nothing.")
    merge(clone, KEY, merged, WHAT, strength)
    return clone


def _pair(patch: Any) -> LowRank | None:
    """A plain LoRA of the host; None for any other patch."""
    if not isinstance(patch, LoRAAdapter) or any(each is not None for each in patch.weights[3:]):
        return None
    up, down, alpha = patch.weights[:3]
    return LowRank(up, down, 1.0 if alpha is None else float(alpha) / down.shape[0])

"""Wan's own files: VAEs, diffusion models, and LoRAs on them.

Differs  Repackaged Wan-Alpha VAEs (RGB and alpha, already merged) have the same keys and shapes as the stock Wan 2.1
         VAE: the three cannot be told apart, and the description says so.
"""

from __future__ import annotations

import re

from ..key_dialects import Part, by_target
from ..weights_file import TensorInfo
from .kind import Kind, Shapes, count_blocks, list_numbers

WAN_LAYER = re.compile(r"blocks\.\d+\.(?:self_attn|cross_attn|ffn)\..+")
MODELS = {("5120", "40 blocks"): "Wan 14B,", ("3072", "30 blocks"): "Wan 5B,", ("1536", "30 blocks"): "Wan 1.3B,"}


def lora_targets(shapes: Shapes) -> dict[str, dict[Part, TensorInfo]]:
    """The parts of layers that belong to a Wan diffusion model; empty for another file."""
    try:
        targets, _ = by_target(shapes)
    except ValueError:  # two spellings at once: no kind of ours
        return {}
    return targets if any(WAN_LAYER.fullmatch(target) for target in targets) else {}


def describe_lora(shapes: Shapes) -> str:
    targets = lora_targets(shapes)
    pairs = sum("down" in parts for parts in targets.values())
    diffs = sum(part.startswith("diff") for parts in targets.values() for part in parts)
    ranks = {parts["down"].shape[0] for parts in targets.values() if "down" in parts}
    widths = {parts["down"].shape[1] for name, parts in targets.items() if name.endswith("attn.q") and "down" in parts}
    return (
        f"rank {list_numbers(ranks)}, {pairs} layers{f' and {diffs} differences' if diffs else ''}"
        f", for {_describe_model(widths, count_blocks(targets))}"
    )


def _describe_model(widths: set[int], blocks: str) -> str:
    return MODELS.get((list_numbers(widths), blocks), "a model of") + f" dim {list_numbers(widths)} and {blocks}"


def _is_vae(shapes: Shapes) -> bool:
    return "decoder.middle.0.residual.0.gamma" in shapes and "decoder.head.0.gamma" in shapes


def _describe_vae(shapes: Shapes) -> str:
    return f"width {shapes['decoder.head.0.gamma'].shape[0]}; stock, RGB or alpha, which keys and shapes cannot tell"


def _is_dit(shapes: Shapes) -> bool:
    return bool(_head_widths(shapes)) and any(key.endswith("blocks.0.self_attn.q.weight") for key in shapes)


def _describe_dit(shapes: Shapes) -> str:
    return _describe_model(_head_widths(shapes), count_blocks(shapes))


def _head_widths(shapes: Shapes) -> set[int]:
    names = ("head.modulation", "model.diffusion_model.head.modulation")
    return {shapes[name].shape[-1] for name in names if name in shapes}


WAN22_VAE = Kind(
    "Wan 2.2 VAE",
    lambda shapes: _is_vae(shapes) and "decoder.upsamples.0.upsamples.0.residual.2.weight" in shapes,
    lambda shapes: f"{len(shapes)} tensors",
)
WAN21_VAE = Kind("Wan 2.1 VAE", _is_vae, _describe_vae)
WAN_LORA = Kind("Wan LoRA", lambda shapes: bool(lora_targets(shapes)), describe_lora)
WAN_DIT = Kind("Wan diffusion model", _is_dit, _describe_dit)

"""Names of weights: diffusers' Wan 2.1 VAE and diffusion model, and the official ones that ComfyUI loads.

Layout   a name may have anything behind its module: `decoder.conv_in.lora_A.default.weight` is
         `decoder.conv1.lora_A.default.weight`.
Source   Wan-Video/Wan2.1, wan/modules/{vae,model}.py; AutoencoderKLWan and WanTransformer3DModel of diffusers.
Differs  Nowhere in value: both have the same tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

Rename = Callable[[str], str]

_UP_LEVEL = 4
"""Modules of a decoder level: three residual blocks and what enlarges."""

_IN_RESIDUAL = {
    "norm1": "residual.0",
    "conv1": "residual.2",
    "norm2": "residual.3",
    "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}
_MIDDLE = {"resnets.0": "middle.0", "attentions.0": "middle.1", "resnets.1": "middle.2"}
_VAE_ENDS = {"conv_in": "conv1", "norm_out": "head.0", "conv_out": "head.2"}
_VAE_CENTRE = {"quant_conv": "conv1", "post_quant_conv": "conv2"}

_DIT_OUTSIDE = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "scale_shift_table": "head.modulation",
    "proj_out": "head.head",
    "patch_embedding": "patch_embedding",
}
_DIT_BLOCK = {
    "norm2": "norm3",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    "scale_shift_table": "modulation",
} | {
    f"{ours}.{layer}": f"{theirs}.{short}"
    for ours, theirs in (("attn1", "self_attn"), ("attn2", "cross_attn"))
    for layer, short in (
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "o"),
        ("norm_q", "norm_q"),
        ("norm_k", "norm_k"),
    )
}


def official_vae_name(name: str) -> str:
    """A name in diffusers' AutoencoderKLWan to the stock VAE's. Raises ValueError for a name of neither."""
    side, _, inside = name.partition(".")
    if side in _VAE_CENTRE:
        return f"{_VAE_CENTRE[side]}.{inside}"
    if match := re.fullmatch(r"mid_block\.(\w+\.\d)\.(.+)", inside):
        return f"{side}.{_MIDDLE[match[1]]}.{_in_residual(match[2])}"
    if match := re.fullmatch(r"down_blocks\.(\d+)\.(.+)", inside):
        return f"{side}.downsamples.{match[1]}.{_in_residual(match[2])}"
    if match := re.fullmatch(r"up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\.(.+)", inside):
        place = int(match[3]) if match[2] == "resnets" else _UP_LEVEL - 1
        return f"{side}.upsamples.{_UP_LEVEL * int(match[1]) + place}.{_in_residual(match[4])}"
    return f"{side}.{_renamed(inside, _VAE_ENDS, name)}"


def official_dit_name(name: str) -> str:
    """A name in diffusers' WanTransformer3DModel to Wan's. Raises ValueError for a name that text-to-video lacks."""
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", name):
        return f"blocks.{match[1]}.{_renamed(match[2], _DIT_BLOCK, name)}"
    return _renamed(name, _DIT_OUTSIDE, name)


def vae_to_official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole state dict."""
    return {official_vae_name(name): tensor for name, tensor in state.items()}


def dit_to_official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole state dict."""
    return {official_dit_name(name): tensor for name, tensor in state.items()}


def from_official(weights: Mapping[str, Tensor], names: Iterable[str], rename: Rename) -> dict[str, Tensor]:
    """The weights that a diffusers model of these names wants. Raises ValueError, listing them, for missing and unknown
    ones."""
    wanted = {rename(name): name for name in names}
    missing, unknown = sorted(wanted.keys() - weights.keys()), sorted(weights.keys() - wanted.keys())
    if missing or unknown:
        raise ValueError(
            f"expected a Wan 2.1 file; missing: {', '.join(missing[:4]) or 'nothing'}, unknown: "
            f"{', '.join(unknown[:4]) or 'nothing'}. Choose the text-to-video model or its VAE."
        )
    return {name: weights[official] for official, name in wanted.items()}


def _in_residual(inside: str) -> str:
    module, dot, rest = inside.partition(".")
    return _IN_RESIDUAL.get(module, module) + dot + rest


def _renamed(inside: str, table: Mapping[str, str], whole: str) -> str:
    for ours, theirs in table.items():
        if inside == ours or inside.startswith(f"{ours}."):
            return theirs + inside[len(ours) :]
    raise ValueError(f"expected a weight of Wan 2.1 in diffusers' names, got {whole}.")

"""CogVideoX checkpoints: which model a file holds, and the host's name for each of its keys.

Layout   {key: shape}; keys in diffusers' names or in ComfyUI's, with or without ComfyUI's `model.diffusion_model.`.
         A name's last part (weight, bias, the scales of a quantisation) is the same in both.
Source   CogVideoXTransformer3DModel of diffusers; comfy/ldm/cogvideo/model.py of ComfyUI.
Differs  ComfyUI detects its own names alone, and takes CogVideoX-2B for a model with rotary positions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..weights.key_dialects import list_names
from .families import COGVIDEOX

TEXT_ROWS = 226
TABLE = "patch_embed.pos_embedding"
"""The learned positions of CogVideoX-5B-I2V: (1, text rows + video tokens, width)."""

BLOCK_LAYERS = {
    "norm1.linear": "norm1.linear",
    "norm1.norm": "norm1.norm",
    "attn1.to_q": "q",
    "attn1.to_k": "k",
    "attn1.to_v": "v",
    "attn1.norm_q": "norm_q",
    "attn1.norm_k": "norm_k",
    "attn1.to_out.0": "attn_out",
    "norm2.linear": "norm2.linear",
    "norm2.norm": "norm2.norm",
    "ff.net.0.proj": "ff_proj",
    "ff.net.2": "ff_out",
}
"""The layers of a block: {diffusers' name: ComfyUI's}."""

OTHER_LAYERS = {
    "patch_embed.proj": "patch_embed.proj",
    "patch_embed.text_proj": "patch_embed.text_proj",
    "time_embedding.linear_1": "time_embedding_linear_1",
    "time_embedding.linear_2": "time_embedding_linear_2",
    "norm_final": "norm_final",
    "norm_out.linear": "norm_out.linear",
    "norm_out.norm": "norm_out.norm",
    "proj_out": "proj_out",
}

_SAVED_PREFIX = "model.diffusion_model."
_BLOCK = re.compile(r"(?:transformer_blocks|blocks)\.(\d+)\.(.+)")
_TO_NATIVE = {**BLOCK_LAYERS, **{name: name for name in BLOCK_LAYERS.values()}}
_OTHER_TO_NATIVE = {**OTHER_LAYERS, **{name: name for name in OTHER_LAYERS.values()}}
_OF_NO_LAYER = {TABLE, "scaled_fp8"}
_WIDTH_OF_2B = 1920
_CHANNELS = (COGVIDEOX.channels, 2 * COGVIDEOX.channels)


def native_keys(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """{key in the file: ComfyUI's key}, for CogVideoX-5B and CogVideoX-5B-I2V.

    Raises ValueError for the other CogVideoX models, saying why, and for a file with unknown or missing layers, which
    it lists.
    """
    plain = {key: key.removeprefix(_SAVED_PREFIX) for key in shapes}
    _refuse_relatives({plain[key]: shape for key, shape in shapes.items()})
    keys = {key: _native(name) for key, name in plain.items()}
    unknown = [key for key, name in keys.items() if name is None]
    if unknown:
        raise ValueError(f"expected CogVideoX-5B, these keys belong to none of its layers: {list_names(unknown)}.")
    found = {key: name for key, name in keys.items() if name is not None}
    there = {name.removesuffix(".weight") for name in found.values()}
    blocks = 1 + max((int(match[1]) for name in there if (match := _BLOCK.fullmatch(name))), default=-1)
    wanted = [*OTHER_LAYERS.values()]
    wanted += [f"blocks.{block}.{layer}" for block in range(max(blocks, 1)) for layer in BLOCK_LAYERS.values()]
    missing = [layer for layer in wanted if layer not in there]
    if missing:
        raise ValueError(
            f"expected CogVideoX-5B, these layers are missing: {list_names(missing)}. Choose a CogVideoX-5B file, or "
            "download it again."
        )
    return found


def other_cogvideox(width: int, channels: int, deep: bool) -> str | None:
    """Which model that TransPixeler was not trained for this is, why not, and what to do; None for those that it was.

    `deep`: its patches span two latent frames, in which case `channels` does not count.
    """
    if deep:
        return (
            "CogVideoX 1.5, whose patches span two latent frames; TransPixeler was trained on version 1.0. Load "
            "CogVideoX-5B."
        )
    if width == _WIDTH_OF_2B:
        return (
            f"CogVideoX-2B: it is {width} wide where TransPixeler's weights want 3072, and its absolute positions have "
            "no place for a second domain. Load CogVideoX-5B."
        )
    if channels not in _CHANNELS:
        return (
            f"a variant with another condition: CogVideoX-5B has {_CHANNELS[0]} input channels, CogVideoX-5B-I2V "
            f"{_CHANNELS[1]}, this has {channels}. Load one of the two."
        )
    return None


def _native(name: str) -> str | None:
    if name in _OF_NO_LAYER:
        return name
    layer, _, leaf = name.rpartition(".")
    if block := _BLOCK.fullmatch(layer):
        inner = _TO_NATIVE.get(block[2])
        return inner and f"blocks.{block[1]}.{inner}.{leaf}"
    other = _OTHER_TO_NATIVE.get(layer)
    return other and f"{other}.{leaf}"


def _refuse_relatives(shapes: Mapping[str, tuple[int, ...]]) -> None:
    patches = shapes.get("patch_embed.proj.weight")
    if patches is None:
        return  # no CogVideoX at all: the missing layers say so
    width, channels = patches[:2]
    if other := other_cogvideox(width, channels, deep=len(patches) == 2):
        raise ValueError(f"expected CogVideoX-5B, this is {other}")
    if channels == _CHANNELS[1] and TABLE not in shapes:
        raise ValueError(f"expected CogVideoX-5B-I2V, which has learned positions; {TABLE} is missing.")

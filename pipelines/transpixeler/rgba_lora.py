"""A TransPixeler file: the LoRA of the alpha rows by layer, and the domain embedding.

Spellings  CogVideoX `transformer.transformer_blocks.N.attn1.{to_q,to_k,to_v,to_out.0}.lora_{A,B}.weight`, `domain_emb`.
           Mochi `block_N.{to_q,to_k,to_v,to_out}_lora.{0,1}.weight`, 0 = down, 1 = up; no embedding is released.
           Wan `blocks.N.{self_attn.{q,k,v,o},cross_attn.{q,o},ffn.{0,2}}.lora_{A,B}.weight`, `modality_embedding`, with
           the prefix `diffusion_model.`, `transformer.` or none; the embedding may stand under several of them.
Layout     layers are named as the host names them; Mochi's q, k and v are one layer there. Embedding (1, D) or (L, D).
Range      the change is multiplied by 1 / rank: no file stores an alpha, and all were trained with 1.
Source     TransPixeler's release: `rgba_utils.py` of CogVideoX and Mochi; the exporter of the wan branch.
Differs    The release reads what it needs and ignores the rest. We refuse keys that we do not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..weights.key_dialects import list_names
from ..weights.kinds.table import OtherKind, identify
from ..weights.kinds.transpixeler import TRANSPIXELER
from ..weights.weights_file import shapes_of
from .alpha_lora import AlphaLoRALayer
from .families import COGVIDEOX, MOCHI, WAN, Family

Parts = dict[str, dict[str, Tensor]]
"""{module as the file calls it, with its block: {"down" or "up": matrix}}"""

EVERYWHERE = ("cross_attn.o",)
"""Wan's release restricts its LoRA to alpha for every layer but this."""


@dataclass(frozen=True)
class Spelling:
    """How a family's files name things. layers: {layer of the host's block: the file's modules that make it up}."""

    family: Family
    key: re.Pattern[str]
    embedding: re.Pattern[str]
    layers: Mapping[str, tuple[str, ...]]
    fewest: int
    """Layers that every block has; Wan's exporter writes those that were trained."""


SPELLINGS = (
    Spelling(
        COGVIDEOX,
        re.compile(
            r"transformer\.transformer_blocks\.(?P<block>\d+)\.attn1\.(?P<module>to_[qkv]|to_out\.0)"
            r"\.lora_(?P<part>[AB])\.weight"
        ),
        re.compile(r"domain_emb"),
        {"q": ("to_q",), "k": ("to_k",), "v": ("to_v",), "attn_out": ("to_out.0",)},
        4,
    ),
    Spelling(
        MOCHI,
        re.compile(r"block_(?P<block>\d+)\.(?P<module>to_q|to_k|to_v|to_out)_lora\.(?P<part>[01])\.weight"),
        re.compile(r"domain_emb"),
        {"attn.qkv_x": ("to_q", "to_k", "to_v"), "attn.proj_x": ("to_out",)},
        2,
    ),
    Spelling(
        WAN,
        re.compile(
            r"(?:diffusion_model\.|transformer\.)?blocks\.(?P<block>\d+)\."
            r"(?P<module>self_attn\.[qkvo]|cross_attn\.[qo]|ffn\.[02])\.lora_(?P<part>[AB])\.weight"
        ),
        re.compile(r"(?:diffusion_model\.|transformer\.)?modality_embedding"),
        {
            name: (name,)
            for name in (*(f"self_attn.{part}" for part in "qkvo"), "cross_attn.q", "cross_attn.o", "ffn.0", "ffn.2")
        },
        1,
    ),
)


@dataclass(frozen=True, eq=False)
class RGBALoRA:
    """layers: {layer of the host's model: LoRA}, the same ones in each of the blocks."""

    family: Family
    layers: Mapping[str, AlphaLoRALayer]
    embedding: Tensor | None
    blocks: int


def read_rgba_lora(weights: Mapping[str, Tensor]) -> RGBALoRA:
    """Raises ValueError when this is another file, incomplete, or has keys in no spelling of its family."""
    spelling = _spelling(weights)
    family = spelling.family
    unknown = [key for key in weights if not spelling.key.fullmatch(key) and not spelling.embedding.fullmatch(key)]
    if unknown:
        raise ValueError(
            f"expected a TransPixeler RGBA LoRA for {family.title}, but it also has {list_names(unknown)}; such a file "
            "was made for something else."
        )
    found: dict[int, Parts] = {}
    for key, tensor in weights.items():
        if match := spelling.key.fullmatch(key):
            parts = found.setdefault(int(match["block"]), {}).setdefault(match["module"], {})
            part = "down" if match["part"] in "A0" else "up"
            if part in parts:
                raise ValueError(f"{key} stands in the file twice, in two spellings.")
            parts[part] = tensor
    layers = {
        f"blocks.{block}.{name}": _layer(f"block {block}", modules, found[block], name)
        for block in sorted(found)
        for name, modules in spelling.layers.items()
        if any(module in found[block] for module in modules)
    }
    blocks = _blocks(layers, spelling.fewest)
    return RGBALoRA(family, layers, _embedding(weights, spelling.embedding), blocks)


def _spelling(weights: Mapping[str, Tensor]) -> Spelling:
    for spelling in SPELLINGS:
        if any(spelling.key.fullmatch(key) for key in weights):
            return spelling
    found = identify(shapes_of(weights))
    if found.kind is TRANSPIXELER:
        raise ValueError("expected a LoRA, the file has a domain embedding alone. It is incomplete; download it again.")
    raise OtherKind(f"expected a TransPixeler RGBA LoRA, this is a {found}.", found.kind)


def _layer(place: str, modules: tuple[str, ...], parts: Parts, name: str) -> AlphaLoRALayer:
    lacking = [module for module in modules if parts.get(module, {}).keys() != {"down", "up"}]
    if lacking:
        raise ValueError(f"{place}: {list_names(lacking)} has no pair of down and up. The file is incomplete.")
    downs, ups = ([parts[module][part] for module in modules] for part in ("down", "up"))
    shapes = [list(matrix.shape) for matrix in (*downs, *ups)]
    same = len({tuple(down.shape) for down in downs}) == 1 and downs[0].ndim == 2
    if not same or any(up.ndim != 2 or up.shape[1] != downs[0].shape[0] for up in ups):
        raise ValueError(f"{place}, {name}: expected down [r, in] and up [out, r] of one rank, got {shapes}.")
    return AlphaLoRALayer(torch.cat(downs) if len(downs) > 1 else downs[0], tuple(ups), name in EVERYWHERE)


def _blocks(layers: Mapping[str, AlphaLoRALayer], fewest: int) -> int:
    by_block: dict[int, set[str]] = {}
    for target in layers:
        _, block, name = target.split(".", 2)
        by_block.setdefault(int(block), set()).add(name)
    count = len(by_block)
    first = by_block.get(0, set())
    if len(first) < fewest or any(by_block.get(block) != first for block in range(count)):
        raise ValueError(
            f"expected the same layers ({fewest} or more) in every block from 0 to {max(by_block)}, some are missing. "
            "The file is incomplete; download it again."
        )
    return count


def _embedding(weights: Mapping[str, Tensor], key: re.Pattern[str]) -> Tensor | None:
    named = [name for name in weights if key.fullmatch(name)]
    if not named:
        return None
    first, *others = (weights[name] for name in named)
    if any(other.shape != first.shape or not torch.equal(other, first) for other in others):
        raise ValueError(f"{list_names(named)} differ, but they are one embedding. Choose another file.")
    if first.ndim not in (1, 2, 3) or (first.ndim == 3 and first.shape[0] != 1):
        raise ValueError(f"{named[0]} wants [D], [1, D] or [1, L, D], got {list(first.shape)}.")
    return first.reshape(-1, first.shape[-1])

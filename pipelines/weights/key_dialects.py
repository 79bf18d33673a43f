"""The spellings of a LoRA key: which layer it is for and which part of the layer's change it carries.

Spellings  PEFT: `X.lora_A[.adapter].weight`, `X.lora_B[.adapter].weight`, `X.lora_magnitude_vector[.adapter].weight`.
           ComfyUI: `X.lora_down.weight`, `X.lora_up.weight`, `X.dora_scale`, `X.alpha`.
           Whole differences: `X.diff` (weight), `X.diff_b` (bias), `X.diff_m` (modulation).
           Each with the prefix `diffusion_model.` (ComfyUI), `pipe.dit.` (Wan-Alpha's trainer), `transformer.`,
           `base_model.model.` (PEFT) before any of them, or none.
           kohya: `lora_unet_blocks_0_self_attn_q.lora_down.weight` (musubi-tuner), `lycoris_...`: Wan's modules with
           underscores for dots.
Source     WeChatCV/Wan-Alpha: load_dora, lightx2v_lora_adapter; ComfyUI, comfy/lora.py.
Differs    The reference knows neither `X.dora_scale` nor `X.alpha`; the files made for ComfyUI carry the first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

Part = Literal["down", "up", "magnitude", "alpha", "diff", "diff_b", "diff_m"]
Value = TypeVar("Value")

PREFIX = r"(?:base_model\.model\.)?(?:diffusion_model\.|pipe\.dit\.|transformer\.)?"
ADAPTED = r"(?P<matrix>lora_A|lora_down|lora_B|lora_up|lora_magnitude_vector)(?:\.\w+)?\.weight"
PLAIN = r"(?P<plain>dora_scale|alpha|diff|diff_b|diff_m)"
KEY = re.compile(rf"{PREFIX}(?P<target>.+?)\.(?:{ADAPTED}|{PLAIN})")
KOHYA = re.compile(r"(?:lora_unet|lycoris)_(.+)")
WAN_MODULE = re.compile(
    r"(?P<block>blocks_\d+)_(?:(?P<attention>self_attn|cross_attn)_(?P<layer>\w+)|ffn_(?P<ffn>\d))"
    r"|(?P<outside>text_embedding|time_embedding|time_projection|head|img_emb_proj)_(?P<rest>\w+)|patch_embedding"
)
PARTS: dict[str, Part] = {
    "lora_A": "down",
    "lora_down": "down",
    "lora_B": "up",
    "lora_up": "up",
    "lora_magnitude_vector": "magnitude",
    "dora_scale": "magnitude",
}


@dataclass(frozen=True)
class LoRAKey:
    """`target` is the module's path without prefix, such as `blocks.0.self_attn.q`."""

    target: str
    part: Part


def parse_key(key: str) -> LoRAKey | None:
    """The layer and part that a key speaks of, or None for a key in no spelling that we know."""
    match = KEY.fullmatch(key)
    if match is None:
        return None
    word = match["matrix"] or match["plain"]
    return LoRAKey(_dotted(match["target"]), PARTS.get(word) or cast(Part, word))


def _dotted(target: str) -> str:
    """The module's path of a name in kohya's spelling; any other target as it is."""
    named = KOHYA.fullmatch(target)
    module = WAN_MODULE.fullmatch(named[1]) if named else None
    if module is None:
        return target
    if module["block"]:
        inside = ("ffn", module["ffn"]) if module["ffn"] else (module["attention"], module["layer"])
        return ".".join((module["block"].replace("_", "."), *inside))
    if module["outside"]:
        return f"{module['outside'].replace('emb_proj', 'emb.proj')}.{module['rest']}"
    return module[0]


def by_target(table: Mapping[str, Value]) -> tuple[dict[str, dict[Part, Value]], tuple[str, ...]]:
    """({target: {part: value}}, keys in no known spelling). Raises ValueError when two keys are the same part."""
    targets: dict[str, dict[Part, Value]] = {}
    unknown: list[str] = []
    for key, value in table.items():
        parsed = parse_key(key)
        if parsed is None:
            unknown.append(key)
        elif parsed.part in targets.setdefault(parsed.target, {}):
            raise ValueError(
                f"{parsed.target} has its {parsed.part} part twice, once as {key}; the file mixes spellings."
            )
        else:
            targets[parsed.target][parsed.part] = value
    return targets, tuple(unknown)


def list_names(names: Collection[str], most: int = 5) -> str:
    """Names for an error message: the first `most`, sorted, and how many more there are."""
    shown = ", ".join(sorted(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown

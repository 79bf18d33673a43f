"""Speed LoRA: the step-distillation weights (lightx2v) that go on top of the DoRA, and any plain LoRA for Wan.

    W'' = W' + strength * scale * up down;    biases, gains and modulations get strength * diff

Layout   pairs by module path (`blocks.0.self_attn.q`), diffs by parameter name (`blocks.0.norm3.weight`).
Range    strength 1 is the released recipe; scale is alpha / rank if the file has an alpha, else 1.
Source   WeChatCV/Wan-Alpha, lightx2v_lora_adapter. Applied after the DoRA and not normalised again.
Differs  The reference reads no alpha; a file that has one was trained with alpha / rank, so we apply it (the published
         lightx2v file is not known to have any). The reference ignores keys it does not know; we return them.
         Half a pair is an error here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..weights.key_dialects import Part, by_target, list_names
from ..weights.kinds.table import OtherKind
from ..weights.kinds.wan_alpha import DORA
from .low_rank import LowRank, low_rank_from_parts

PARAMETER_OF: dict[Part, str] = {"diff": "weight", "diff_b": "bias", "diff_m": "modulation"}


@dataclass(frozen=True, eq=False)
class SpeedLoRA:
    """Low-rank pairs by module path, differences by parameter name, and the keys that were in no known spelling."""

    pairs: Mapping[str, LowRank]
    diffs: Mapping[str, Tensor]
    unknown: tuple[str, ...]


def read_speed_lora(weights: Mapping[str, Tensor]) -> SpeedLoRA:
    """A LoRA's pairs and differences; where a weight has both, the pair counts, as in the reference.

    Raises ValueError for a DoRA, for half a pair, and when no key at all is recognised.
    """
    targets, unknown = by_target(weights)
    if any("magnitude" in parts for parts in targets.values()):
        raise OtherKind("expected a LoRA, this file has magnitudes: it is a DoRA.", DORA)
    if not targets:
        raise ValueError(f"expected LoRA keys (lora_down / lora_up, lora_A / lora_B, diff), got {list_names(unknown)}.")
    pairs = {
        target: low_rank_from_parts(target, parts)
        for target, parts in targets.items()
        if not parts.keys().isdisjoint(("down", "up", "alpha"))
    }
    diffs = {
        f"{target}.{parameter}": parts[part]
        for target, parts in targets.items()
        for part, parameter in PARAMETER_OF.items()
        if part in parts and not (part == "diff" and target in pairs)
    }
    return SpeedLoRA(pairs, diffs, unknown)


def speed_lora_shapes(lora: SpeedLoRA) -> dict[str, tuple[int, ...]]:
    """The parameters that a speed LoRA changes, and their shapes."""
    pairs = {f"{target}.weight": pair.shape for target, pair in lora.pairs.items()}
    return pairs | {name: tuple(diff.shape) for name, diff in lora.diffs.items()}

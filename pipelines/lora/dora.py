"""DoRA: Wan-Alpha's fine-tuning of the diffusion model, direction by a low-rank change, length by a stored magnitude.

    V = W + ratio * B A,    n = max(|V| over each row, 1e-8),    W' = (m / n) V

Layout   W (out, in); B = up (out, r); A = down (r, in); m = magnitude (out,).
Range    ratio 1 is the trained model. It scales the low-rank part inside the norm; the magnitude always applies in
         full, so ratio 0 is not the base model.
Order    A speed LoRA is added after: W'' = W' + strength * up down, and not normalised again.
Source   DoRA, arXiv:2402.09353, equation 5; WeChatCV/Wan-Alpha, load_dora.
Differs  The reference multiplies B A in the file's dtype (bfloat16 rounding, up to 8e-4 on a weight); we use float32.
         ComfyUI divides by |W| instead of |V|. A file with `alpha` (the reference has none) gets B A * alpha / rank,
         as every LoRA loader has it. The reference skips a layer that lacks a part; we refuse the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..weights.key_dialects import Part, by_target, list_names
from .low_rank import LowRank, low_rank_from_parts

SMALLEST_NORM = 1e-8
ROWS = 1024  # float32 rows in flight: 20 MB for a 14B model instead of 283 MB for a whole feed-forward weight


@dataclass(frozen=True, eq=False)
class DoRALayer:
    """The change of one linear layer: low-rank part and magnitude (out,), tensors as stored."""

    low_rank: LowRank
    magnitude: Tensor


def read_dora(weights: Mapping[str, Tensor]) -> dict[str, DoRALayer]:
    """{module path in the diffusion model, such as blocks.0.self_attn.q: DoRALayer}, from any of the three spellings.

    Raises ValueError, listing keys, when there are keys that no DoRA has, a layer lacks a part, shapes do not belong
    together, or ranks differ between layers.
    """
    targets, unknown = by_target(weights)
    foreign = [f"{target}.{part}" for target, parts in targets.items() for part in parts if part.startswith("diff")]
    if unknown or foreign:
        raise ValueError(
            f"a DoRA has low-rank pairs and magnitudes only, this file also has {list_names([*unknown, *foreign])}."
        )
    if not targets:
        raise ValueError("expected a DoRA, there are no weights in it.")
    _refuse_incomplete(targets)
    layers = {target: _layer(target, parts) for target, parts in targets.items()}
    ranks = {layer.low_rank.rank for layer in layers.values()}
    if len(ranks) > 1:
        raise ValueError(f"a DoRA has one rank, this file has {sorted(ranks)}. It is damaged or put together from two.")
    return layers


def dora_shapes(dora: Mapping[str, DoRALayer]) -> dict[str, tuple[int, ...]]:
    """The parameters that a DoRA changes, and their shapes."""
    return {f"{target}.weight": layer.low_rank.shape for target, layer in dora.items()}


def dora_weight(
    weight: Tensor,
    layer: DoRALayer,
    ratio: float = 1.0,
    scale: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """(out, in): the adapted weight W' on the weight's device, computed and returned in `dtype`.

    scale (out,) is what `row_scale` gives for the same weight and ratio, where it is known already.
    """
    adapted = torch.empty_like(weight, dtype=dtype)
    magnitude = layer.magnitude.to(weight.device, dtype)
    for rows, direction in _directions(weight, layer, ratio, dtype):
        factor = magnitude[rows] / _norm(direction) if scale is None else scale[rows].to(direction)
        torch.mul(direction, factor.unsqueeze(1), out=adapted[rows])
    return adapted


def row_scale(weight: Tensor, layer: DoRALayer, ratio: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    """(out,): m / n, all that a forward pass with an unmerged DoRA needs to know of the (dequantised) base weight."""
    norms = [_norm(direction) for _, direction in _directions(weight, layer, ratio, dtype)]
    return layer.magnitude.to(weight.device, dtype) / torch.cat(norms)


def scale_rows_(output: Tensor, scale: Tensor, shift: Tensor) -> None:
    """output (..., out) becomes scale * output + shift, in place.

    From f(x) + ratio * B A x it makes W' x + b for a base weight that cannot be merged (fp8, INT8, GGUF, 4-bit): f(x)
    is W x + b, scale (out,) is m / n from `row_scale` with the same ratio, and shift (out,) is (1 - scale) * b.
    """
    torch.addcmul(shift, output, scale, out=output)


def _directions(weight: Tensor, layer: DoRALayer, ratio: float, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """V = W + ratio * B A, some rows at a time."""
    low_rank = layer.low_rank
    if tuple(weight.shape) != low_rank.shape:
        raise ValueError(f"this DoRA layer was made for a weight of {list(low_rank.shape)}, got {list(weight.shape)}.")
    down = low_rank.down.to(weight.device, dtype)
    for start in range(0, weight.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        up = low_rank.up[rows].to(weight.device, dtype)
        yield rows, torch.addmm(weight[rows].to(dtype), up, down, alpha=ratio * low_rank.scale)


def _norm(direction: Tensor) -> Tensor:
    return torch.linalg.vector_norm(direction, dim=1).clamp_min(SMALLEST_NORM)


def _refuse_incomplete(targets: Mapping[str, Mapping[Part, Tensor]]) -> None:
    whole: tuple[Part, ...] = ("down", "up", "magnitude")
    lacking = [f"{target} ({part})" for target, parts in targets.items() for part in whole if part not in parts]
    if lacking:
        raise ValueError(f"a DoRA layer has a down, an up and a magnitude part, missing: {list_names(lacking)}.")


def _layer(target: str, parts: Mapping[Part, Tensor]) -> DoRALayer:
    low_rank, magnitude = low_rank_from_parts(target, parts), parts["magnitude"]
    if len(low_rank.shape) != 2:
        raise ValueError(f"{target}: a DoRA layer is linear, this one is made for a weight of {list(low_rank.shape)}.")
    out = low_rank.shape[0]
    if tuple(magnitude.shape) not in ((out,), (out, 1)):
        raise ValueError(
            f"{target}: expected one magnitude per output, [{out}] or [{out}, 1], got {list(magnitude.shape)}."
        )
    return DoRALayer(low_rank, magnitude.reshape(out))

"""Attention shared by layers: units beside SD 1.5's attention modules that let the layers of a picture see each other.

Layout   x (B, tokens, C), B = pictures * layers with the layer counting fastest; one unit per attention module.
Unit     m = h + control, where h is what the attention is given, normalised. Queries, keys, values and the output
         projection each get a low-rank change of their layer; then every place attends across the layers. The module's
         output becomes out + control + across(m + out), each of the unit's parts times `strength`.
Source   lllyasviel/sd-forge-layerdiffuse, AttentionSharingUnit.
Differs  The release runs the attention across layers as one kernel of batch pictures * tokens, which exceeds CUDA's
         limit of 65,535 for large pictures; a softmax over so few layers is written out here, and has no batch at all.
         One layer attends to itself alone, so its value is its answer. `strength` is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from einops import rearrange
from torch import Tensor, nn

from ..weights.fit import built
from .control_maps import ControlEncoder, build_control_encoder
from .layers import by_layer, interleaved

CONTROL = "kwargs_encoder."
"""How the names of the control image's encoder begin."""
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out")
EPSILON = 1e-6

Maps = Mapping[int, Tensor]


class Pair(nn.Module):
    """up(down(x))."""

    def __init__(self, inner: int, rank: int, out: int, operations: Any) -> None:
        super().__init__()
        self.down = operations.Linear(inner, rank, bias=False)
        self.up = operations.Linear(rank, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.down(x))


class SharingUnit(nn.Module):
    """width of the attention, of its context, rank and number of layers; control: the maps' width, 0 without."""

    def __init__(self, width: int, context: int, rank: int, layers: int, control: int, operations: Any = nn) -> None:
        super().__init__()
        self.layers = layers
        for name in PROJECTIONS:
            inner = context if name in ("to_k", "to_v") else width
            pairs = (Pair(inner, rank, width, operations) for _ in range(layers))
            self.add_module(f"{name}_lora", nn.ModuleList(pairs))
        self.temporal_n = operations.LayerNorm(width, eps=EPSILON)
        self.temporal_i, self.temporal_o = (operations.Linear(width, width) for _ in range(2))
        self.temporal_q, self.temporal_k, self.temporal_v = (operations.Linear(width, width) for _ in range(3))
        if control:
            self.control_convs = nn.ModuleList(
                nn.Sequential(
                    operations.Conv2d(control, control, 3, padding=1), nn.SiLU(), operations.Conv2d(control, width, 1)
                )
                for _ in range(layers)
            )

    @property
    def widths(self) -> tuple[int, int]:
        """Of the attention, and of its context."""
        return self.temporal_i.in_features, self._pairs("to_k")[0].down.in_features

    def change(self, projection: str, x: Tensor) -> Tensor:
        """What is added to the output of a projection, by layer."""
        return interleaved([pair(rows) for pair, rows in zip(self._pairs(projection), by_layer(x, self.layers))])

    def _pairs(self, projection: str) -> list[Pair]:
        return cast("list[Pair]", list(cast("nn.ModuleList", self.get_submodule(f"{projection}_lora"))))

    def control(self, maps: Maps, rows: int, tokens: int) -> Tensor | None:
        """(rows, tokens, C) to add to the attention's input; None without control. Raises ValueError for a size that
        the control image has no map of."""
        if not hasattr(self, "control_convs"):
            return None
        if tokens not in maps:
            raise ValueError(
                f"the attention works on {tokens} places, but the control image has maps of "
                f"{', '.join(map(str, maps))}: another node changes sizes inside the UNet. Take it out."
            )
        each = [rearrange(conv(maps[tokens]), "b c h w -> b (h w) c") for conv in self.control_convs]
        shown = interleaved(each)
        return shown.repeat(rows // len(shown), 1, 1)

    def across(self, x: Tensor, heads: int) -> Tensor:
        """Attention of every place across the layers, projections included."""
        inside = self.temporal_i(self.temporal_n(x))
        if self.layers == 1:
            return self.temporal_o(self.temporal_v(inside))
        q, k, v = (
            part(inside).unflatten(0, (-1, self.layers)).unflatten(-1, (heads, -1))
            for part in (self.temporal_q, self.temporal_k, self.temporal_v)
        )  # (pictures, layers, tokens, heads, width of a head)
        scale = q.shape[-1] ** -0.5
        seen = []
        for query in q.unbind(1):
            share = ((query.unsqueeze(1) * k).sum(-1, keepdim=True) * scale).softmax(dim=1)
            seen.append((share * v).sum(1).flatten(2))
        return self.temporal_o(interleaved(seen))


class AttentionSharing(nn.Module):
    """All units of a file, in its order, and the encoder of its control image if it has one."""

    def __init__(self, units: list[SharingUnit], encoder: ControlEncoder | None) -> None:
        super().__init__()
        self.units = nn.ModuleList(units)
        self.encoder = encoder

    @property
    def units_in_order(self) -> list[SharingUnit]:
        return cast("list[SharingUnit]", list(self.units))

    @property
    def layers(self) -> int:
        return self.units_in_order[0].layers


def read_sharing(weights: Mapping[str, Tensor], operations: Any = nn) -> AttentionSharing:
    """From a file's weights. Raises ValueError, listing names, when some are missing, unknown or of another shape."""
    inside: dict[int, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        if match := re.fullmatch(r"hookers\.layers\.(\d+)\.(.+)", name):
            inside.setdefault(int(match[1]), {})[match[2]] = tensor
    control = {name.removeprefix(CONTROL): tensor for name, tensor in weights.items() if name.startswith(CONTROL)}
    units = [build_unit(inside[index], operations) for index in sorted(inside)]
    if not control:
        return AttentionSharing(units, None)
    return AttentionSharing(units, build_control_encoder(control, operations))


def build_unit(state: Mapping[str, Tensor], operations: Any = nn) -> SharingUnit:
    """With the widths and weights of a unit's state dict, names without `hookers.layers.N.`."""
    layers = len([name for name in state if re.fullmatch(r"to_q_lora\.\d+\.down\.weight", name)])
    rank, width = state["to_q_lora.0.down.weight"].shape
    context = state["to_k_lora.0.down.weight"].shape[1]
    control = state["control_convs.0.0.weight"].shape[0] if "control_convs.0.0.weight" in state else 0
    return built("unit", state, lambda ops: SharingUnit(width, context, rank, layers, control, ops), operations)


def share(norm: nn.Module, attention: Any, unit: SharingUnit, strength: float, maps: Maps) -> Iterator[Any]:
    """Hooks that put a unit beside an attention module (to_q, to_k, to_v, to_out, heads) behind its norm.

    They stand on the layers, not on the module: attention that others have put in its place uses the same layers, so
    both act. Yields the handles, the norm's and then those of PROJECTIONS. Raises ValueError, while it runs, where
    others merge or split tokens or compute the norm in a way of their own.
    """
    given: dict[str, Tensor | None] = {}

    def enter(module: nn.Module, args: tuple[Tensor, ...], h: Tensor) -> Tensor:
        control = unit.control(maps, *h.shape[:2])
        given["control"] = control
        given["m"] = m = h if control is None else h + strength * control
        return m

    def changed(projection: str) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if projection == "to_q" and (m := given.get("m")) is not None and args[0].shape != m.shape:
                raise ValueError(
                    f"layers share attention over {tuple(m.shape)}, but another node makes it "
                    f"{tuple(args[0].shape)}: take out Token Merging, HyperTile and the like."
                )
            return output + strength * unit.change(projection, args[0])

        return hook

    def leave(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if "m" not in given:
            raise ValueError(
                "an attention of this model ran without the norm before it: the host or another node computes that in "
                "a way of its own, and layers cannot share it. Take that node out."
            )
        out = output + strength * unit.change("to_out", args[0])
        m, control = given.pop("m"), given.pop("control")
        assert m is not None
        out = out + strength * unit.across(m + out, attention.heads)
        return out if control is None else out + strength * control

    yield norm.register_forward_hook(enter)
    for projection in PROJECTIONS[:3]:
        yield getattr(attention, projection).register_forward_hook(changed(projection))
    yield attention.to_out.register_forward_hook(leave)

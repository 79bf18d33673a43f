"""Where each of the host's three networks lets the second domain in, and what it is given there.

One forward pre-hook on the module of every block that calls the host's attention is enough: at that moment the rows,
the rotary table and the attention that is in use are all arguments, whatever other packs have made of them before.

CogVideoX  the block itself; text and video apart; the table is the host's own unless another pack has put one there.
Wan        `self_attn` of the block, so that the cross-attention stays out of it.
Mochi      `attn` of the block; the text comes last and is cut to `crop_y` rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from comfy.ldm.cogvideo.model import CogVideoXTransformer3DModel
from comfy.ldm.genmo.joint_model.asymm_models_joint import AsymmDiTJoint
from comfy.ldm.wan.model import WanModel
from torch import Tensor, nn

from ..transpixeler.families import COGVIDEOX, MOCHI, WAN, Family
from ..transpixeler.layout import Layout
from ..transpixeler.positions import Table, cogvideox_rotary, shared

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
PATCH = 2
"""Latent cells on each side of a patch, in all three networks; patches are one latent frame deep."""
TWO_B_WIDTH = 1920


@dataclass
class Pass:
    """What is known of the forward pass that runs: the grid (F, h, w) of one domain's patches, the layout of the
    attention that runs, and CogVideoX's rotary table of both domains."""

    network: nn.Module
    grid: tuple[int, int, int] = (0, 0, 0)
    layout: Layout | None = None
    table: Table | None = None

    @property
    def tokens(self) -> int:
        return self.grid[0] * self.grid[1] * self.grid[2]

    def begin(self, x: Tensor) -> None:
        """Takes the grid from the network's input (B, C, 2F, h, w)."""
        frames, height, width = x.shape[2:]
        self.grid = (frames // 2, -(-height // PATCH), -(-width // PATCH))
        self.layout = self.table = None

    def video(self, x: Tensor) -> Tensor:
        """x (B, rows, D), all of it video. Raises ValueError when the rows are not those of both domains."""
        if x.shape[1] != 2 * self.tokens:
            raise ValueError(
                f"both domains have {2 * self.tokens} rows, the network was given {x.shape[1]}: a conditioning adds "
                "rows (reference image or video, control); leave it out."
            )
        return x


@dataclass(frozen=True, eq=False)
class Seam:
    """What is patched in one family. `attention` is the path inside a block, `enter` the work of its pre-hook:
    positions shared, the layout noted; `video` names the block's argument with the video rows."""

    family: Family
    network: type[nn.Module]
    attention: str
    video: int | str
    enter: Callable[[Pass, tuple[Any, ...], dict[str, Any]], Arguments]

    def width(self, network: Any) -> int:
        return network.hidden_size_x if self.family is MOCHI else network.dim


def _enter_cogvideox(now: Pass, args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    now.video(named["hidden_states"])
    now.layout = Layout(now.tokens, named["encoder_hidden_states"].shape[1])
    given = named["image_rotary_emb"]
    if given is not None:
        named["image_rotary_emb"] = _cogvideox_table(now, given)
    return args, named


def _cogvideox_table(now: Pass, given: Table) -> Table:
    network: Any = now.network
    own = getattr(network._get_rotary_emb, "__func__", None) is CogVideoXTransformer3DModel._get_rotary_emb
    if not own:
        return shared(given[0]), shared(given[1])
    if now.table is None:
        cos, sin = cogvideox_rotary(*now.grid, head_dim=network.attention_head_dim, device=given[0].device)
        now.table = torch.cat([cos, cos]), torch.cat([sin, sin])
    return now.table


def _enter_wan(now: Pass, args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    x, table = args
    now.layout = Layout(now.tokens)
    return (now.video(x), shared(table, 1)), named


def _enter_mochi(now: Pass, args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    x, text = args
    now.video(x)
    now.layout = Layout(now.tokens, min(named["crop_y"], text.shape[1]), text_first=False)
    return args, named | {name: shared(named[name]) for name in ("rope_cos", "rope_sin")}


SEAMS = (
    Seam(COGVIDEOX, CogVideoXTransformer3DModel, "", "hidden_states", _enter_cogvideox),
    Seam(WAN, WanModel, "self_attn", 0, _enter_wan),
    Seam(MOCHI, AsymmDiTJoint, "attn", 0, _enter_mochi),
)


def seam_of(network: Any) -> Seam:
    """The seam of a network that TransPixeler was made for. Raises ValueError, saying what it is instead."""
    seam = next((seam for seam in SEAMS if type(network) is seam.network), None)
    if seam is None:
        raise ValueError(
            f"model wants CogVideoX-5B, Wan 2.1 T2V or Mochi 1, got a {type(network).__name__}; choose another model."
        )
    if seam.family is COGVIDEOX:
        _refuse_other_cogvideox(network)
    if seam.family is WAN and (network.model_type != "t2v" or network.in_dim != WAN.channels):
        raise ValueError(
            f"model wants Wan 2.1 T2V with {WAN.channels} input channels, got {network.model_type} with "
            f"{network.in_dim}: its condition has the frames of one domain. Choose the text to video model."
        )
    return seam


def _refuse_other_cogvideox(network: Any) -> None:
    wants = "model wants CogVideoX-5B"
    if network.dim == TWO_B_WIDTH:
        raise ValueError(
            f"{wants}, got CogVideoX-2B: TransPixeler's weights are for the 5B width, and 2B's absolute positions have "
            "no place for a second domain."
        )
    if network.patch_size_t is not None:
        raise ValueError(f"{wants}, got CogVideoX 1.5, whose patches span two frames; TransPixeler was trained on 1.0.")
    if network.in_channels not in (COGVIDEOX.channels, 2 * COGVIDEOX.channels):
        raise ValueError(
            f"{wants} with 16 input channels, or 32 for I2V, got {network.in_channels}; choose one of them."
        )
    if not network.use_rotary_positional_embeddings:
        raise ValueError(f"{wants}, got one without rotary positions, as the host loads I2V; use RGBALoadCogVideoX.")

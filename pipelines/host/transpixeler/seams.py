"""Where each of the host's three networks lets the second domain in, and what it is given there.

One forward pre-hook on the module of every block that calls the host's attention is enough: at that moment the rows,
the rotary table and the attention that is in use are all arguments, whatever other packs have made of them before.

CogVideoX  the block itself; text and video apart.
Wan        `self_attn` of the block, so that the cross-attention stays out of it.
Mochi      `attn` of the block; the text comes last and is cut to `crop_y` rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from comfy.ldm.cogvideo.model import CogVideoXTransformer3DModel
from comfy.ldm.genmo.joint_model.asymm_models_joint import AsymmDiTJoint
from comfy.ldm.wan.model import WanModel
from torch import Tensor, nn

from ...latent_grid.size_rule import PATCH
from ...transpixeler.cogvideox_keys import other_cogvideox
from ...transpixeler.families import COGVIDEOX, MOCHI, WAN, Family
from ...transpixeler.layout import Layout
from ...transpixeler.positions import shared

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass
class Pass:
    """What is known of the forward pass that runs: the tokens of one domain, the layout of the attention that runs, and
    the rotary tables that both domains share."""

    tokens: int = 0
    layout: Layout | None = None
    tables: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """{id of a table as it was given: (that table, what became of it)}; a table that is held keeps its id."""

    def begin(self, x: Tensor) -> None:
        """Counts the tokens in the network's input (B, C, 2F, h, w)."""
        frames, height, width = x.shape[2:]
        self.tokens = frames // 2 * -(-height // PATCH) * -(-width // PATCH)
        self.end()

    def end(self) -> None:
        self.layout = None
        self.tables.clear()

    def shared(self, table: Tensor, dim: int = 0) -> Tensor:
        """The table with alpha where RGB is, made once for all blocks."""
        if id(table) not in self.tables:
            self.tables[id(table)] = table, shared(table, dim)
        return self.tables[id(table)][1]

    def refuse_parts(self, x: Tensor) -> None:
        """Raises ValueError unless a layer has put out x (B, rows, D) of all rows at once, or of all but the text."""
        rows = {2 * self.tokens} | (set() if self.layout is None else {self.layout.total})
        if x.shape[1] not in rows:
            raise ValueError(
                f"both domains have {2 * self.tokens} rows, a layer was given {x.shape[1]}: another node computes it "
                "in parts (chunked feed-forward); take it out."
            )

    def refuse_other_rows(self, x: Tensor) -> None:
        """Raises ValueError unless x (B, rows, D), all of it video, has the rows of both domains."""
        if x.shape[1] != 2 * self.tokens:
            raise ValueError(
                f"both domains have {2 * self.tokens} rows, the network was given {x.shape[1]}: a conditioning adds "
                "rows (reference image or video, control); leave it out."
            )


@dataclass(frozen=True, eq=False)
class Seam:
    """What is patched in one family. `attention` is the path inside a block, `enter` the work of its pre-hook:
    positions shared, the layout noted; `video` names the block's argument with the video rows, `width` the network's
    attribute with their width."""

    family: Family
    network: type[nn.Module]
    attention: str
    video: int | str
    enter: Callable[[Pass, tuple[Any, ...], dict[str, Any]], Arguments]
    width: str = "dim"


def _enter_cogvideox(now: Pass, args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    now.refuse_other_rows(named["hidden_states"])
    now.layout = Layout(now.tokens, named["encoder_hidden_states"].shape[1])
    given = named["image_rotary_emb"]
    if given is not None:
        named["image_rotary_emb"] = tuple(now.shared(table) for table in given)
    return args, named


def _enter_wan(now: Pass, args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    x, table = args
    now.refuse_other_rows(x)
    now.layout = Layout(now.tokens)
    return (x, now.shared(table, 1)), named


def _enter_mochi(now: Pass, args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    x, text = args
    now.refuse_other_rows(x)
    now.layout = Layout(now.tokens, min(named["crop_y"], text.shape[1]), text_first=False)
    return args, named | {name: now.shared(named[name]) for name in ("rope_cos", "rope_sin")}


SEAMS = (
    Seam(COGVIDEOX, CogVideoXTransformer3DModel, "", "hidden_states", _enter_cogvideox),
    Seam(WAN, WanModel, "self_attn", 0, _enter_wan),
    Seam(MOCHI, AsymmDiTJoint, "attn", 0, _enter_mochi, "hidden_size_x"),
)


def seam_of(network: nn.Module) -> Seam:
    """The seam of a network that TransPixeler was made for. Raises ValueError, saying what it is instead."""
    seam = next((seam for seam in SEAMS if type(network) is seam.network), None)
    if seam is None:
        raise ValueError(
            f"model wants CogVideoX-5B, Wan 2.1 T2V or Mochi 1, got a {type(network).__name__}; choose another model."
        )
    if isinstance(network, CogVideoXTransformer3DModel):
        _refuse_other_cogvideox(network)
    if isinstance(network, WanModel) and (network.model_type != "t2v" or network.in_dim != WAN.channels):
        raise ValueError(
            f"model wants Wan 2.1 T2V with {WAN.channels} input channels, got {network.model_type} with "
            f"{network.in_dim}: its condition has the frames of one domain. Choose the text to video model."
        )
    return seam


def _refuse_other_cogvideox(network: CogVideoXTransformer3DModel) -> None:
    if other := other_cogvideox(network.dim, network.in_channels, deep=network.patch_size_t is not None):
        raise ValueError(f"model wants CogVideoX-5B, got {other}")
    if not network.use_rotary_positional_embeddings:
        raise ValueError(
            "model wants CogVideoX-5B, got one without rotary positions, as the host loads I2V; use RGBALoadCogVideoX."
        )

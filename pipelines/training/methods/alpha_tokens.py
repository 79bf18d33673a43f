"""TransPixeler's additions to diffusers' CogVideoX, Wan and Mochi: alpha tokens behind the RGB tokens, with a LoRA.

    a LoRA on alpha rows, a domain embedding on alpha tokens, one clip's positions for both, and text that sees no alpha

Layout   a latent of both domains (B, C, 2F, h, w), RGB frames first. Rows in attention: `transpixeler.layout`.
Source   TransPixeler, arXiv:2501.03006, section 3; its release, branches main and wan.
Differs  What the paper takes away in its ablations can be taken away here. Wan's release also trains the output of the
         attention to text, but on all rows, which changes the RGB clip; here it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...transpixeler.alpha_lora import add_to_last_rows_
from ...transpixeler.families import COGVIDEOX, MOCHI, WAN, Family
from ...transpixeler.layout import Layout
from ...transpixeler.positions import cogvideox_rotary, shared
from ...transpixeler.split_attention import ALL, Sight, split_attention

ATTENTION = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0")
LAYERS = {
    COGVIDEOX.name: ATTENTION,
    MOCHI.name: ATTENTION,
    WAN.name: (*ATTENTION, "attn2.to_q", "ffn.net.0.proj", "ffn.net.2"),
}
"""Linear layers of each block that get a LoRA, in diffusers' names."""

BLOCKS = {COGVIDEOX.name: "transformer_blocks", MOCHI.name: "transformer_blocks", WAN.name: "blocks"}


@dataclass(frozen=True)
class Additions:
    """What is added; the defaults are the paper's. layers None: LAYERS. everywhere: the LoRA acts on all rows."""

    rank: int = 128
    layers: tuple[str, ...] | None = None
    everywhere: bool = False
    embedding: bool = True
    shared_positions: bool = True
    sight: Sight = field(default_factory=Sight)


@dataclass
class Size:
    """Of the clip that is going through the model: frames and tokens of one domain."""

    frames: int = 0
    tokens: int = 0


class AlphaLinear(nn.Module):
    """A frozen linear layer, and a LoRA for the last rows; up starts at 0."""

    def __init__(self, base: nn.Linear, rank: int, size: Size, everywhere: bool) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False, dtype=torch.float32)
        self.up = nn.Linear(rank, base.out_features, bias=False, dtype=torch.float32)
        nn.init.zeros_(self.up.weight)
        self.size = size
        self.everywhere = everywhere

    def forward(self, x: Tensor) -> Tensor:
        rows = x.shape[1] if self.everywhere else self.size.tokens
        return add_to_last_rows_(self.base(x), x, rows, self._change, 1 / self.down.out_features)

    def _change(self, rows: Tensor) -> Tensor:
        return self.up(self.down(rows.to(self.down.weight.dtype))).to(rows.dtype)


class AlphaTokens(nn.Module):
    """A diffusers transformer, changed in place, that takes latents of both domains."""

    def __init__(self, transformer: Any, family: Family, additions: Additions) -> None:
        super().__init__()
        self.transformer = transformer.requires_grad_(False)
        self.family, self.additions = family, additions
        self.size = Size()
        for block in getattr(transformer, BLOCKS[family.name]):
            for name in additions.layers or LAYERS[family.name]:
                linear = AlphaLinear(block.get_submodule(name), additions.rank, self.size, additions.everywhere)
                parent, _, child = name.rpartition(".")
                setattr(block.get_submodule(parent), child, linear)
        if additions.embedding:
            self.embedding = nn.Parameter(torch.zeros(1, _width(transformer)))
        _PREPARE[family.name](self)

    def forward(self, latents: Tensor, timesteps: Tensor, context: Tensor, seen: Tensor | None = None) -> Tensor:
        """The prediction for (B, C, 2F, h, w); seen (B, L) says which text tokens are none of padding (Mochi)."""
        frames, height, width = latents.shape[2] // 2, latents.shape[3] // 2, latents.shape[4] // 2
        self.size.frames, self.size.tokens = frames, frames * height * width
        return _CALL[self.family.name](self, latents, timesteps, context, seen)

    def embed(self, alpha: Tensor, axis: int) -> Tensor:
        """Alpha tokens with the embedding added along this axis."""
        shape = [1] * alpha.ndim
        shape[axis] = -1
        return alpha + self.embedding.reshape(shape).to(alpha)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """(B, heads, rows, channels)."""
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)


class CogVideoXSplit:
    """diffusers' attention processor of CogVideoX under a Sight."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> tuple[Tensor, Tensor]:
        from diffusers.models.embeddings import apply_rotary_emb

        text, video = encoder_hidden_states.shape[1], hidden_states.shape[1]
        x = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        q, k, v = (_heads(layer(x), attn.heads) for layer in (attn.to_q, attn.to_k, attn.to_v))
        q, k = attn.norm_q(q), attn.norm_k(k)
        turned: list[Any] = [apply_rotary_emb(rows[:, :, text:], image_rotary_emb) for rows in (q, k)]
        q, k = (torch.cat([rows[:, :, :text], after], dim=2).to(v) for rows, after in zip((q, k), turned))
        out = split_attention(q, k, v, Layout(video // 2, text), self.sight, attend, rows=2, out_rows=2)
        out = attn.to_out[0](out.transpose(1, 2).flatten(2))
        return out[:, text:], out[:, :text]


class MochiSplit:
    """diffusers' attention processor of Mochi under a Sight; padding of a text is neither asked nor seen."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor,
        image_rotary_emb: Any = None,
    ) -> tuple[Tensor, Tensor]:
        video = hidden_states.shape[1]
        q, k, v = (layer(hidden_states).unflatten(2, (attn.heads, -1)) for layer in (attn.to_q, attn.to_k, attn.to_v))
        q, k = (_turned(rows, *image_rotary_emb) for rows in (attn.norm_q(q), attn.norm_k(k)))
        text = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        tq, tk, tv = (layer(encoder_hidden_states).unflatten(2, (attn.heads, -1)) for layer in text)
        tq, tk = attn.norm_added_q(tq), attn.norm_added_k(tk)
        rows, said = [], []
        for clip, real in enumerate(attention_mask.bool()):
            bq, bk, bv = (
                torch.cat([ours[clip], theirs[clip][real]]).transpose(0, 1)[None]
                for ours, theirs in ((q, tq), (k, tk), (v, tv))
            )
            layout = Layout(video // 2, int(real.sum()), text_first=False)
            out = (
                split_attention(bq, bk, bv, layout, self.sight, attend, rows=2, out_rows=2)[0]
                .transpose(0, 1)
                .flatten(1)
            )
            rows.append(out[:video])
            said.append(out.new_zeros(len(real), out.shape[1]).index_put((real,), out[video:]))
        hidden, context = attn.to_out[0](torch.stack(rows)), torch.stack(said)
        return hidden, attn.to_add_out(context) if hasattr(attn, "to_add_out") else context


class WanSplit:
    """diffusers' attention processor of Wan's self-attention, where RGB does not see alpha."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: Any = None,
    ) -> Tensor:
        q, k = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(hidden_states))
        q, k, v = (_heads(rows, attn.heads) for rows in (q, k, attn.to_v(hidden_states)))
        cos, sin = (table[..., 0::2].transpose(1, 2) for table in rotary_emb)
        q, k = (_turned(rows, cos, sin) for rows in (q, k))
        layout = Layout(hidden_states.shape[1] // 2)
        out = split_attention(q, k, v, layout, self.sight, attend, rows=2, out_rows=2)
        return attn.to_out[0](out.transpose(1, 2).flatten(2))


def _heads(rows: Tensor, heads: int) -> Tensor:
    return rows.unflatten(2, (heads, -1)).transpose(1, 2)


def _turned(rows: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on interleaved pairs; cos and sin have half the channels."""
    even, odd = rows[..., 0::2].float(), rows[..., 1::2].float()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2).to(rows.dtype)


def _width(transformer: Any) -> int:
    return transformer.config.num_attention_heads * transformer.config.attention_head_dim


def _prepare_cogvideox(model: AlphaTokens) -> None:
    for block in model.transformer.transformer_blocks:
        block.attn1.set_processor(CogVideoXSplit(model.additions.sight))

    def add(_: Any, __: Any, rows: Tensor) -> Tensor:
        start = rows.shape[1] - model.size.tokens
        return torch.cat([rows[:, :start], model.embed(rows[:, start:], axis=-1)], dim=1)

    if model.additions.embedding:
        model.transformer.patch_embed.register_forward_hook(add)


def _prepare_mochi(model: AlphaTokens) -> None:
    for block in model.transformer.transformer_blocks:
        block.attn1.processor = MochiSplit(model.additions.sight)
    _share_positions(model, 0)

    def add(_: Any, __: Any, frames: Tensor) -> Tensor:
        rgb, alpha = frames.unflatten(0, (-1, 2 * model.size.frames)).chunk(2, dim=1)
        return torch.cat([rgb, model.embed(alpha, axis=-1)], dim=1).flatten(0, 1)

    if model.additions.embedding:
        model.transformer.patch_embed.register_forward_hook(add)


def _prepare_wan(model: AlphaTokens) -> None:
    if model.additions.sight.rgb != ALL:
        for block in model.transformer.blocks:
            block.attn1.set_processor(WanSplit(model.additions.sight))
    _share_positions(model, 1)

    def add(_: Any, __: Any, grid: Tensor) -> Tensor:
        rgb, alpha = grid.chunk(2, dim=2)
        return torch.cat([rgb, model.embed(alpha, axis=1)], dim=2)

    if model.additions.embedding:
        model.transformer.patch_embedding.register_forward_hook(add)


def _share_positions(model: AlphaTokens, axis: int) -> None:
    """Make the model's own rotary table that of one domain, twice."""

    def share(_: Any, __: Any, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        return tuple(shared(table, axis) for table in tables)

    if model.additions.shared_positions:
        model.transformer.rope.register_forward_hook(share)


def _call_cogvideox(
    model: AlphaTokens, latents: Tensor, timesteps: Tensor, context: Tensor, seen: Tensor | None
) -> Tensor:
    grid = (latents.shape[3] // 2, latents.shape[4] // 2)
    frames = model.size.frames if model.additions.shared_positions else 2 * model.size.frames
    tables = cogvideox_rotary(frames, *grid, model.transformer.config.attention_head_dim, latents.device)
    if model.additions.shared_positions:
        tables = tuple(torch.cat([table, table]) for table in tables)
    out = model.transformer(latents.transpose(1, 2), context, timesteps, image_rotary_emb=tables, return_dict=False)
    return out[0].transpose(1, 2)


def _call_mochi(model: AlphaTokens, latents: Tensor, timesteps: Tensor, context: Tensor, seen: Tensor | None) -> Tensor:
    if seen is None:
        raise ValueError("Mochi wants to know which text tokens are padding, got no mask of its text.")
    return model.transformer(latents, context, timesteps, seen, return_dict=False)[0]


def _call_wan(model: AlphaTokens, latents: Tensor, timesteps: Tensor, context: Tensor, seen: Tensor | None) -> Tensor:
    return model.transformer(latents, timesteps, context, return_dict=False)[0]


_PREPARE: dict[str, Callable[[AlphaTokens], None]] = {
    COGVIDEOX.name: _prepare_cogvideox,
    MOCHI.name: _prepare_mochi,
    WAN.name: _prepare_wan,
}
_CALL: dict[str, Callable[..., Tensor]] = {
    COGVIDEOX.name: _call_cogvideox,
    MOCHI.name: _call_mochi,
    WAN.name: _call_wan,
}

"""Cross-attention over short texts that gives what 512 rows of text give.

    a row of zeros in the text stands for n such rows: its weight in the softmax is n times as large

Layout   context (B, L, D) with L < 512, real rows and at least one row of zeros.
Source   Wan 2.1 pads every text with zeros to 512 rows and attends to all of them.
Differs  Not in the result (1e-6): 512 rows cost several times what a toy model's own tokens cost.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

PADDED = 512


def count_padding(dit: Any, padded: int = PADDED) -> None:
    """Make a diffusers WanTransformer3DModel, in place, count the zero rows of a short text for all the padding."""
    counted = _Counted(padded)

    def note_padding(_: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        context = named["encoder_hidden_states"] if "encoder_hidden_states" in named else positional[2]
        counted.note(context)

    dit.register_forward_pre_hook(note_padding, with_kwargs=True)
    for block in dit.blocks:
        block.attn2.set_processor(counted)


def _is_captured(context: Tensor) -> bool:
    """Whether a CUDA graph is being made of this, in which nothing can be asked of the GPU."""
    return context.is_cuda and torch.cuda.is_current_stream_capturing()


class _Counted:
    """An attention processor of diffusers for text-to-video Wan's cross-attention."""

    def __init__(self, padded: int) -> None:
        self.padded = padded
        self.bias: Tensor | None = None

    def note(self, context: Tensor) -> None:
        empty = (context == 0).all(-1)
        rows = empty.sum(-1, keepdim=True)
        if context.shape[1] >= self.padded:
            self.bias = None
            return
        if not _is_captured(context) and not bool(rows.all()):
            raise ValueError(
                f"a text shorter than {self.padded} rows wants at least one row of zeros, got none; pad it with one."
            )
        weight = ((rows + self.padded - context.shape[1]) / rows).log()
        self.bias = (empty * weight)[:, None, None, :].to(context.dtype)

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        rotary_emb: Any = None,
    ) -> Tensor:
        query = attn.norm_q(attn.to_q(hidden_states))
        key, value = attn.norm_k(attn.to_k(encoder_hidden_states)), attn.to_v(encoder_hidden_states)
        query, key, value = (rows.unflatten(2, (attn.heads, -1)).transpose(1, 2) for rows in (query, key, value))
        bias = None if self.bias is None else self.bias.to(query.dtype)
        out = F.scaled_dot_product_attention(query, key.to(query), value.to(query), attn_mask=bias)
        return attn.to_out[0](out.transpose(1, 2).flatten(2))

"""Layers in a batch: the layer counts fastest, so pictures of three layers are 0, 1, 2 and 0, 1, 2.

Layout   rows (B, ...), B = pictures * layers; contexts (B, tokens, features).
Source   lllyasviel/sd-forge-layerdiffuse, attention_sharing.py.
Differs  The release wants one number of tokens in all prompts. We repeat each up to the common multiple, which no
         attention sees; ComfyUI does the same for positive and negative prompts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def refuse_other_batch(rows: int, layers: int, name: str) -> None:
    """Raises ValueError when a batch is not made of whole pictures."""
    if rows % layers:
        below = rows - rows % layers
        more = f"{below} or {below + layers}" if below else str(layers)
        raise ValueError(
            f"{name} has a batch of {rows}, but the model makes {layers} layers of each picture; use a batch of {more}."
        )


def by_layer(rows: Tensor, layers: int) -> tuple[Tensor, ...]:
    """The rows of each layer, (pictures, ...)."""
    return rows.unflatten(0, (-1, layers)).unbind(1)


def interleaved(each: Sequence[Tensor]) -> Tensor:
    """Rows of each layer, back in one batch."""
    return torch.stack(tuple(each), dim=1).flatten(0, 1)


def with_own_prompts(context: Tensor, prompts: Sequence[Tensor | None], positive: Tensor) -> Tensor:
    """The context with each layer's own prompt (1, tokens, features) in the rows where `positive` (B,) holds."""
    own = [None if prompt is None else prompt.to(context) for prompt in prompts]
    tokens = math.lcm(context.shape[1], *(prompt.shape[1] for prompt in own if prompt is not None))
    shown = context.repeat(1, tokens // context.shape[1], 1)
    for layer, prompt in enumerate(own):
        if prompt is not None:
            rows = (torch.arange(len(shown), device=shown.device) % len(own) == layer) & positive.to(shown.device)
            shown[rows] = prompt.repeat(1, tokens // prompt.shape[1], 1)
    return shown

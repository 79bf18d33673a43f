"""Attention in which text, and RGB if wished, sees less of alpha: plain calls on parts of the rows, no mask.

Rows that must not see alpha attend to the keys without alpha, all others to all keys. That is the masked result, and
nothing of the size of the sequence squared is ever built. Only `LESS`, the bias of the released code, comes as a bias,
for its own rows, and that repeats a single row.

Layout   q, k, v with the sequence of a Layout along dimension `rows`; the output has it along `out_rows`.
Range    LESS adds -1 to the logits of alpha keys.
Source   TransPixeler, arXiv:2501.03006, section 3.3, equation 7, and its release.
Differs  The release builds a mask of the sequence squared. For CogVideoX it hands ones and zeros to a function that
         adds them to the logits, so that text sees alpha keys by e^-1 less (LESS) instead of not at all (NOTHING).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .layout import Layout

See = Literal["all", "less", "nothing"]
ALL: See = "all"
LESS: See = "less"
NOTHING: See = "nothing"
BIAS = -1.0

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""attend(q, k, v, bias): attention of these rows to these keys, the bias (rows, keys) added to the logits."""


@dataclass(frozen=True)
class Sight:
    """What text rows and RGB rows see of alpha. Alpha rows see everything."""

    text: See = NOTHING
    rgb: See = ALL


def split_attention(
    q: Tensor, k: Tensor, v: Tensor, layout: Layout, sight: Sight, attend: Attend, rows: int = 1, out_rows: int = 1
) -> Tensor:
    """Attention of all rows under `sight`: one call of `attend` if all see everything, else one for each part.

    A part is put into its place before the next is computed: no more than half of the output is ever there twice.
    """
    if sight.rgb == ALL and (sight.text == ALL or not layout.text):
        return attend(q, k, v, None)
    keys: dict[See, tuple[Tensor, Tensor, Tensor | None]] = {ALL: (k, v, None)}
    output = None
    for see, start, length in _parts(layout, sight):
        if see == NOTHING and see not in keys:
            keys[see] = (without_alpha(k, layout, rows), without_alpha(v, layout, rows), None)
        elif see == LESS:
            keys[see] = (k, v, bias_on_alpha(k, layout).expand(length, -1))
        part = attend(q.narrow(rows, start, length), *keys[see])
        if output is None:
            shape = list(part.shape)
            shape[out_rows] = layout.total
            output = part.new_empty(shape)
        output.narrow(out_rows, start, length).copy_(part)
        del part
    assert output is not None
    return output


def without_alpha(keys: Tensor, layout: Layout, rows: int = 1) -> Tensor:
    """The rows of text and RGB, in their order."""
    before = keys.narrow(rows, 0, layout.alpha_rows.start)
    if layout.alpha_rows.stop == layout.total:
        return before
    return torch.cat([before, keys.narrow(rows, layout.alpha_rows.stop, layout.text)], dim=rows)


def bias_on_alpha(keys: Tensor, layout: Layout) -> Tensor:
    """(1, total): BIAS for alpha keys, else 0, with the device and dtype of the keys."""
    bias = keys.new_zeros(1, layout.total)
    bias[:, layout.alpha_rows] = BIAS
    return bias


def _parts(layout: Layout, sight: Sight) -> list[tuple[See, int, int]]:
    """(what is seen, first row, rows) of text, RGB and alpha; text and RGB are one part where they see the same."""
    text, rgb, alpha = layout.text_rows, layout.rgb_rows, layout.alpha_rows
    if layout.text_first and sight.text == sight.rgb:
        parts: list[tuple[See, slice]] = [(sight.rgb, slice(text.start, rgb.stop)), (ALL, alpha)]
    else:
        parts = [(sight.text, text), (sight.rgb, rgb), (ALL, alpha)]
    return [(see, part.start, part.stop - part.start) for see, part in parts if part.stop > part.start]

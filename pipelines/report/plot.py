"""The numbers of a clip over its frames, drawn one below the other.

Layout   (H, W, 3), as high as there are curves.
Range    0..1; each curve from its own least to its largest value, which are written beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from .drawing import QUIET, curve, paper, tensor_of, text
from .measures import Measures

WIDTH, ROW, MARGIN, LABELS = 720, 110, 14, 170


def plot(found: Measures) -> Tensor:
    """Coverage, holes, steadiness, edge width and, if measured, flow difference."""
    rows: list[tuple[str, str, Sequence[float]]] = [
        ("coverage", "visible, %", [100 * each.visible for each in found.frames]),
        ("holes", "of the subject, %", [100 * each.holes for each in found.frames]),
        ("flicker", "1 = no change", [each.steadiness for each in found.frames]),
        ("edge width", "pixels", [each.edge.width for each in found.frames]),
    ]
    if found.with_flow:
        rows.append(("flow difference", "pixels a frame", [each.flow for each in found.frames]))
    sheet = paper(len(rows) * ROW + 2 * MARGIN, WIDTH)
    for index, (title, unit, values) in enumerate(rows):
        top = MARGIN + index * ROW
        known = [value for value in values if not math.isnan(value)]
        low, high = (min(known), max(known)) if known else (0.0, 0.0)
        text(sheet, MARGIN, top + 8, title)
        text(sheet, MARGIN, top + 24, unit, QUIET)
        text(sheet, MARGIN, top + 44, f"{low:.4g} to {high:.4g}" if known else "nothing to measure")
        curve(sheet, (LABELS, top + 4, WIDTH - MARGIN, top + ROW - 12), values, low, high)
    return tensor_of(sheet)

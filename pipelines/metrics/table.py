"""Numbers as a table of plain text: a line for each measure, a column for each folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .comparison import Measure

NOTHING = "-"


def table(headings: Sequence[str], columns: Sequence[Mapping[Measure, float]]) -> str:
    """Lines in the order of the last column, then of those before it; a dash where a column has no number."""
    measures = list(dict.fromkeys(measure for column in reversed(columns) for measure in column))
    rows = [["", "better", *headings]]
    rows += [[each.name, each.better, *(_shown(column.get(each)) for column in columns)] for each in measures]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "".join(
        "  ".join(cell.ljust(width) if k < 2 else cell.rjust(width) for k, (cell, width) in enumerate(zip(row, widths)))
        + "\n"
        for row in rows
    )


def _shown(value: float | None) -> str:
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.4g}" if math.isfinite(value) else "inf"

"""A clip's numbers in words: what each is, which way is better, and where to look."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..metrics.flow import CAVEAT
from .measures import Frame, Measures

NO_OPENCV = "not measured, OpenCV is missing: pip install opencv-python-headless"


def report(found: Measures, opencv: bool = True) -> str:
    """Lines of plain text. Frames are counted from 0."""
    lines = [f"{len(found.frames)} frames of {found.width} x {found.height}"]
    if found.is_dead:
        lines.append(f"No living alpha: {percent(found.opaque)} is opaque, {percent(1 - found.visible)} is empty.")
    lines += [
        f"coverage         {percent(found.visible)} visible, {percent(found.opaque)} opaque",
        f"holes            {percent(found.holes)} of the filled subject (less is better)"
        + _worst(found.frames, lambda frame: frame.holes),
        f"flicker          {number(found.steadiness)} of 1 (1 = alpha does not change)"
        + _worst(found.frames, lambda frame: 1 - frame.steadiness),
        f"edge width       {number(found.edge_width)} pixels",
        f"flow difference  {_flow(found, opencv)}",
    ]
    if found.with_flow and not math.isnan(found.flow):
        lines.append(CAVEAT)
    return "\n".join(lines)


def percent(share: float) -> str:
    return "nothing to measure" if math.isnan(share) else f"{100 * share:.2f} %"


def number(value: float) -> str:
    return "nothing to measure" if math.isnan(value) else f"{value:.4g}"


def _flow(found: Measures, opencv: bool) -> str:
    if not found.with_flow:
        return "not asked for" if opencv else NO_OPENCV
    if math.isnan(found.flow):
        return number(found.flow)
    return f"{number(found.flow)} pixels a frame; a frozen alpha would score {number(found.if_frozen)}"


def _worst(frames: Sequence[Frame], badness: Callable[[Frame], float]) -> str:
    """Names the frame where it is worst, if anywhere."""
    values = [(badness(frame), index) for index, frame in enumerate(frames)]
    worst, index = max(((value, index) for value, index in values if value > 0), default=(0.0, 0))
    return f"; worst in frame {index}" if worst > 0 else ""

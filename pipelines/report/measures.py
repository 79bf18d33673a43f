"""A clip measured frame by frame, so that a curve can be drawn and a long clip fits into memory.

Layout   clip (T, H, W, 4), straight RGBA.
Range    0..1, 1 = opaque; the unit of each number stands with it. NaN = nothing to measure.
Source   `metrics.holes`, `metrics.flicker` and `metrics.flow`, `alpha.coverage`, `edge_width`.
Differs  The numbers of a clip are those of the whole clip there: shares weighed by area, means over pairs of frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..alpha.coverage import coverage
from ..metrics.flicker import flicker
from ..metrics.flow import flow_difference
from ..metrics.holes import hole_rate
from ..metrics.regions import HALF
from .edge_width import Edge, edge_of

DEAD = 0.995
"""A clip of which so much is opaque, or empty, has no living alpha."""


@dataclass(frozen=True)
class Frame:
    """One frame; what takes two is measured from the frame before, and NaN in the first.

    visible, opaque  shares of the frame: alpha above 0 and at 1, an 8-bit level apart
    holes            share of the filled subject that is hole
    filled           pixels of the filled subject
    edge             the soft edge
    steadiness       of alpha, as VBench's flicker score: 1 = no change
    flow, if_frozen  distance of the flows of colour and alpha, and what a frozen alpha would score, in pixels a frame
    """

    visible: float
    opaque: float
    holes: float
    filled: float
    edge: Edge
    steadiness: float = math.nan
    flow: float = math.nan
    if_frozen: float = math.nan


@dataclass(frozen=True)
class Measures:
    """The frames of a clip, and the numbers of all of it."""

    frames: Sequence[Frame]
    height: int
    width: int
    with_flow: bool

    @property
    def visible(self) -> float:
        return _mean([each.visible for each in self.frames])

    @property
    def opaque(self) -> float:
        return _mean([each.opaque for each in self.frames])

    @property
    def holes(self) -> float:
        filled = sum(each.filled for each in self.frames)
        empty = sum(each.holes * each.filled for each in self.frames if each.filled)
        return empty / filled if filled else math.nan

    @property
    def steadiness(self) -> float:
        return _mean([each.steadiness for each in self.frames[1:]])

    @property
    def edge_width(self) -> float:
        return Edge(
            sum(each.edge.softness for each in self.frames), sum(each.edge.length for each in self.frames)
        ).width

    @property
    def flow(self) -> float:
        return _mean([each.flow for each in self.frames[1:]])

    @property
    def if_frozen(self) -> float:
        return _mean([each.if_frozen for each in self.frames[1:]])

    @property
    def is_dead(self) -> bool:
        """Nearly all opaque or nearly all empty: there is no alpha to judge."""
        return self.opaque > DEAD or self.visible < 1 - DEAD


def measured(clip: Tensor, with_flow: bool, on_frame: Callable[[], None] = lambda: None) -> Measures:
    """Every number of every frame; `on_frame` is called after each and may raise.

    `with_flow` needs OpenCV (ImportError where it is missing) and takes most of the time.
    """
    frames: list[Frame] = []
    for index in range(len(clip)):
        frames.append(_frame(clip[max(index - 1, 0) : index + 1], with_flow))
        on_frame()
    return Measures(frames, clip.shape[1], clip.shape[2], with_flow)


def _frame(pair: Tensor, with_flow: bool) -> Frame:
    """The last of one or two frames."""
    rgb, alpha = pair.split((3, 1), dim=-1)
    last = alpha[-1:]
    covered = coverage(last)
    holes = hole_rate(last)
    subject = float((last > HALF).count_nonzero())
    alone = Frame(
        visible=1 - covered.empty,
        opaque=covered.opaque,
        holes=holes,
        filled=subject / (1 - holes) if subject else 0.0,
        edge=edge_of(last[0]),
    )
    if len(pair) == 1:
        return alone
    flow = flow_difference(rgb, alpha) if with_flow else None
    return replace(
        alone,
        steadiness=flicker(alpha),
        flow=flow.distance if flow else math.nan,
        if_frozen=flow.if_frozen if flow else math.nan,
    )


def _mean(values: Sequence[float]) -> float:
    """Of those that are numbers; NaN where none is."""
    return torch.tensor(values, dtype=torch.float64).nanmean().item() if values else math.nan

"""Which of many clips is best, by one rule.

Layout   clips (T, H, W, 4), straight RGBA; subject (T, H, W) on the pixel grid, 1 = subject.
Range    0..1; scores: more is better, whatever the rule.
Source   Our own rules on the numbers of `metrics`.
Differs  A dead alpha (over 99.5 % opaque or empty) comes last under every rule, for it has no holes and never flickers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..metrics.ellipse_agreement import agreement
from .measures import Measures, measured
from .rules import COVERAGE, ELLIPSE_AGREEMENT, FEWEST_HOLES, FLICKER
from .text import number, percent

OUTLINE = math.exp(-0.5)
"""The field of an ellipse of softness 1 on its outline, one sigma from the centre."""


@dataclass(frozen=True)
class Score:
    """`value`: more is better. `words` say it in the rule's unit."""

    value: float
    words: str
    is_dead: bool

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Sorts the best first: the living before the dead, numbers before NaN."""
        nothing = math.isnan(self.value)
        return self.is_dead, nothing, 0.0 if nothing else -self.value


def score(clip: Tensor, rule: str, subject: Tensor | None = None, on_frame: Callable[[], None] = lambda: None) -> Score:
    """By the rule. Raises ValueError where "ellipse agreement" has no subject to compare with."""
    found = measured(clip, with_flow=False, on_frame=on_frame)
    value, words = _by_rule(found, clip, rule, subject)
    return Score(value, f"{words}, no living alpha" if found.is_dead else words, found.is_dead)


def _by_rule(found: Measures, clip: Tensor, rule: str, subject: Tensor | None) -> tuple[float, str]:
    if rule == FEWEST_HOLES:
        return -found.holes, f"holes {percent(found.holes)}"
    if rule == COVERAGE:
        return found.visible, f"visible {percent(found.visible)}"
    if rule == FLICKER:
        return found.steadiness, f"steadiness {number(found.steadiness)}"
    if subject is None:
        raise ValueError(
            f"The rule '{ELLIPSE_AGREEMENT}' wants a subject to compare with; connect the editor's `subject`."
        )
    agreed = agreement(clip[..., 3:], (subject > OUTLINE)[..., None])
    return agreed.inside - agreed.outside, f"alpha {number(agreed.inside)} inside, {number(agreed.outside)} outside"

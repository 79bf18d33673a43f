"""Where an ellipse is at a frame, between its keyframes.

Layout   one ellipse, one frame (whole or fractional) to one pose.
Range    as in `drawing`; an interpolated value stays between its two keyframes.
Source   Our own rules, in the words of animation programs: linear, ease (3u^2 - 2u^3), hold.
Differs  Wan-Alpha has one ellipse per latent frame and nothing in between.

Before the first keyframe and after the last the value holds. With `loop` time runs in a circle of `length` frames and
the last keyframe leads to the first one, `length` frames after it; a keyframe at or after that one is never reached.
The angle is a plain number: from 350 to 370 is 20 degrees, from 350 to 10 is 340 degrees the other way.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from .drawing import Ease, Ellipse, Keyframe


@dataclass(frozen=True)
class Pose:
    """An ellipse at one moment; the fields mean what they mean in `Keyframe`."""

    cx: float
    cy: float
    rx: float
    ry: float
    angle: float
    softness: float
    weight: float


def at(ellipse: Ellipse, frame: float, length: int, loop: bool) -> Pose:
    """The ellipse at `frame` of a clip of `length` frames. Raises ValueError when `length` is below 1."""
    if length < 1:
        raise ValueError(f"A clip wants at least 1 frame, got {length}.")
    keyframes = ellipse.keyframes
    first = keyframes[0]
    if loop:
        frame = first.frame + (frame - first.frame) % length
    following = bisect_right(keyframes, frame, key=lambda keyframe: keyframe.frame)
    if following == 0:
        return _between(first, first, 0.0)
    start = keyframes[following - 1]
    end, end_frame = (first, first.frame + length) if loop else (start, start.frame + 1)  # the latter holds
    if following < len(keyframes) and (not loop or keyframes[following].frame < end_frame):
        end, end_frame = keyframes[following], keyframes[following].frame
    return _between(start, end, _eased(start.ease, (frame - start.frame) / (end_frame - start.frame)))


def _eased(ease: Ease, u: float) -> float:
    if ease == "hold":
        return 0.0
    return u * u * (3 - 2 * u) if ease == "ease" else u


def _between(start: Keyframe, end: Keyframe, u: float) -> Pose:
    return Pose(
        cx=start.cx + (end.cx - start.cx) * u,
        cy=start.cy + (end.cy - start.cy) * u,
        rx=start.rx + (end.rx - start.rx) * u,
        ry=start.ry + (end.ry - start.ry) * u,
        angle=start.angle + (end.angle - start.angle) * u,
        softness=start.softness + (end.softness - start.softness) * u,
        weight=start.weight + (end.weight - start.weight) * u,
    )

"""Flow difference: whether alpha moves as the colour does.

Layout   rgb (T, H, W, 3), alpha (T, H, W, 1), at least two frames.
Range    0..1, rounded to 8 bits, on which the optical flow works; the result in pixels per frame, 0 = they move alike.
Source   TransPixeler, arXiv:2501.03006, appendix 9: grey pictures, Farneback's flow of both, the mean distance of the
         two vectors over pixels and pairs of frames. The flow is OpenCV's, which is what the paper defines it by.
Differs  The paper gives no parameters; these are those of OpenCV's own example.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from torch import Tensor

CAVEAT = (
    "Flow difference rewards an alpha that hardly moves: flat regions have no flow. On a known clip a nearly static "
    "alpha scores 0.39, the perfectly aligned one 0.61, one that moves the wrong way 1.44. Read it beside what a "
    "frozen alpha would score, and between versions of one model only."
)

FARNEBACK = {
    "pyr_scale": 0.5,
    "levels": 3,
    "winsize": 15,
    "iterations": 3,
    "poly_n": 5,
    "poly_sigma": 1.2,
    "flags": 0,
}


@dataclass(frozen=True)
class FlowDifference:
    """`distance` is the metric; `if_frozen` what the same colour scores with an alpha that never changes."""

    distance: float
    if_frozen: float


def opencv_is_here() -> bool:
    return find_spec("cv2") is not None


def flow_difference(rgb: Tensor, alpha: Tensor) -> FlowDifference:
    """Mean distance between the optical flows of colour and alpha; NaN for a single frame. Read it with `CAVEAT`.

    Raises ValueError for unequal sizes, ImportError where OpenCV is missing.
    """
    if rgb.ndim != 4 or rgb.shape[:-1] != alpha.shape[:-1] or (rgb.shape[-1], alpha.shape[-1]) != (3, 1):
        raise ValueError(
            f"Flow difference wants rgb (T, H, W, 3) and alpha (T, H, W, 1) of one size, "
            f"got {tuple(rgb.shape)} and {tuple(alpha.shape)}."
        )
    import cv2  # only here: it is no library of the pack's

    colors = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in _levels(rgb)]
    alphas = list(_levels(alpha)[..., 0])
    distances, lengths = [], []
    for k in range(len(colors) - 1):
        of_color, of_alpha = (
            cv2.calcOpticalFlowFarneback(  # pyright: ignore[reportCallIssue]  its stub does not know that flow may be None
                pictures[k],
                pictures[k + 1],
                None,  # pyright: ignore[reportArgumentType]
                **FARNEBACK,
            )
            for pictures in (colors, alphas)
        )
        distances.append(_mean_length(of_color - of_alpha))
        lengths.append(_mean_length(of_color))
    if not distances:
        return FlowDifference(math.nan, math.nan)
    return FlowDifference(float(np.mean(distances)), float(np.mean(lengths)))


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean())


def _levels(clip: Tensor) -> np.ndarray:
    return (clip.detach().clamp(0, 1) * 255).round().byte().cpu().numpy()

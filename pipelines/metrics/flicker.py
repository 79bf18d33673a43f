"""Temporal flickering as VBench defines it: how little a clip changes from one frame to the next.

Layout   (T, H, W, C), at least two frames.
Range    0..1 in, rounded to the 8 bits of a video file; 0..1 out, 1 = no change at all.
Source   VBench, arXiv:2311.17982, "Temporal Flickering": (255 - mean absolute difference of frames) / 255.
Differs  VBench is given clips of still scenes for it, because motion lowers the score as flickering does, and a frozen
         clip scores 1. Nothing is filtered here: compare clips of like motion.
"""

from __future__ import annotations

from torch import Tensor

LEVELS = 255


def flicker(clip: Tensor) -> float:
    """1 - the mean change from frame to frame; NaN for a single frame."""
    levels = (clip.clamp(0, 1) * LEVELS).round()
    return 1 - levels.diff(dim=0).abs().mean().item() / LEVELS

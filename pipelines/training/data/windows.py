"""Short clips of one size cut out of footage: windows of video, and stills that a window slides over.

Layout   footage (T, H, W, C), window (frames, height, width, C).
Range    any; bilinear means keep it.
Source   Wan-Alpha's `transparent_video_dataset_image.py`: a scale between just fitting and twice that, a random place.
Differs  A still's window moves at any even speed towards the side with more room; the reference's speed is cut to whole
         pixels, downwards also where it is negative. Footage is smoothed as it shrinks. A short clip goes to and fro in
         both.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LARGEST = 2.0
"""The scale is drawn between 1 and this, times what just fits."""


def to_and_fro(length: int, start: int, count: int) -> list[int]:
    """`count` frame numbers from `start` on, turning round at both ends of a clip of `length` frames."""
    if length == 1:
        return [0] * count
    period = 2 * (length - 1)
    return [min(place % period, period - place % period) for place in range(start, start + count)]


def cut_window(footage: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A window at rest, at a random scale and place."""
    frames = scaled(footage, height, width, generator)
    top = _draw(frames.shape[1] - height + 1, generator)
    left = _draw(frames.shape[2] - width + 1, generator)
    return frames[:, top : top + height, left : left + width]


def slide_window(still: Tensor, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """`count` frames of a window that slides evenly over a still (1, H, W, C)."""
    picture = scaled(still, height, width, generator)[0]
    tops = _places(picture.shape[0] - height, count, generator)
    lefts = _places(picture.shape[1] - width, count, generator)
    return torch.stack([picture[top : top + height, left : left + width] for top, left in zip(tops, lefts)])


def scaled(footage: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    """The footage resized so that a window of height x width fits in it, by a random factor."""
    drawn = 1 + (LARGEST - 1) * torch.rand(2, generator=generator)
    factor = max(float(drawn[0]) * height / footage.shape[1], float(drawn[1]) * width / footage.shape[2])
    return _enlarged(footage, height, width, factor)


def resized(footage: Tensor, height: int, width: int) -> Tensor:
    """(T, H, W, C) to (T, height, width, C), bilinear."""
    channels_first = footage.movedim(-1, 1)
    return functional.interpolate(channels_first, size=(height, width), mode="bilinear", antialias=True).movedim(1, -1)


def covering(footage: Tensor, height: int, width: int) -> Tensor:
    """The footage resized until it just covers height x width, and cropped in the middle."""
    frames = _enlarged(footage, height, width, max(height / footage.shape[1], width / footage.shape[2]))
    top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
    return frames[:, top : top + height, left : left + width]


def _enlarged(footage: Tensor, height: int, width: int, factor: float) -> Tensor:
    """By the factor, and not below height x width for a rounding."""
    return resized(footage, max(height, round(footage.shape[1] * factor)), max(width, round(footage.shape[2] * factor)))


def _places(room: int, count: int, generator: torch.Generator) -> list[int]:
    start = _draw(room + 1, generator)
    ahead = room - start if 2 * start <= room else -start
    travel = ahead * float(torch.rand((), generator=generator))
    return [round(start + travel * k / max(count - 1, 1)) for k in range(count)]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))

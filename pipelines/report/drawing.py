"""Small drawings on plain pictures: text, lines, pasted pictures. Pillow, which comes with the host.

Layout   pictures (H, W, 3), float32.
Range    0..1, sRGB.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

PAPER = (24, 24, 28)
INK = (230, 230, 230)
QUIET = (160, 160, 166)
FAINT = (90, 90, 96)
CURVE = (110, 190, 255)


def paper(height: int, width: int) -> Image.Image:
    return Image.new("RGB", (width, height), PAPER)


def tensor_of(picture: Image.Image) -> Tensor:
    """(H, W, 3)."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255)


def picture_of(frame: Tensor) -> Image.Image:
    """Of (H, W, 3)."""
    return Image.fromarray((frame.clamp(0, 1) * 255).round().byte().cpu().numpy())


def text(on: Image.Image, x: int, y: int, words: str, color: tuple[int, int, int] = INK) -> None:
    """In the library's own font, about 11 pixels high. It knows Latin letters only; what else there is becomes ?."""
    ImageDraw.Draw(on).text((x, y), words.encode("latin-1", "replace").decode("latin-1"), fill=color)


def curve(on: Image.Image, box: tuple[int, int, int, int], values: Sequence[float], low: float, high: float) -> None:
    """Values from the left to the right of (left, top, right, bottom); a gap where one is NaN."""
    left, top, right, bottom = box
    draw = ImageDraw.Draw(on)
    draw.rectangle(box, outline=FAINT)
    span = max(high - low, 1e-12)
    across = (right - left) / max(len(values) - 1, 1)
    points = [
        None if math.isnan(value) else (left + index * across, bottom - (value - low) / span * (bottom - top))
        for index, value in enumerate(values)
    ]
    for one, other in itertools.pairwise(points):
        if one and other:
            draw.line((*one, *other), fill=CURVE, width=2)
    for point in points if len(points) < 100 else ():
        if point:
            draw.ellipse((point[0] - 2, point[1] - 2, point[0] + 2, point[1] + 2), fill=CURVE)

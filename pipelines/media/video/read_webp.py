"""Reading an animated WebP, which FFmpeg does not: by Pillow, at one rate.

Layout   frames (H, W, 4) float32, one after the other.
Range    straight, sRGB, 0..1, alpha 1 = opaque.
Differs  A file gives every picture a delay in whole milliseconds, and equal pictures in a row may be one with a longer
         delay. Here each picture stands for as many frames as its delay has of the shortest, and the rate is that of
         all of them: 41, 42 and 42 ms are 24 frames a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeGuard

import numpy as np
from PIL import Image
from torch import Tensor

from ..rates import USUAL, exact_rate
from ..stills.read_still import rgba_from

SUFFIX = ".webp"


def is_webp(source: object) -> TypeGuard[Path]:
    return isinstance(source, Path) and source.suffix.lower() == SUFFIX


def counts_and_rate(path: Path) -> tuple[list[int], Fraction]:
    """For how many frames each picture stands, and frames per second. ValueError when it is no WebP."""
    delays = [delay for delay, _ in _pictures(path)]
    shortest = min((each for each in delays if each > 0), default=0)
    if len(delays) == 1 or not shortest:
        return [1] * len(delays), USUAL
    counts = [max(1, round(each / shortest)) for each in delays]
    return counts, exact_rate(1000 * sum(counts) / sum(delays))


def size_of(path: Path) -> tuple[int, int]:
    """Width and height."""
    with Image.open(path) as image:
        return image.size


def frames_of(path: Path) -> Iterator[Tensor]:
    """Every frame, decoded one at a time."""
    counts, _ = counts_and_rate(path)
    for count, (_, image) in zip(counts, _pictures(path), strict=True):
        frame = rgba_from(np.asarray(image.convert("RGBA")))
        yield from (frame for _ in range(count))


def _pictures(path: Path) -> Iterator[tuple[int, Image.Image]]:
    """Each stored picture and its delay in milliseconds."""
    try:
        image = Image.open(path, formats=["WEBP"])
    except OSError as error:
        raise ValueError(f"An animated WebP was expected, {path.name} is none: {error}.") from None
    with image:
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            yield image.info.get("duration", 0), image

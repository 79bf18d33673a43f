"""Sizes that clips are brought to, and an endless order in which clips of one size stand together.

Range    sizes in pixels, multiples of 16 (eight for the latent, two for a token), all of exactly one area.
Source   Wan-Alpha's `prepare_trans_alpha_mask.py`: the pair of factors of 640 x 624 that is closest in aspect
         ratio, between 9:16 and 16:9 (832 x 480 is one of them).
Differs  Ratios are compared by their logarithms, so that width and height mean the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import torch

from ...latent_grid.size_rule import PATCH_PIXELS
from ..draws import mix

Area = Annotated[
    int, "pixels of a frame: every clip is brought to so many, a small one enlarged, in about its own shape"
]
AREA = 640 * 624
WIDEST = 16 / 9


def bucket(height: int, width: int, area: int = AREA) -> tuple[int, int]:
    """(height, width) for a clip of this size. Raises ValueError when the area has no such factors."""
    sizes = [
        (rows, area // rows)
        for rows in range(PATCH_PIXELS, area // PATCH_PIXELS + 1, PATCH_PIXELS)
        if area % rows == 0 and area // rows % PATCH_PIXELS == 0 and 1 / WIDEST <= area / rows**2 <= WIDEST
    ]
    if not sizes:
        raise ValueError(
            f"an area of {area} pixels has no width and height that are multiples of {PATCH_PIXELS} between 9:16 and "
            f"16:9; use {AREA}, or the product of two such numbers."
        )
    return min(sizes, key=lambda size: abs(math.log(size[1] / size[0] * height / width)))


class EndlessOrder:
    """Sample number to clip number: every clip comes once in an epoch, shuffled, `group` neighbours of one size.

    sizes has one entry for each clip. A size whose clips do not fill its last group begins again for it.
    """

    def __init__(self, sizes: Sequence[object], group: int, seed: int) -> None:
        if not sizes:
            raise ValueError("there are no clips to train on.")
        self.group, self.seed = group, seed
        places: dict[object, list[int]] = {}
        for place, size in enumerate(sizes):
            places.setdefault(size, []).append(place)
        self.buckets = list(places.values())
        self.groups = sum(math.ceil(len(bucket) / group) for bucket in self.buckets)
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def __getitem__(self, number: int) -> int:
        which, place = divmod(number, self.group)
        epoch, within = divmod(which, self.groups)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return self._epoch[1][within][place]

    def _shuffled(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(mix(self.seed, epoch))
        groups = []
        for places in self.buckets:
            order = [places[k] for k in torch.randperm(len(places), generator=generator).tolist()]
            for start in range(0, len(order), self.group):
                groups.append([order[k % len(order)] for k in range(start, start + self.group)])
        return [groups[k] for k in torch.randperm(len(groups), generator=generator).tolist()]

"""Islands: the connected parts of a region, by their area.

Layout   (H, W), bool.
Range    areas in pixels.
Source   On the CPU `scipy.ndimage.label`. On other devices components by runs of a row, joined between rows: A.
         Rosenfeld, J. L. Pfaltz, "Sequential Operations in Digital Picture Processing", Journal of the ACM 1966. Runs
         that touch take the lowest number among them until all agree, many at a time.
Differs  Nothing.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def small_islands(region: Tensor, area: int, diagonal: bool) -> Tensor:
    """The pixels of those parts of `region` that have at most `area` pixels: bool (H, W).

    `diagonal`: whether pixels that meet at a corner are connected. Lines that are one pixel thin need it.
    """
    find = find_by_labels if region.device.type == "cpu" else find_by_runs
    return find(region, area, diagonal)


def find_by_labels(region: Tensor, area: int, diagonal: bool) -> Tensor:
    """`small_islands` on the CPU."""
    from scipy import ndimage  # takes a while to import, and only mattes need it

    labels = np.empty(region.shape, dtype=np.int32)
    ndimage.label(region.numpy(), np.ones((3, 3)) if diagonal else None, labels)
    small = np.bincount(labels.ravel()) <= area
    small[0] = False  # what lies between the parts
    return torch.from_numpy(small[labels])


def find_by_runs(region: Tensor, area: int, diagonal: bool) -> Tensor:
    """`small_islands` on any device."""
    steps = F.pad(region.to(torch.int8), (1, 1)).diff(dim=1)
    rows, starts = (steps == 1).nonzero(as_tuple=True)
    ends = (steps == -1).nonzero(as_tuple=True)[1]
    if not len(rows):
        return torch.zeros_like(region)
    part = _joined(len(rows), *_touching(rows, starts, ends, region.shape[1], int(diagonal)))
    areas = torch.zeros_like(part).scatter_add_(0, part, ends - starts)
    small = areas[part] <= area
    edges = torch.zeros(region.shape[0], region.shape[1] + 1, dtype=torch.int32, device=region.device)
    edges[rows[small], starts[small]] = 1
    edges[rows[small], ends[small]] = -1
    return edges.cumsum(dim=1)[:, :-1] > 0


def _touching(rows: Tensor, starts: Tensor, ends: Tensor, width: int, reach: int) -> tuple[Tensor, Tensor]:
    """Pairs of runs, by number, that touch between one row and the next. Runs are in reading order, ends exclusive."""
    stride = width + 4  # a row's numbers, with room at both sides, so that a search never meets another row
    below = (rows + 1) * stride + 2
    first = torch.searchsorted(rows * stride + 2 + ends, below + starts - reach, right=True)
    after = torch.searchsorted(rows * stride + 2 + starts, below + ends + reach)
    count = (after - first).clamp(min=0)
    upper = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
    place = torch.arange(len(upper), device=rows.device) - (count.cumsum(0) - count)[upper]
    return upper, first[upper] + place


def _joined(runs: int, upper: Tensor, lower: Tensor) -> Tensor:
    """For each run the lowest number in its part."""
    part = torch.arange(runs, device=upper.device)
    while True:
        one, other = part[upper], part[lower]
        if torch.equal(one, other):
            return part
        least = torch.minimum(one, other)
        part = part.scatter_reduce(0, one, least, "amin").scatter_reduce(0, other, least, "amin")
        while not torch.equal(part, further := part[part]):
            part = further

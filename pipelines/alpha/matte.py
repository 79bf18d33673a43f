"""A matte put right: levels, holes and specks, choke, grow and feather.

Layout   alpha (H, W, 1) in and out.
Range    0..1, 1 = opaque; radii and sigma in pixels, areas in pixels.
Source   Erosion and dilation by a disc, area opening and closing: J. Serra, "Image Analysis and Mathematical
         Morphology", 1982; L. Vincent, "Morphological area openings and closings for grey-scale images", 1994.
Differs  Area opening and closing look at 8 levels of alpha, not at all: what is filled is filled to a multiple of 1/8,
         and to exactly 1 where it lies in what is opaque.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .islands import small_islands

LEVELS = 8
KERNEL_SIGMAS = 4
"""The Gaussian is cut off there, at 1/3000 of its height."""


@dataclass(frozen=True)
class Repair:
    """What is to be done to a matte, in the order in which it is done; as it stands, nothing.

    black, white  alpha that becomes 0, and 1; between them it is stretched
    gamma         alpha ** (1 / gamma) after that: above 1 the soft part is more opaque
    despeckle     specks of at most so many pixels go; corners connect, so that thin lines stay
    fill_holes    holes of at most so many pixels are filled
    choke, grow   radius by which the subject loses, then gains
    feather       sigma of the blur

    Raises ValueError for a white point that is not above the black point, and a gamma that is not above 0.
    """

    black: float = 0.0
    white: float = 1.0
    gamma: float = 1.0
    despeckle: int = 0
    fill_holes: int = 0
    choke: int = 0
    grow: int = 0
    feather: float = 0.0

    def __post_init__(self) -> None:
        if self.white <= self.black:
            raise ValueError(
                f"white wants to be above black, got black {self.black} and white {self.white}; "
                "0.02 and 0.98 take the noise off both ends."
            )
        if self.gamma <= 0:
            raise ValueError(f"gamma wants to be above 0, got {self.gamma}; 1 changes nothing.")


def repaired(alpha: Tensor, repair: Repair) -> Tensor:
    """The matte after all of it."""
    made = levels(alpha, repair.black, repair.white, repair.gamma)
    if repair.despeckle:
        made = despeckled(made, repair.despeckle)
    if repair.fill_holes:
        made = holes_filled(made, repair.fill_holes)
    if repair.choke:
        made = choked(made, repair.choke)
    if repair.grow:
        made = grown(made, repair.grow)
    return feathered(made, repair.feather) if repair.feather else made


def levels(alpha: Tensor, black: float, white: float, gamma: float) -> Tensor:
    """black and below to exactly 0, white and above to exactly 1."""
    stretched = ((alpha - black) / (white - black)).clamp(0, 1)
    if gamma != 1:
        stretched = stretched ** (1 / gamma)
    return torch.where(alpha >= white, 1, torch.where(alpha <= black, 0, stretched))


def holes_filled(alpha: Tensor, area: int) -> Tensor:
    """Holes of at most `area` pixels at each of 8 levels, filled up to it."""
    made = alpha
    for step in range(1, LEVELS + 1):
        level = step / LEVELS
        made = torch.where(small_islands((alpha < level)[..., 0], area, diagonal=False)[..., None], level, made)
    return torch.maximum(made, alpha)


def despeckled(alpha: Tensor, area: int) -> Tensor:
    """Specks of at most `area` pixels at each of 8 levels, brought down to it."""
    made = alpha
    for step in range(1, LEVELS + 1):
        level = 1 - step / LEVELS
        made = torch.where(small_islands((alpha > level)[..., 0], area, diagonal=True)[..., None], level, made)
    return torch.minimum(made, alpha)


def grown(alpha: Tensor, radius: int) -> Tensor:
    """The largest alpha within `radius` pixels; outside the frame there is none."""
    planes = rearrange(alpha, "h w 1 -> 1 h w")
    height = planes.shape[1]
    made = planes
    for dy in range(min(radius, height - 1) + 1):
        half = math.isqrt(radius * radius - dy * dy)
        row = F.max_pool2d(planes, (1, 2 * half + 1), stride=1, padding=(0, half))
        below = F.pad(row[:, : height - dy], (0, 0, dy, 0), value=-torch.inf)
        above = F.pad(row[:, dy:], (0, 0, 0, dy), value=-torch.inf)
        made = torch.maximum(made, torch.maximum(above, below))
    return rearrange(made, "1 h w -> h w 1")


def choked(alpha: Tensor, radius: int) -> Tensor:
    """The least alpha within `radius` pixels; the frame's border does not eat into the subject."""
    return -grown(-alpha, radius)


def feathered(alpha: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur, border pixels repeated. In float64, so that 0 and 1 stay exactly that where all around is."""
    half = max(1, math.ceil(KERNEL_SIGMAS * sigma))
    x = torch.arange(-half, half + 1, dtype=torch.float64, device=alpha.device)
    kernel = torch.exp(-x.square() / (2 * sigma * sigma))
    kernel = (kernel / kernel.sum())[None, None]
    planes = rearrange(alpha, "h w 1 -> 1 1 h w").double()
    for shape, pad in (((1, -1), (half, half, 0, 0)), ((-1, 1), (0, 0, half, half))):
        planes = F.conv2d(F.pad(planes, pad, mode="replicate"), kernel.reshape(1, 1, *shape))
    return rearrange(planes, "1 1 h w -> h w 1").to(alpha.dtype)

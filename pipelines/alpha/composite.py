"""One picture in front of another where it is wanted: at a place, in display values or in light, soft or hard.

Layout   front (h, w, 4) and back (H, W, 3 or 4), straight RGBA or opaque RGB; result (H, W, 4).
Range    0..1, sRGB, 1 = opaque; x and y in pixels, from the back's upper left corner to the front's.
Source   T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984; the hard render of Wan-Alpha,
         arXiv:2509.24979.
Differs  Where the front is empty or opaque, the back or the front is there, bit by bit; colour is finite.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .over import over
from .transfer import linear_from_srgb, srgb_from_linear

SPACES = ("display", "linear")
"""Where colours are blended: as they are stored, or as amounts of light."""

MODES = ("soft", "hard")
"""By alpha, or whole wherever alpha is above 0."""


def composite(
    front: Tensor,
    back: Tensor,
    x: int = 0,
    y: int = 0,
    space: str = "display",
    mode: str = "soft",
    out: Tensor | None = None,
) -> Tensor:
    """Front over back, in the back's frame; what lies outside is cut off. Written into `out`, if given."""
    height, width = back.shape[:2]
    made = back.new_empty(height, width, 4) if out is None else out
    rows, columns = _overlap(y, front.shape[0], height), _overlap(x, front.shape[1], width)
    if (rows, columns) != (slice(0, height), slice(0, width)):
        made[..., :3] = back[..., :3]
        made[..., 3] = back[..., 3] if back.shape[-1] == 4 else 1
    part = front[_moved(rows, -y), _moved(columns, -x)]
    if part.numel():
        _cover(part, back[rows, columns], space, mode, made[rows, columns])
    return made


def _overlap(start: int, length: int, limit: int) -> slice:
    begin = min(max(start, 0), limit)
    return slice(begin, max(begin, min(start + length, limit)))


def _moved(part: slice, by: int) -> slice:
    return slice(max(part.start + by, 0), max(part.stop + by, 0))


def _cover(front: Tensor, back: Tensor, space: str, mode: str, made: Tensor) -> None:
    """All of one size. Takes the shortest way that gives the result."""
    alpha = front[..., 3:]
    opaque_back = back.shape[-1] == 3 or bool(back[..., 3].amin() == 1)
    if mode == "soft" and space == "display" and opaque_back:
        torch.lerp(back[..., :3], front[..., :3], alpha, out=made[..., :3])  # exact at alpha 0 and 1
        made[..., 3] = 1
        return
    seen = alpha > 0
    made[..., :3] = torch.where(seen, front[..., :3], back[..., :3])
    behind = back[..., 3] if back.shape[-1] == 4 else torch.ones_like(alpha[..., 0])
    made[..., 3] = torch.where(seen[..., 0], 1, behind)
    if mode == "soft":
        soft = (seen & (alpha < 1))[..., 0]
        blended = _blended(front[soft], back[soft][..., :3], behind[soft][..., None], space)
        made[soft] = blended


def _blended(front: Tensor, back_rgb: Tensor, back_alpha: Tensor, space: str) -> Tensor:
    """Pixels (N, 4) over pixels (N, 3) and (N, 1): (N, 4)."""
    rgb, alpha = front.split((3, 1), dim=-1)
    if space == "display":
        return torch.cat(over(rgb, alpha, back_rgb, back_alpha), dim=-1)
    light, opacity = over(linear_from_srgb(rgb), alpha, linear_from_srgb(back_rgb), back_alpha)
    return torch.cat((srgb_from_linear(light), opacity), dim=-1)

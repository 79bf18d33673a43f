"""Eight views of a picture, mirrored and turned, and the lower median of what is made of them.

Layout   pixel (B, 3, H, W) and latent (B, C, h, w) are turned together; views with odd turns have H and W swapped.
Range    each view is clipped to 0..1 before it is turned back.
Source   lllyasviel/LayerDiffuse_DiffusersCLI, estimate_augmented. Of eight values it takes the fourth smallest.
Differs  Nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

VIEWS = tuple((mirrored, turns) for mirrored in (False, True) for turns in range(4))

Estimate = Callable[[Tensor, Tensor], Tensor]


def seen(picture: Tensor, mirrored: bool, turns: int) -> Tensor:
    """The picture as this view shows it: mirrored from left to right, then turned by quarters."""
    return torch.rot90(picture.flip(-1) if mirrored else picture, turns, (-2, -1))


def unseen(picture: Tensor, mirrored: bool, turns: int) -> Tensor:
    """Back from a view."""
    turned = torch.rot90(picture, -turns, (-2, -1))
    return turned.flip(-1) if mirrored else turned


def one_view(estimate: Estimate, pixel: Tensor, latent: Tensor, mirrored: bool = False, turns: int = 0) -> Tensor:
    """What `estimate` makes of a view, clipped to 0..1 and turned back."""
    made = estimate(seen(pixel, mirrored, turns), seen(latent, mirrored, turns))
    return unseen(made.clamp(0, 1), mirrored, turns)


def median_of_views(estimate: Estimate, pixel: Tensor, latent: Tensor) -> Tensor:
    """The lower median of all eight."""
    return torch.stack([one_view(estimate, pixel, latent, *view) for view in VIEWS]).median(dim=0).values

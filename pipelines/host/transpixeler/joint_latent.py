"""LATENT of one domain and of both: what `transpixeler.halves` does to a tensor, done to the host's dictionaries.

A LATENT of both domains is marked, so that nothing doubles it again. Keys of others travel along with the RGB half. The
host's samplers keep the mark; a noise mask is for the run and does not survive the split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import comfy.utils
import torch
from torch import Tensor

from ...transpixeler.halves import ALPHA, NONE, join, keep_mask, split
from ..core.notices import warn

if TYPE_CHECKING:
    from ..core.sockets import Latent

JOINT: Final = "rgba_joint"
"""The key that a LATENT of both domains carries, with the value True."""


def joined(rgb: Latent, alpha: Latent | None = None, keep: str = NONE) -> Latent:
    """Both domains, marked. Without `alpha` the RGB latent fills that half too, as the doubled latent of the reference.

    `keep` (`none`, `rgb`, `alpha`) gives that half a noise mask of 0. A mask that a latent brings stays in its half.
    Raises ValueError for a latent that is marked already, for shapes that differ, and for keeping what is not there.
    """
    if alpha is None and keep == ALPHA:
        raise ValueError("keep is alpha, but no alpha is connected; connect a matte through VAE Encode.")
    halves = [rgb, rgb if alpha is None else alpha]
    tensors = [one_domain(name, half) for name, half in zip(("rgb", "alpha"), halves)]
    made: Latent = {**rgb, "samples": join(*tensors), JOINT: True}
    if keep != NONE or any("noise_mask" in half for half in halves):
        masks = [_noise_mask(half, tensor) for half, tensor in zip(halves, tensors)]
        made["noise_mask"] = keep_mask(tensors[0], keep) * join(*masks)
    return made


def halves_of(samples: Latent) -> tuple[Latent, Latent]:
    """The RGB latent and the alpha latent. Warns when the mark is missing. Raises ValueError for odd frame counts."""
    if not samples.get(JOINT):
        warn(
            "samples has no mark of RGBAJointLatent or RGBASampleJoint, so it may be one domain only. It was cut in "
            "the middle: the first half of its frames is RGB, the second alpha."
        )
    rest = samples.copy()
    rest.pop(JOINT, None)
    rest.pop("noise_mask", None)
    rgb, alpha = split(_tensor("samples", samples))
    return {**rest, "samples": rgb}, {**rest, "samples": alpha}


def one_domain(name: str, latent: Latent) -> Tensor:
    """The tensor of a LATENT of one domain. Raises ValueError for one that is marked as both."""
    if latent.get(JOINT):
        raise ValueError(f"{name} holds both domains already, but wants one of them; put RGBASplitJoint before it.")
    return _tensor(name, latent)


def _tensor(name: str, latent: Latent) -> Tensor:
    samples = latent["samples"]
    if not isinstance(samples, Tensor) or samples.ndim != 5:
        got = tuple(samples.shape) if isinstance(samples, Tensor) else "several latents packed together"
        raise ValueError(
            f"{name} wants a video latent (B, C, frames, h, w), got {got}; use an empty video latent or VAE Encode."
        )
    return samples


def _noise_mask(latent: Latent, samples: Tensor) -> Tensor:
    """(B, 1, F, h, w): the latent's own noise mask in the size of its samples, or ones."""
    mask = latent.get("noise_mask")
    if mask is None:
        return torch.ones_like(samples[:, :1])
    return comfy.utils.reshape_mask(mask.to(samples), samples[:, :1].shape)

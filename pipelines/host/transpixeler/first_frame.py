"""A picture and its alpha as the first frame of a clip: encoded apart, as the condition of CogVideoX image to video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import node_helpers
import torch
from torch import Tensor

from ...latent_grid.size_rule import COGVIDEOX_DIT, to_latent_frames
from ...transpixeler.families import COGVIDEOX
from ...transpixeler.halves import join
from ..pictures.image_and_mask import given, rgb_and_alpha
from .joint_decode import refuse_picture_vae
from .joint_latent import JOINT

if TYPE_CHECKING:
    from ..core.sockets import VAE, Conditioning, Latent


def first_frame(
    image: Tensor, mask: Tensor | None, vae: VAE, width: int, height: int, length: int
) -> tuple[Tensor, Latent]:
    """The condition (1, C, 2F, h, w) of CogVideoX image to video, and an empty LATENT of both domains of that shape.

    The RGB latent stands at frame 0, the alpha latent (grey in three channels) at frame F; all else is zero, as is the
    whole alpha half where `image` has three channels and `mask` says nothing. Raises ValueError for more than one
    frame, another size than width x height, sides that are no multiples of 16, a length that is not 4n + 1, and a VAE
    with other channels than the model.
    """
    rgb, alpha = rgb_and_alpha(image, mask)
    _refuse_clip(rgb, vae, width, height, length)
    frames = to_latent_frames(length)
    condition = _at_the_front(vae.encode(rgb), frames)
    empty = torch.zeros_like(condition)
    if image.shape[-1] == 4 or given(mask, image) is not None:
        both = join(condition, _at_the_front(vae.encode(alpha.expand(-1, -1, -1, 3)), frames))
    else:
        both = join(condition, empty)
    return both, {"samples": join(empty, empty), JOINT: True}


def with_condition(conditioning: Conditioning, condition: Tensor) -> Conditioning:
    """A CONDITIONING whose entries carry the condition where the host's CogVideoX looks for it."""
    return node_helpers.conditioning_set_values(conditioning, {"concat_latent_image": condition})


def _at_the_front(frame: Tensor, frames: int) -> Tensor:
    """(1, C, 1, h, w), and zeros behind it up to `frames`."""
    return torch.cat([frame, frame.new_zeros(*frame.shape[:2], frames - 1, *frame.shape[3:])], dim=2)


def _refuse_clip(image: Tensor, vae: VAE, width: int, height: int, length: int) -> None:
    refuse_picture_vae(vae)
    if vae.latent_channels != COGVIDEOX.channels:
        raise ValueError(
            f"vae wants the CogVideoX VAE, which has {COGVIDEOX.channels} latent channels, got one of "
            f"{vae.latent_channels}; load another one."
        )
    COGVIDEOX_DIT.check("A clip of CogVideoX", width, height, length)
    count, *size = image.shape[:3]
    if count != 1 or size != [height, width]:
        raise ValueError(
            f"image wants one frame of {width} x {height}, the size of the clip, got {count} of {size[1]} x "
            f"{size[0]}; pick one frame and resize or crop it."
        )

"""Pictures and both domains on the host: the halves decoded apart, and a first frame encoded as a condition.

Each half is a video of its own to the causal VAE: nothing of the last RGB frame may leak into the first alpha frame.
"""

from __future__ import annotations

from typing import Any

import node_helpers
import torch
from torch import Tensor

from ..transpixeler.decoded import join_decoded
from ..transpixeler.halves import JOINT, join
from .joint_latent import Latent, one_domain
from .pictures import given, rgb_and_alpha
from .progress import steps, stoppable

PATCH = 16
"""Side in pixels of what CogVideoX samples as one: 2 x 2 latent cells of 8 x 8."""


def decode(rgb: Latent, alpha: Latent, vae: Any, alpha_from: str) -> tuple[Tensor, Tensor]:
    """Straight RGBA (B * T, H, W, 4) and its colour (B * T, H, W, 3), clip after clip: one half, then the other.

    Raises ValueError for latents of both domains, of two shapes, of another VAE than `vae`, and for NaN.
    """
    latents = {"rgb": one_domain("rgb", rgb), "alpha": one_domain("alpha", alpha)}
    _refuse_other_shape(**latents)
    for name, latent in latents.items():
        _refuse_undecodable(name, latent, vae)
    step = steps(len(latents))
    pictures = []
    for latent in latents.values():
        with stoppable(vae.first_stage_model):
            pictures.append(vae.decode(latent).flatten(0, 1).to(torch.float32))
        step()
    return join_decoded(*pictures, alpha_from), pictures[0].contiguous()


def first_frame(
    image: Tensor, mask: Tensor | None, vae: Any, width: int, height: int, length: int
) -> tuple[Tensor, Latent]:
    """The condition (1, C, 2F, h, w) of CogVideoX image to video, and an empty LATENT of both domains of that shape.

    The RGB latent stands at frame 0, the alpha latent (grey in three channels) at frame F; all else is zero, as is the
    whole alpha half where `image` has three channels and `mask` says nothing. Raises ValueError for more than one
    frame, another size than width x height, sides that are no multiples of 16, and a length that is not 4n + 1.
    """
    rgb, alpha = rgb_and_alpha(image, mask)
    _refuse_clip(image, vae, width, height, length)
    frames = (length - 1) // 4 + 1
    condition = _at_the_front(vae.encode(rgb), frames)
    empty = torch.zeros_like(condition)
    if image.shape[-1] == 4 or given(mask, image) is not None:
        both = join(condition, _at_the_front(vae.encode(alpha.expand(-1, -1, -1, 3)), frames))
    else:
        both = join(condition, empty)
    return both, {"samples": join(empty, empty), JOINT: True}


def with_condition(conditioning: Any, condition: Tensor) -> Any:
    """A CONDITIONING whose entries carry the condition where the host's CogVideoX looks for it."""
    return node_helpers.conditioning_set_values(conditioning, {"concat_latent_image": condition})


def _at_the_front(frame: Tensor, frames: int) -> Tensor:
    """(1, C, 1, h, w), and zeros behind it up to `frames`."""
    return torch.cat([frame, frame.new_zeros(*frame.shape[:2], frames - 1, *frame.shape[3:])], dim=2)


def _refuse_other_shape(rgb: Tensor, alpha: Tensor) -> None:
    if rgb.shape != alpha.shape:
        raise ValueError(
            f"rgb and alpha want latents of one shape, got {tuple(rgb.shape)} and {tuple(alpha.shape)}; connect both "
            "outputs of one RGBASampleJoint or RGBASplitJoint."
        )


def _refuse_undecodable(name: str, latent: Tensor, vae: Any) -> None:
    _refuse_picture_vae(vae)
    if latent.shape[1] != vae.latent_channels:
        raise ValueError(
            f"{name} has {latent.shape[1]} channels, but this VAE decodes {vae.latent_channels}; connect the VAE of "
            "the model that sampled."
        )
    if not bool(torch.isfinite(latent).all()):
        raise ValueError(
            f"{name} holds NaN or infinity, so there is no picture in it; the model overflowed while sampling. Try "
            "another dtype for the model (bf16 instead of fp16) or check its LoRAs."
        )


def _refuse_picture_vae(vae: Any) -> None:
    if vae.latent_dim != 3:
        kind = type(vae.first_stage_model).__name__
        raise ValueError(f"vae wants a video VAE (CogVideoX, Wan 2.1 or Mochi), got a {kind}; load another one.")


def _refuse_clip(image: Tensor, vae: Any, width: int, height: int, length: int) -> None:
    _refuse_picture_vae(vae)
    if length % 4 != 1:
        low = max(1, length - (length - 1) % 4)
        raise ValueError(f"length wants 4n + 1 frames, got {length}; use {low} or {low + 4}.")
    if width % PATCH or height % PATCH:
        raise ValueError(
            f"CogVideoX samples widths and heights that are multiples of {PATCH}, got {width} x {height}; use another "
            "size."
        )
    count, *size = image.shape[:3]
    if count != 1 or size != [height, width]:
        raise ValueError(
            f"image wants one frame of {width} x {height}, the size of the clip, got {count} of {size[1]} x "
            f"{size[0]}; pick one frame and resize or crop it."
        )

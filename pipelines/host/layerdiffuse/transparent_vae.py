"""The transparent decoder and encoder on the host: models of ours that it loads and offloads, frame after frame."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import comfy.model_management
import comfy.ops
import torch
import torch.nn.functional as F
from comfy.ldm.modules.attention import optimized_attention
from torch import Tensor, nn

from ...alpha.render import soft_render
from ...latent_grid.size_rule import PICTURE_VAE, SizeRule, to_cells, to_pixels
from ...layerdiffuse.decoder import GRAIN, build_decoder
from ...layerdiffuse.encoder import build_encoder, offset_feed, with_offset
from ...layerdiffuse.padding import pad
from ...layerdiffuse.variants import Variant, offset_scale, part, variant_of
from ...layerdiffuse.views import median_of_views, one_view
from ...weights.kinds.layerdiffuse import LAYER_DECODER_FILE, LAYER_ENCODER_FILE, LAYER_VAE
from ...weights.weights_file import named
from ..core.clip_room import new_clip
from ..core.model_files import chosen_for, read_chosen
from ..core.notices import warn
from ..core.progress import steps, stoppable
from ..core.side_model import managed
from ..pictures.frames import frames_of
from ..pictures.image_and_mask import paired, refuse_other_image

if TYPE_CHECKING:
    from ..core.sockets import VAE

FILE_INPUT = "weights_name"
PADDED = SizeRule(GRAIN)
"""Sizes that the decoder accepts; others are extended to one."""

GREY = (0.5, 0.5, 0.5)
DECODER_VALUES, ENCODER_VALUES = 400, 100
"""Numbers that are held at once for each pixel."""


def decode(samples: Tensor, rgb: Tensor, path: Path, ensemble: bool = True) -> Tensor:
    """Straight RGBA (B, H, W, 4) of latents (B, 4 or 16, h, w) and the pictures that the ordinary VAE made of them.

    One picture and one view at a time, so a clip takes no more memory than a picture. Sizes that do not match use an
    empty latent, with a warning, as released. Raises ValueError for a file of another kind, for a latent of another
    width, and for another number of pictures.
    """
    weights = read_chosen(path, [LAYER_DECODER_FILE, LAYER_VAE], FILE_INPUT)
    with chosen_for(FILE_INPUT), named(path):
        network = build_decoder(part(weights, "decoder"), comfy.ops.manual_cast, optimized_attention)
        variant = variant_of(network.latent_conv_in.weight.shape[1])
    latents = _matching(samples, rgb, variant)
    height, width = rgb.shape[1:3]
    tall, wide = (PADDED.nearest_sides(side)[-1] for side in (height, width))
    made = new_clip(len(rgb), height, width, 4, device=rgb.device)
    view = median_of_views if ensemble else one_view
    step = steps(len(rgb) * (8 if ensemble else 1))
    with _loaded(network, DECODER_VALUES * tall * wide) as device, stoppable(network):
        network.register_forward_hook(lambda *_: step())
        for index, frame in enumerate(rgb):
            pixel = _extended(frame[..., :3].movedim(-1, 0)[None].to(device, torch.float32), tall, wide)
            latent = _extended(latents[index : index + 1].to(device, torch.float32), to_cells(tall), to_cells(wide))
            planes = view(network, pixel, latent)[0, :, :height, :width].movedim(0, -1).to(made)
            made[index] = planes.roll(-1, -1) if variant.alpha_first else planes
    return made


def encode(
    image: Tensor, mask: Tensor | None, vae: VAE, path: Path, scale: float = 0.0, padding: bool = True
) -> Tensor:
    """The latent (B, C, h, w) in which the transparent decoder finds colour and alpha; `scale` 0 is the file's own.

    Sides that are no multiples of 8 are extended to one. Raises ValueError for a file of another kind and for a VAE of
    another model.
    """
    weights = read_chosen(path, [LAYER_ENCODER_FILE, LAYER_VAE], FILE_INPUT)
    with chosen_for(FILE_INPUT), named(path):
        network = build_encoder(part(weights, "encoder"), comfy.ops.manual_cast)
        variant = variant_of(network.latent_channels)
    image, mask = paired(image, mask)
    step = steps(2 * len(image))
    moments = []
    with _moments(vae, variant) as whole:
        offsets = (scale or offset_scale(path.name, variant)) * _offsets(image, mask, network, variant, padding, step)
        for frame in frames_of(image, mask):
            rgb, alpha = frame.split((3, 1), dim=-1)
            shown = _in_cells(soft_render(rgb, alpha, GREY))
            moments.append(whole.encode(shown.movedim(1, -1)).float().cpu())
            step()
    return with_offset(torch.cat(moments), offsets)


def _offsets(
    image: Tensor, mask: Tensor | None, network: nn.Module, variant: Variant, padding: bool, step: Callable[..., None]
) -> Tensor:
    """How far the latents are to be moved at a scale of 1, in deviations."""
    offsets = []
    with _loaded(network, ENCODER_VALUES * image[0, ..., 0].numel()) as device, stoppable(network):
        for frame in frames_of(image, mask):
            rgb, alpha = frame.split((3, 1), dim=-1)
            feed = _in_cells(offset_feed(pad(rgb, alpha) if padding else rgb, alpha, variant))
            offsets.append(network(feed.to(device)).cpu())
            step()
    return torch.cat(offsets)


@contextmanager
def _loaded(network: nn.Module, values: int) -> Iterator[torch.device]:
    """The network on the host's device, with room for so many numbers; it computes in what it is given, float32."""
    device = comfy.model_management.get_torch_device()
    patcher = managed(network, device, comfy.model_management.vae_offload_device())
    comfy.model_management.load_models_gpu([patcher], memory_required=values * torch.float32.itemsize)
    with comfy.model_management.cuda_device_context(device):
        yield device


@contextmanager
def _moments(vae: VAE, variant: Variant) -> Iterator[VAE]:
    """The VAE, giving mean and log variance where it gives the mean. Raises ValueError for a VAE of another model."""
    regularization = getattr(vae.first_stage_model, "regularization", None)
    if regularization is None or vae.latent_channels != variant.latent_channels:
        raise ValueError(
            f"vae wants the ordinary VAE of the model, with {variant.latent_channels} latent channels, got a "
            f"{type(vae.first_stage_model).__name__} of {vae.latent_channels}; load another VAE or choose another file."
        )
    whole = copy.copy(vae)
    whole.latent_channels = 2 * vae.latent_channels  # for the host's tiles, when memory runs out
    handle = regularization.register_forward_hook(lambda module, args, output: (args[0], None))
    try:
        yield whole
    finally:
        handle.remove()


def _extended(planes: Tensor, height: int, width: int) -> Tensor:
    """Planes (1, C, h, w), their last rows and columns repeated up to this size."""
    return F.pad(planes, (0, width - planes.shape[3], 0, height - planes.shape[2]), mode="replicate")


def _in_cells(picture: Tensor) -> Tensor:
    """A picture (H, W, C) as planes (1, C, H, W), extended to whole latent cells."""
    tall, wide = (PICTURE_VAE.nearest_sides(side)[-1] for side in picture.shape[:2])
    return _extended(picture.movedim(-1, 0)[None], tall, wide)


def _matching(samples: Tensor, rgb: Tensor, variant: Variant) -> Tensor:
    """The latents of the pictures, or zeros."""
    refuse_other_image(rgb)
    if samples.ndim != 4 or samples.shape[1] != variant.latent_channels:
        raise ValueError(
            f"samples wants latents (B, {variant.latent_channels}, h, w) for this file, got {tuple(samples.shape)}; "
            "choose the transparent decoder of the model that made them."
        )
    if len(samples) != len(rgb):
        raise ValueError(
            f"samples has {len(samples)} latents, rgb has {len(rgb)} pictures; connect what the VAE decoded from them."
        )
    cells = tuple(to_cells(PICTURE_VAE.nearest_sides(side)[-1]) for side in rgb.shape[1:3])
    if tuple(samples.shape[2:]) == cells:
        return samples
    height, width = map(to_pixels, samples.shape[2:])
    warn(
        f"rgb is {rgb.shape[2]} x {rgb.shape[1]}, the latent is for {width} x {height}: it was left out, and alpha"
        " comes from the picture alone, less exactly. Decode before you resize."
    )
    return samples.new_zeros(1, samples.shape[1], *cells).expand(len(samples), -1, -1, -1)

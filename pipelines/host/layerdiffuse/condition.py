"""SDXL's condition files: given layers as latents beside the noise, by a first convolution that has room for them.

The latents travel in the CONDITIONING, where the host cuts them to areas and repeats them over the batch by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import node_helpers
import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...latent_grid.size_rule import to_pixels
from ...layerdiffuse.weight_patches import read_weight_patches
from ...weights.kinds.layerdiffuse import LATENT_CHANNELS, LAYER_CONDITION
from ...weights.weights_file import named
from ..core.model_files import chosen_for, read_chosen
from .weight_patches import with_weight_patches

if TYPE_CHECKING:
    from ..core.sockets import Conditioning, Latent, ModelPatcher

KEY = "rgba_video.layerdiffuse_condition"
FILE_INPUT = "weights_name"


def conditioned(
    model: ModelPatcher,
    positive: Conditioning,
    negative: Conditioning,
    path: Path,
    latent: Latent,
    blended: Latent | None,
    strength: float,
) -> tuple[ModelPatcher, Conditioning, Conditioning]:
    """A patched clone of `model`, and both conditionings with the latents: the kept layer, then blended.

    Raises ValueError for a file of another kind or for another model, for latents that do not go together, for one too
    many or too few; and when sampling starts, for a conditioning without them and for another size.
    """
    weights = read_chosen(path, [LAYER_CONDITION], FILE_INPUT)
    with chosen_for(FILE_INPUT), named(path):
        patches = read_weight_patches(weights)
        clone = with_weight_patches(model, patches, strength)
    if (patches.conditions == 2) != (blended is not None):
        raise ValueError(
            f"{path.name} wants the kept layer and the blended picture: connect blended too."
            if blended is None
            else f"{path.name} wants the kept layer alone: take blended out, or choose a file for both."
        )
    given = {"latent": latent["samples"]} | ({} if blended is None else {"blended": blended["samples"]})
    beside = model.model.process_latent_in(_together(given))
    clone.remove_wrappers_with_key(WrappersMP.APPLY_MODEL, KEY)
    clone.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, _check(beside.shape))
    return clone, _with_layers(positive, beside), _with_layers(negative, beside)


def _with_layers(conditioning: Conditioning, beside: Tensor) -> Conditioning:
    return node_helpers.conditioning_set_values(conditioning, {"noise_concat": beside})


def _together(given: dict[str, Tensor]) -> Tensor:
    """(B, 4 or 8, h, w); a single latent repeats."""
    first = next(iter(given.values()))
    count = max(map(len, given.values()))
    for name, samples in given.items():
        if samples.ndim != 4 or samples.shape[1] != LATENT_CHANNELS:
            raise ValueError(
                f"{name} wants an SDXL latent (B, 4, h, w), got {tuple(samples.shape)}; encode with its VAE."
            )
        if samples.shape[2:] != first.shape[2:] or len(samples) not in (1, count):
            shapes = ", ".join(f"{each} is {tuple(tensor.shape)}" for each, tensor in given.items())
            raise ValueError(f"{shapes}; they must go together.")
    return torch.cat([samples.expand(count, -1, -1, -1) for samples in given.values()], dim=1)


def _check(shape: torch.Size) -> Callable[..., Any]:
    """A wrapper that says what is wrong before the first convolution cannot."""

    def apply_model(executor: Any, x: Tensor, t: Any, c_concat: Tensor | None = None, *rest: Any, **named: Any) -> Any:
        if c_concat is None or c_concat.shape[1] != shape[1]:
            raise ValueError(
                "a conditioning reached the sampler without its layers: connect positive and negative of LayerDiffuse "
                "condition, and nothing that puts another picture beside the noise."
            )
        if c_concat.shape[2:] != x.shape[2:]:
            (height, width), (h, w) = (map(to_pixels, each.shape[2:]) for each in (c_concat, x))
            raise ValueError(
                f"latent is for {width} x {height} pixels, but {w} x {h} are sampled; encode the layer in that size."
            )
        return executor(x, t, c_concat, *rest, **named)

    return apply_model

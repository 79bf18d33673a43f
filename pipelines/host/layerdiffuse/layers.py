"""Layers of one picture made together on SD 1.5: their prompts, and the layer that is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ...alpha.render import soft_render
from ...layerdiffuse.attention_sharing import CONTROL
from ...layerdiffuse.layers import by_layer, refuse_other_batch
from ...weights.kinds.layerdiffuse import LAYER_JOINT, LAYER_UNIT
from ...weights.weights_file import named
from ..core.model_files import chosen_for, read_chosen
from ..pictures.image_and_mask import rgb_and_alpha
from .attention_sharing import with_shared_attention

if TYPE_CHECKING:
    from ..core.sockets import Conditioning, Latent, ModelPatcher

FILE_INPUT = "weights_name"
GREY = (0.5, 0.5, 0.5)


def applied(
    model: ModelPatcher,
    path: Path,
    strength: float,
    foreground: Conditioning | None = None,
    background: Conditioning | None = None,
    blended: Conditioning | None = None,
    image: Tensor | None = None,
    mask: Tensor | None = None,
) -> tuple[ModelPatcher, int]:
    """A clone of `model` that makes layers together, and how many: foreground, background, blended, or, of a file for a
    given layer, the other layer and blended. The conditionings are the layers' own prompts.

    Raises ValueError for a file of another kind or for another model, a given layer that the file has no place for or
    wants, and two prompts for one layer.
    """
    weights = read_chosen(path, [LAYER_JOINT], FILE_INPUT)
    layers = len({match[2] for name in weights if (match := LAYER_UNIT.fullmatch(name))})
    given = any(name.startswith(CONTROL) for name in weights)
    if given != (image is not None):
        raise ValueError(
            f"{path.name} makes layers for a given one: connect it to image."
            if given
            else f"{path.name} makes all layers itself: take image out, or choose a file for a given layer."
        )
    prompts = [_prompt(name, each) for name, each in (("foreground", foreground), ("background", background))]
    if layers == 2:
        if None not in prompts:
            raise ValueError(
                f"{path.name} makes one layer and the blended picture: connect foreground or background, not both."
            )
        prompts = [next((prompt for prompt in prompts if prompt is not None), None)]
    prompts.append(_prompt("blended", blended))
    picture = None
    if image is not None:
        picture = (soft_render(*rgb_and_alpha(image, mask), GREY) * 2 - 1).movedim(-1, 1)
    with chosen_for(FILE_INPUT), named(path):
        return with_shared_attention(model, weights, strength, prompts, picture), layers


def split(latent: Latent, layers: int) -> tuple[Latent, Latent, Latent]:
    """foreground, background and blended of a sampled batch. Of two layers the first is both of the former: a file does
    not say which of them it makes. Raises ValueError for a batch that is not made of whole pictures."""
    samples = latent["samples"]
    refuse_other_batch(len(samples), layers, "samples")
    apart: list[Latent] = [{"samples": each} for each in by_layer(samples, layers)]
    return apart[0], apart[-2], apart[-1]


def _prompt(name: str, conditioning: Conditioning | None) -> Tensor | None:
    if conditioning is None:
        return None
    if len(conditioning) != 1 or len(conditioning[0][0]) != 1:
        raise ValueError(f"{name} wants one prompt, got {len(conditioning)}; take out what combines prompts.")
    return conditioning[0][0]

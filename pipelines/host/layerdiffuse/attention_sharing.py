"""Attention shared by layers on the host's SD 1.5: units beside every attention module while the network runs.

For each forward pass the layers' own prompts go into the context, and hooks stand on the layers of every attention
module: what other packs have put on the attention, before or after, is there and acts on the same queries, keys and
values. The units are a model beside the base, whose own weights are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import comfy.ops
import comfy.utils
import torch
from comfy.ldm.modules.attention import BasicTransformerBlock
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.patcher_extension import WrappersMP
from torch import Tensor, nn

from ...latent_grid.size_rule import to_pixels
from ...layerdiffuse.attention_sharing import AttentionSharing, read_sharing, share
from ...layerdiffuse.layers import refuse_other_batch, with_own_prompts
from ..core.side_model import attach

if TYPE_CHECKING:
    from comfy.ldm.modules.attention import CrossAttention
    from torch.utils.hooks import RemovableHandle

    from ..core.sockets import ModelPatcher

KEY = "rgba_video.layerdiffuse"

InUse = WeakKeyDictionary[nn.Module, AttentionSharing]
"""{network that a MODEL runs: the units beside that MODEL}; a clone on another device has its own of both."""


def with_shared_attention(
    model: ModelPatcher,
    weights: Mapping[str, Tensor],
    strength: float,
    prompts: Sequence[Tensor | None] = (),
    picture: Tensor | None = None,
) -> ModelPatcher:
    """A clone of `model` whose batch is layers of pictures; what this had put on it before is replaced.

    prompts: one (1, tokens, features) or None for each layer. picture: the given layer, (1 or pictures, 3, H, W) in
    -1..1, for files that have an encoder for it. Raises ValueError when the weights were made for another model.
    """
    sharing = read_sharing(weights, comfy.ops.manual_cast)
    _refuse_other_model(sharing, model.model.diffusion_model)
    clone = model.clone()
    in_use: InUse = WeakKeyDictionary()

    def stand_by(patcher: Any, sharing: AttentionSharing) -> Iterator[Callable[[], Any]]:
        network = patcher.model.diffusion_model
        in_use[network] = sharing
        yield partial(in_use.pop, network, None)

    attach(clone, KEY, sharing, stand_by)
    for kind, wrapper in _wrappers(in_use, sharing.layers, strength, prompts, picture).items():
        clone.remove_wrappers_with_key(kind, KEY)
        clone.add_wrapper_with_key(kind, KEY, wrapper)
    return clone


def attention_modules(network: UNetModel) -> Iterator[tuple[nn.Module, CrossAttention]]:
    """(norm, attention) in the order of the files: on the way down, on the way up, then in the middle."""
    for part in (network.input_blocks, network.output_blocks, network.middle_block):
        for block in () if part is None else part.modules():
            if isinstance(block, BasicTransformerBlock):
                assert block.attn2 is not None
                yield block.norm1, block.attn1
                yield block.norm2, block.attn2


@contextmanager
def shared(
    network: UNetModel, sharing: AttentionSharing, strength: float, maps: Mapping[int, Tensor]
) -> Iterator[None]:
    """Inside, every unit stands beside its attention module."""
    handles: list[RemovableHandle] = []
    try:
        for (norm, attention), unit in zip(attention_modules(network), sharing.units_in_order):
            handles += share(norm, attention, unit, strength, maps)
        yield
    finally:
        for handle in handles:
            handle.remove()


def _wrappers(
    in_use: InUse, layers: int, strength: float, prompts: Sequence[Tensor | None], picture: Tensor | None
) -> dict[str, Callable[..., Any]]:
    maps: dict[tuple[nn.Module, int, int], dict[int, Tensor]] = {}  # of each network, which has its own device

    def run(executor: Any, noise: Any, *rest: Any, **named: Any) -> Any:
        refuse_other_batch(len(noise), layers, "latent_image")
        if picture is not None and len(noise) // layers % len(picture):
            raise ValueError(
                f"image has {len(picture)} pictures, but latent_image has {len(noise) // layers} of {layers} layers "
                "each; give one, or one for each."
            )
        try:
            return executor(noise, *rest, **named)
        finally:
            maps.clear()

    def forward(
        executor: Any, x: Tensor, timesteps: Any, context: Tensor, y: Any, control: Any, options: Any, **named: Any
    ) -> Any:
        network, size = executor.class_obj, (to_pixels(x.shape[2]), to_pixels(x.shape[3]))
        sharing, where = in_use[network], (network, *size)
        if picture is not None and where not in maps:
            assert sharing.encoder is not None
            maps[where] = sharing.encoder(_fitted(picture, *size).to(x))
        if any(prompt is not None for prompt in prompts):
            chunks = options["cond_or_uncond"]
            positive = torch.tensor([chunk == 0 for chunk in chunks]).repeat_interleave(len(x) // len(chunks))
            context = with_own_prompts(context, prompts, positive)
        with shared(network, sharing, strength, maps.get(where, {})):
            return executor(x, timesteps, context, y, control, options, **named)

    return {WrappersMP.OUTER_SAMPLE: run, WrappersMP.DIFFUSION_MODEL: forward}


def _fitted(picture: Tensor, height: int, width: int) -> Tensor:
    """Cut and resized as released: by area when it shrinks, by Lanczos when it grows."""
    if tuple(picture.shape[2:]) == (height, width):
        return picture
    method = "area" if picture.shape[2] * picture.shape[3] > height * width else "lanczos"
    return comfy.utils.common_upscale((picture + 1) / 2, width, height, method, "center") * 2 - 1


def _refuse_other_model(sharing: AttentionSharing, network: nn.Module) -> None:
    if not isinstance(network, UNetModel):
        raise ValueError(f"it was made for SD 1.5, but model is {type(network).__name__}; choose another model.")
    found = [attention for _, attention in attention_modules(network)]
    if len(found) != len(sharing.units):
        raise ValueError(
            f"it was made for SD 1.5, it has {len(sharing.units)} attention units; this model has {len(found)} "
            "attention modules. Choose another model or file."
        )
    for attention, unit in zip(found, sharing.units_in_order):
        widths = attention.to_q.in_features, attention.to_k.in_features
        if unit.widths != widths:
            raise ValueError(
                f"it was made for a model of another size: attention of width {unit.widths[0]} on a context of "
                f"{unit.widths[1]}, here {widths[0]} on {widths[1]}. Choose another model or file."
            )

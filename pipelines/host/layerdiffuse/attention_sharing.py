"""Attention shared by layers on the host's SD 1.5: units beside every attention module while a MODEL is in use.

Hooks stand on the layers of every attention module: what other packs have put on the attention, before or after, is
there and acts on the same queries, keys and values. For each forward pass the layers' own prompts go into the context.
The units are a model beside the base, whose own weights are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ...layerdiffuse.attention_sharing import PROJECTIONS, AttentionSharing, read_sharing, share
from ...layerdiffuse.layers import refuse_other_batch, with_own_prompts
from ..core.marks import Hook
from ..core.side_model import Removable, attach

if TYPE_CHECKING:
    from comfy.ldm.modules.attention import CrossAttention

    from ..core.sockets import ModelPatcher

KEY = "rgba_video.layerdiffuse"


class _Units:
    """The units beside one network, and the given layer's maps for the size that it works on: {tokens: map}."""

    def __init__(self, sharing: AttentionSharing) -> None:
        self.sharing = sharing
        self.maps: dict[int, Tensor] = {}
        self.maps_by_size: dict[tuple[int, int], dict[int, Tensor]] = {}

    def show(self, picture: Tensor, x: Tensor) -> None:
        """Takes the maps for x (B, C, h, w), made once in a run."""
        size = to_pixels(x.shape[2]), to_pixels(x.shape[3])
        if size not in self.maps_by_size:
            assert self.sharing.encoder is not None
            self.maps_by_size[size] = self.sharing.encoder(_fitted(picture, *size).to(x))
        self.maps.clear()
        self.maps.update(self.maps_by_size[size])

    def forget(self) -> None:
        self.maps.clear()
        self.maps_by_size.clear()


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
    of_network: WeakKeyDictionary[nn.Module, _Units] = WeakKeyDictionary()

    def hooks(patcher: Any, sharing: AttentionSharing) -> Iterator[Removable]:
        network = patcher.model.diffusion_model
        units = of_network.setdefault(network, _Units(sharing))  # kept: the maps of a pass outlast its hooks
        units.sharing = sharing
        yield from shared(network, units, strength)

    attach(clone, KEY, sharing, hooks, "LayerDiffuse", "Take the other node out.")
    for kind, wrapper in _wrappers(of_network, sharing.layers, prompts, picture).items():
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


def shared(network: UNetModel, units: _Units, strength: float) -> Iterator[Hook]:
    """Puts every unit beside its attention module."""
    names = {module: name for name, module in network.named_modules()}
    for (norm, attention), unit in zip(attention_modules(network), units.sharing.units_in_order):
        layers = (names[norm], *(f"{names[attention]}.{projection}" for projection in PROJECTIONS))
        yield from map(Hook, layers, share(norm, attention, unit, strength, units.maps))


def _wrappers(
    of_network: WeakKeyDictionary[nn.Module, _Units],
    layers: int,
    prompts: Sequence[Tensor | None],
    picture: Tensor | None,
) -> dict[str, Callable[..., Any]]:
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
            for units in of_network.values():
                units.forget()

    def forward(
        executor: Any, x: Tensor, timesteps: Any, context: Tensor, y: Any, control: Any, options: Any, **named: Any
    ) -> Any:
        units = of_network.get(executor.class_obj)
        if units is None:  # a second model of the same run, which has no layers
            return executor(x, timesteps, context, y, control, options, **named)
        if picture is not None:
            units.show(picture, x)
        if any(prompt is not None for prompt in prompts):
            chunks = options["cond_or_uncond"]
            positive = torch.tensor([chunk == 0 for chunk in chunks]).repeat_interleave(len(x) // len(chunks))
            context = with_own_prompts(context, prompts, positive)
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

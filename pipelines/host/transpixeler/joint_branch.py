"""TransPixeler beside a model: hooks that the host puts on the network while this MODEL is in use, and takes off again.

Per forward pass, outermost first: the tokens are counted (network), the halves are embedded apart (CogVideoX-5B-I2V),
the domain embedding is added to alpha rows (block 0), positions are shared and attention is split (every block), the
LoRA is added to alpha rows (its layers).

Hooks, not patches: whatever other packs have put on the network, on its blocks or on the attention is there when a hook
runs, and stays. The LoRA's weights are a model beside the base, whose own weights, quantised or not, are never touched.

Differs  `LESS` is computed by torch's attention: some kernels leave out a bias without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import torch
from comfy.ldm.modules.attention import attention_pytorch
from torch import Tensor, nn

from ...transpixeler.alpha_lora import AlphaLoRALayer, add_low_rank_
from ...transpixeler.families import COGVIDEOX
from ...transpixeler.rgba_lora import RGBALoRA
from ...transpixeler.split_attention import Sight, split_attention
from ..core.called_layers import call_in_order
from ..core.marks import Mark, after_forward, before_forward
from ..core.side_model import Removable, attach, linear
from .cogvideox_positions import embed_halves_apart
from .seams import Pass, Seam

if TYPE_CHECKING:
    from ..core.sockets import ModelPatcher

OVERRIDE = "optimized_attention_override"


class AlphaLoRAModule(nn.Module):
    """The matrices of one layer's LoRA."""

    def __init__(self, layer: AlphaLoRALayer) -> None:
        super().__init__()
        self.down = linear(layer.down)
        self.ups = nn.ModuleList(linear(up) for up in layer.ups)

    @property
    def ups_in_order(self) -> list[nn.Linear]:
        return cast("list[nn.Linear]", list(self.ups))


class DomainEmbedding(nn.Module):
    """(1 or tokens, width), what is added to the alpha rows."""

    def __init__(self, embedding: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(embedding, requires_grad=False)


class JointLayers(nn.Module):
    """Every weight of a file: the LoRA's matrices by layer, and the domain embedding if it has one."""

    def __init__(self, lora: RGBALoRA) -> None:
        super().__init__()
        self.lora = nn.ModuleList(AlphaLoRAModule(layer) for layer in lora.layers.values())
        self.embedding = None if lora.embedding is None else DomainEmbedding(lora.embedding)


class JointBranch:
    """Everything that makes a network generate two domains, as an injection and an additional model.

    Its weights are the model beside the base, so that the hooks of each MODEL use the ones of that MODEL.
    """

    def __init__(self, seam: Seam, lora: RGBALoRA, strength: float, sight: Sight) -> None:
        self.seam = seam
        self.strength = strength
        self.sight = sight
        self.passes: WeakKeyDictionary[nn.Module, Pass] = WeakKeyDictionary()
        """Of each network. Kept, as the host may put the hooks on anew in the middle of a pass."""
        self.targets = {target: (layer.rank, layer.everywhere) for target, layer in lora.layers.items()}

    def attach(self, model: ModelPatcher, key: str, layers: JointLayers) -> None:
        """Puts this branch on a cloned ModelPatcher under `key`."""
        attach(model, key, layers, self._hooks, "TransPixeler", "Take the other node out.")

    def _hooks(self, patcher: ModelPatcher, layers: JointLayers) -> Iterator[Removable]:
        network = patcher.model.diffusion_model
        now = self.passes.setdefault(network, Pass())
        yield before_forward(network, "", lambda module, args, named: now.begin(args[0]))
        yield after_forward(network, "", lambda *_: now.end())
        if self.seam.family is COGVIDEOX:
            yield from embed_halves_apart(network)
        if layers.embedding is not None:
            yield before_forward(network, "blocks.0", self._embed(now, layers.embedding))
        for index in range(len(network.blocks)):
            path = ".".join(filter(None, ("blocks", str(index), self.seam.attention)))
            yield (attention := Mark(f"attention of {path}"))
            yield before_forward(network, path, self._enter(now, attention))
        yield from call_in_order(network, self.targets)
        for target, matrices in zip(self.targets, cast("list[AlphaLoRAModule]", list(layers.lora))):
            yield after_forward(network, target, self._add(now, target, matrices))

    def _embed(self, now: Pass, domain: DomainEmbedding) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
            where = self.seam.video
            x = named[where] if isinstance(where, str) else args[where]
            now.refuse_other_rows(x)
            embedding = domain.weight
            if len(embedding) not in (1, now.tokens):
                raise ValueError(
                    f"the domain embedding is for {len(embedding)} tokens, this clip has {now.tokens}; use the size "
                    "and length that the file was trained for."
                )
            rgb, alpha = x.split(now.tokens, dim=1)
            x = torch.cat([rgb, alpha + embedding.to(alpha)], dim=1)
            if isinstance(where, str):
                return args, named | {where: x}
            return (*args[:where], x, *args[where + 1 :]), named

        return hook

    def _enter(self, now: Pass, attention: Mark) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
            args, named = self.seam.enter(now, args, dict(named))
            options = named.get("transformer_options") or {}
            named["transformer_options"] = options | {OVERRIDE: _split(now, self.sight, options, attention)}
            return args, named

        return hook

    def _add(self, now: Pass, target: str, matrices: AlphaLoRAModule) -> Callable[..., Any]:
        rank, everywhere = self.targets[target]
        factor, ups = self.strength / rank, matrices.ups_in_order

        def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if everywhere:
                rows = output.shape[1]
            else:
                now.refuse_parts(output)
                rows = now.tokens
            return add_low_rank_(output, args[0], rows, matrices.down, ups, factor)

        return hook


def _split(now: Pass, sight: Sight, options: dict[str, Any], attention: Mark) -> Callable[..., Tensor]:
    """An attention override: the attention that is in use, on what each part of the rows sees."""
    before = options.get(OVERRIDE)

    def override(func: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, heads: int, **named: Any) -> Tensor:
        attention.acted = True
        assert now.layout is not None  # noted as the block began
        layout = now.layout
        named["transformer_options"] = options

        def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
            if bias is not None:
                return attention_pytorch(q, k, v, heads, mask=bias, **named)
            return func(q, k, v, heads, **named) if before is None else before(func, q, k, v, heads, **named)

        rows = 2 if named.get("skip_reshape") else 1
        out_rows = 2 if named.get("skip_output_reshape") else 1
        return split_attention(q, k, v, layout, sight, attend, rows, out_rows)

    return override

"""TransPixeler's two other ways to two domains, on Wan: alpha as a neighbour in the batch, and among the channels.

    batch     clips (2B, C, F, h, w), RGB first; after each block, at each place, (rgb, alpha) += up(gelu(down(norm)))
    latent    channels (B, 2C, F, h, w) through a wider linear layer in and another out; everything is fine-tuned

Layout   as in training: a latent of both domains (B, C, 2F, h, w), RGB frames first.
Source   TransPixeler, arXiv:2501.03006, section 4.3, "Alternative Designs"; the communication between neighbours is
         that of Collaborative Control, arXiv:2402.05919: linear layers on both states of one place.
Differs  The paper gives no sizes and no start. Here both start as the base model on RGB: the communication ends in
         zeros, and so do the new columns that read alpha and the new rows that give it. In the batch alpha keeps the
         LoRA and the embedding that it has as tokens, so that only the way in which the domains meet is another.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.training.methods.alpha_tokens import LAYERS, AlphaLinear, Size
from pipelines.transpixeler.families import WAN
from pipelines.transpixeler.halves import join, split


class Communication(nn.Module):
    """What two clips tell each other, place by place: tokens (2B, N, D) to the same."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(2 * width)
        self.down = nn.Linear(2 * width, rank)
        self.up = nn.Linear(rank, 2 * width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        both = torch.cat(tokens.chunk(2), dim=-1)
        told = self.up(F.gelu(self.down(self.norm(both))))
        return tokens + torch.cat(told.chunk(2, dim=-1))


class NeighbourLinear(AlphaLinear):
    """A frozen linear layer, and a LoRA for the second half of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.base(x)
        rgb, alpha = out.chunk(2)
        return torch.cat([rgb, alpha + self._change(x.chunk(2)[1]) / self.down.out_features])


class BatchExtension(nn.Module):
    """A diffusers WanTransformer3DModel, changed in place, through which the domains go as two clips."""

    def __init__(self, transformer: Any, rank: int, communication_rank: int) -> None:
        super().__init__()
        self.transformer = transformer.requires_grad_(False)
        width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
        self.embedding = nn.Parameter(torch.zeros(width, 1, 1, 1))
        self.communications = nn.ModuleList(Communication(width, communication_rank) for _ in transformer.blocks)
        for block in transformer.blocks:
            for name in LAYERS[WAN.name]:
                parent, _, child = name.rpartition(".")
                linear = NeighbourLinear(block.get_submodule(name), rank, Size(), everywhere=False)
                setattr(block.get_submodule(parent), child, linear)
        for block, communication in zip(transformer.blocks, self.communications):
            block.register_forward_hook(_after(communication))
        transformer.patch_embedding.register_forward_hook(self._embed)

    def forward(self, latents: Tensor, timesteps: Tensor, context: Tensor, seen: Tensor | None = None) -> Tensor:
        clips = torch.cat(split(latents))
        out = self.transformer(clips, timesteps.repeat(2), context.repeat(2, 1, 1), return_dict=False)[0]
        return join(*out.chunk(2))

    def _embed(self, _: Any, __: Any, grid: Tensor) -> Tensor:
        rgb, alpha = grid.chunk(2)
        return torch.cat([rgb, alpha + self.embedding])


class LatentExtension(nn.Module):
    """A diffusers WanTransformer3DModel, changed in place and trained whole, that takes both domains as channels."""

    def __init__(self, transformer: Any) -> None:
        super().__init__()
        self.transformer = transformer.requires_grad_(True)
        transformer.patch_embedding = _also_reading_alpha(transformer.patch_embedding)
        transformer.proj_out = _also_giving_alpha(transformer.proj_out, transformer.config.out_channels)

    def forward(self, latents: Tensor, timesteps: Tensor, context: Tensor, seen: Tensor | None = None) -> Tensor:
        merged = torch.cat(split(latents), dim=1)
        out = self.transformer(merged, timesteps, context, return_dict=False)[0]
        return join(*out.chunk(2, dim=1))


def _after(communication: nn.Module) -> Any:
    return lambda _, __, tokens: communication(tokens)


@torch.no_grad()
def _also_reading_alpha(patches: Any) -> nn.Conv3d:
    wide = nn.Conv3d(2 * patches.in_channels, patches.out_channels, patches.kernel_size, patches.stride)
    wide.weight.zero_()
    wide.weight[:, : patches.in_channels] = patches.weight
    wide.bias = patches.bias
    return wide


@torch.no_grad()
def _also_giving_alpha(last: nn.Linear, channels: int) -> nn.Linear:
    """The rows of a place are those of its pixels, each with its channels together."""
    wide = nn.Linear(last.in_features, 2 * last.out_features)
    for into, out_of in ((wide.weight, last.weight), (wide.bias, last.bias)):
        into.zero_()
        into.unflatten(0, (-1, 2 * channels))[:, :channels] = out_of.unflatten(0, (-1, channels))
    return wide

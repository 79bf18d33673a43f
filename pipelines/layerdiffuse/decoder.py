"""The transparent decoder: a UNet over the decoded picture that is shown the latent as well.

Layout   pixel (B, 3, H, W), latent (B, 4 or 16, H / 8, W / 8); result (B, 4, H, W), its channels as the variant has
         them. H and W are multiples of 64.
Range    pixel 0..1; the latent as the ordinary VAE decodes it (not the diffusion model's scaling); the result is about
         0..1 and not clipped. Colour is straight and goes on under transparent pixels.
Source   LayerDiffusion, arXiv:2402.17113; lllyasviel/LayerDiffuse_DiffusersCLI, UNet1024.
Differs  The release builds it of diffusers' blocks, we of torch's layers (5e-6 apart). The latent enters before the
         fourth level and, as there, is not in the skip connection of that place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..weights.fit import built

GRAIN = 64
"""Six halvings: what height and width have to be multiples of."""
LATENT_LEVEL = 3
ATTENTION_LEVEL = 4
GROUPS, EPSILON, HEAD_WIDTH = 4, 1e-5, 8

Attend = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""Self-attention of q, k, v (B, tokens, C) with so many heads."""


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """By torch's own attention."""
    q, k, v = (rearrange(x, "b n (heads c) -> b heads n c", heads=heads) for x in (q, k, v))
    return rearrange(F.scaled_dot_product_attention(q, k, v), "b heads n c -> b n (heads c)")


class Residual(nn.Module):
    """Norm, SiLU, 3x3, twice, added to the input, which a 1x1 brings to the new width."""

    def __init__(self, inner: int, out: int, operations: Any) -> None:
        super().__init__()
        self.norm1 = operations.GroupNorm(GROUPS, inner, eps=EPSILON)
        self.conv1 = operations.Conv2d(inner, out, 3, padding=1)
        self.norm2 = operations.GroupNorm(GROUPS, out, eps=EPSILON)
        self.conv2 = operations.Conv2d(out, out, 3, padding=1)
        self.conv_shortcut = operations.Conv2d(inner, out, 1) if inner != out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inside = self.conv1(F.silu(self.norm1(x)))
        return self.conv_shortcut(x) + self.conv2(F.silu(self.norm2(inside)))


class Attention(nn.Module):
    """Self-attention over all places, in heads of eight channels, added to the input."""

    def __init__(self, width: int, operations: Any, attend: Attend) -> None:
        super().__init__()
        self.group_norm = operations.GroupNorm(GROUPS, width, eps=EPSILON)
        self.to_q, self.to_k, self.to_v = (operations.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([operations.Linear(width, width)])
        self.attend = attend

    def forward(self, x: Tensor) -> Tensor:
        tokens = rearrange(self.group_norm(x), "b c h w -> b (h w) c")
        q, k, v = self.to_q(tokens), self.to_k(tokens), self.to_v(tokens)
        out = self.to_out[0](self.attend(q, k, v, x.shape[1] // HEAD_WIDTH))
        return x + rearrange(out, "b (h w) c -> b c h w", h=x.shape[2])


class Sampler(nn.Module):
    """The convolution beside a change of size; the name is the file's."""

    def __init__(self, width: int, operations: Any, stride: int) -> None:
        super().__init__()
        self.conv = operations.Conv2d(width, width, 3, stride=stride, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Level(nn.Module):
    """Residual units of these (in, out) widths, and behind each, where `attended`, attention."""

    def __init__(self, widths: Sequence[tuple[int, int]], attended: bool, operations: Any, attend: Attend) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Residual(*each, operations) for each in widths)
        self.attentions = nn.ModuleList(
            Attention(out, operations, attend) if attended else nn.Identity() for _, out in widths
        )


class Down(Level):
    """A level on the way down; what comes out of each part is a skip."""

    def __init__(self, inner: int, out: int, last: bool, attended: bool, operations: Any, attend: Attend) -> None:
        super().__init__([(inner, out), (out, out)], attended, operations, attend)
        self.downsamplers = nn.ModuleList([] if last else [Sampler(out, operations, stride=2)])

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        for residual, attention in zip(self.resnets, self.attentions):
            x = attention(residual(x))
            skips.append(x)
        for sampler in self.downsamplers:
            x = sampler(x)
            skips.append(x)
        return x


class Up(Level):
    """A level on the way up; each unit is shown the skip that was put by last."""

    def __init__(
        self, widths: Sequence[tuple[int, int]], last: bool, attended: bool, operations: Any, attend: Attend
    ) -> None:
        super().__init__(widths, attended, operations, attend)
        self.upsamplers = nn.ModuleList([] if last else [Sampler(widths[-1][1], operations, stride=1)])

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        for residual, attention in zip(self.resnets, self.attentions):
            x = attention(residual(torch.cat([x, skips.pop()], dim=1)))
        for sampler in self.upsamplers:
            x = sampler(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return x


class Middle(nn.Module):
    """Residual, attention, residual."""

    def __init__(self, width: int, operations: Any, attend: Attend) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Residual(width, width, operations) for _ in range(2))
        self.attentions = nn.ModuleList([Attention(width, operations, attend)])

    def forward(self, x: Tensor) -> Tensor:
        before, after = self.resnets
        return after(self.attentions[0](before(x)))


class TransparentDecoder(nn.Module):
    """widths are those of the seven levels. operations has Conv2d, GroupNorm and Linear: torch.nn's, or a host's that
    moves weights by itself. Key names are the file's."""

    def __init__(
        self, widths: Sequence[int], latent_channels: int, operations: Any = nn, attend: Attend = attend
    ) -> None:
        super().__init__()
        last = len(widths) - 1
        self.conv_in = operations.Conv2d(3, widths[0], 3, padding=1)
        self.latent_conv_in = operations.Conv2d(latent_channels, widths[LATENT_LEVEL - 1], 1)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        width, skips = widths[0], [widths[0]]
        for index, out in enumerate(widths):
            self.down_blocks.append(Down(width, out, index == last, index >= ATTENTION_LEVEL, operations, attend))
            skips += [out] * (2 if index == last else 3)
            width = out
        self.mid_block = Middle(width, operations, attend)
        for index, out in reversed(list(enumerate(widths))):
            units = [(inner + skips.pop(), out) for inner in (width, out, out)]
            self.up_blocks.append(Up(units, index == 0, index >= ATTENTION_LEVEL, operations, attend))
            width = out
        self.conv_norm_out = operations.GroupNorm(GROUPS, width, eps=EPSILON)
        self.conv_out = operations.Conv2d(width, 4, 3, padding=1)

    def forward(self, pixel: Tensor, latent: Tensor) -> Tensor:
        """One pass, not clipped."""
        x = self.conv_in(pixel)
        skips = [x]
        for index, level in enumerate(self.down_blocks):
            if index == LATENT_LEVEL:
                x = x + self.latent_conv_in(latent)
            x = level(x, skips)
        x = self.mid_block(x)
        for level in self.up_blocks:
            x = level(x, skips)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


def build_decoder(state: Mapping[str, Tensor], operations: Any = nn, attend: Attend = attend) -> TransparentDecoder:
    """With the widths and weights of a decoder's state dict. Raises ValueError, listing names, when it is another."""
    levels = sorted({int(match[1]) for name in state if (match := re.match(r"down_blocks\.(\d+)\.", name))})
    widths = [state[f"down_blocks.{level}.resnets.0.conv1.weight"].shape[0] for level in levels]
    latent_channels = state["latent_conv_in.weight"].shape[1]
    return built(
        "transparent decoder",
        state,
        lambda layers: TransparentDecoder(widths, latent_channels, layers, attend),
        operations,
    )

"""Feature merge block: makes one latent out of the encoder's features of the colour and of the alpha.

    1x1x1 convolution; residual, attention, residual, attention, residual; norm, SiLU, 3x3x3 convolution.

Layout   in (B, 2C, t, h, w): colour features, then alpha features, both from the stock encoder without its head
         (released: C = 384). Out (B, 16, t, h, w).
Range    out is the raw latent, as a ComfyUI LATENT has it; `latent_stats.normalise` makes it the diffusion model's.
Causal   convolutions see this frame and the two before it, attention sees one frame: the last frames never change the
         first.
Source   Wan-Alpha, arXiv:2509.24979, feature merge block; WeChatCV/Wan-Alpha, wan_video_vae_merge_new.
Differs  The reference goes frame by frame with a cache of two frames, we take all frames at once (same numbers, 5e-7),
         attention excepted, which is done frame by frame to spare memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..weights.fit import refuse_other_state
from ..weights.key_dialects import list_names

PREFIX = "middle.block."
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def attend_in_frame(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """One head over all places of a frame: three times (N, C, h, w) to (N, C, h, w)."""
    q, k, v = (rearrange(each, "n c h w -> n 1 (h w) c").contiguous() for each in (query, key, value))
    out = functional.scaled_dot_product_attention(q, k, v)
    return rearrange(out, "n 1 (h w) c -> n c h w", h=query.shape[2])


def causal(layers: nn.Sequential, x: Tensor) -> Tensor:
    """The layers one after another; convolutions see zeros before the first frame, and t stays: (B, C, t, h, w)."""
    for layer in layers:
        if isinstance(layer, nn.Conv3d):
            x = functional.pad(x, (0, 0, 0, 0, layer.kernel_size[0] - 1, 0))
        x = layer(x)
    return x


class RMSNorm(nn.Module):
    """x / |x| over the channels, times sqrt(C) and a gain; `axes` is the number of axes after the channels."""

    def __init__(self, channels: int, axes: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * axes))

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=1) * x.shape[1] ** 0.5 * self.gamma.to(x)


class Residual(nn.Module):
    """Norm, SiLU, causal 3x3x3, twice, added to the input."""

    def __init__(self, channels: int, operations: Any) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            RMSNorm(channels, axes=3),
            nn.SiLU(),
            operations.Conv3d(channels, channels, 3, padding=(0, 1, 1)),
            RMSNorm(channels, axes=3),
            nn.SiLU(),
            nn.Identity(),  # the reference's dropout of 0, which holds a number in the key names
            operations.Conv3d(channels, channels, 3, padding=(0, 1, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + causal(self.residual, x)


class Attention(nn.Module):
    """Self-attention within each frame, added to the input."""

    def __init__(self, channels: int, operations: Any, attend: Attend) -> None:
        super().__init__()
        self.norm = RMSNorm(channels, axes=2)
        self.to_qkv = operations.Conv2d(channels, 3 * channels, 1)
        self.proj = operations.Conv2d(channels, channels, 1)
        self.attend = attend

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([frame + self._attended(frame) for frame in x.unbind(2)], dim=2)

    def _attended(self, frame: Tensor) -> Tensor:
        query, key, value = self.to_qkv(self.norm(frame)).chunk(3, dim=1)
        return self.proj(self.attend(query, key, value))


class MergeBlock(nn.Module):
    """operations has Conv2d and Conv3d, torch.nn's own or a host's that moves weights by itself; attend is a frame's
    attention, (N, C, h, w) each. Key names are the file's without `middle.block.`."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        out_channels: int,
        operations: Any = nn,
        attend: Attend = attend_in_frame,
    ) -> None:
        super().__init__()
        self.conv1 = operations.Conv3d(in_channels, channels, 1)
        self.middle = nn.Sequential(
            Residual(channels, operations),
            Attention(channels, operations, attend),
            Residual(channels, operations),
            Attention(channels, operations, attend),
            Residual(channels, operations),
        )
        self.head = nn.Sequential(
            RMSNorm(channels, axes=3), nn.SiLU(), operations.Conv3d(channels, out_channels, 3, padding=(0, 1, 1))
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, 2C, t, h, w) features of colour and alpha, joined on channels, to the raw latent (B, 16, t, h, w)."""
        return causal(self.head, self.middle(self.conv1(features)))


def read_merge_block(weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The merge block's state dict, names without `middle.block.`, or None if the file has none of it."""
    return {key.removeprefix(PREFIX): tensor for key, tensor in weights.items() if key.startswith(PREFIX)} or None


def build_merge_block(
    state: Mapping[str, Tensor], operations: Any = nn, attend: Attend = attend_in_frame
) -> MergeBlock:
    """A MergeBlock with widths, dtype and weights from a state dict of `read_merge_block`, which is copied.

    Raises ValueError, listing names, when tensors are missing, unknown or of the wrong shape.
    """
    if "conv1.weight" not in state or "head.2.weight" not in state:
        raise ValueError(f"expected a merge block's conv1.weight and head.2.weight, got {list_names(state.keys())}.")
    first, last = state["conv1.weight"], state["head.2.weight"]
    block = MergeBlock(first.shape[1], first.shape[0], last.shape[0], operations, attend).to(first.dtype)
    refuse_other_state("the merge block of a Wan-Alpha VAE", state, block.state_dict())
    block.load_state_dict(state)
    return block.eval()

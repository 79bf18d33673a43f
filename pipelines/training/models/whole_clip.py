"""diffusers' Wan VAE over a whole clip at once: the same numbers as in chunks, several times faster on a CPU.

Layout   clips (B, 3, T, H, W), T = 4t - 3, H and W multiples of 8; moments (B, 32, t, H / 8, W / 8), the first 16 the
         latent; features (B, 4 * width, t, H / 8, W / 8).
Range    clips -1..1; latents raw.
Source   Wan 2.1, arXiv:2503.20314; diffusers, `AutoencoderKLWan`.
Differs  diffusers goes through the first frame and then through fours, with caches; here causal convolutions are
         padded once. Its norm is computed as x / sqrt(mean x^2), with a gradient of few passes. With `flat` the
         convolutions of the two finest levels see their own frame alone, with the last of their three taps in time: the
         same numbers where the others are 0, for a third of the work. Taps that never enter get no gradient.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...latent_grid.size_rule import CELL, WAN_VAE

FINE = 2
"""Pixels along the side of a cell at the second finest level."""


class Norm(torch.autograd.Function):
    """gain * x / sqrt(mean of x^2 over the channels): (B, C, ...) and (C, 1, ...)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(1, keepdim=True, dtype=_summed(x)) + 1e-12).to(x.dtype)
        ctx.save_for_backward(x, gain, scale)
        return x * scale * gain.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None]:
        (out,) = gradients
        x, gain, scale = ctx.saved_tensors
        normed = x * scale
        for_gain = None
        if ctx.needs_input_grad[1]:
            axes = [0, *range(2, x.ndim)]
            for_gain = (out * normed).sum(axes, dtype=_summed(x)).reshape(gain.shape).to(gain.dtype)
        out = out * gain.to(x.dtype)
        along = (out * normed).mean(1, keepdim=True, dtype=_summed(x)).to(x.dtype)
        return (out - normed * along) * scale, for_gain


def _summed(x: Tensor) -> torch.dtype:
    """The dtype of a sum: half precision is summed in float32."""
    return torch.promote_types(x.dtype, torch.float32)


def encode(vae: Any, clip: Tensor, flat: bool = False) -> Tensor:
    """The moments of a clip: latent and its log-variance."""
    x = _head(vae.encoder, features(vae, clip, flat), flat=False)
    return conv(vae.quant_conv, x)


def features(vae: Any, clip: Tensor, flat: bool = False) -> Tensor:
    """What the encoder has before its head."""
    _refuse_size(clip)
    cell = 1
    x = conv(vae.encoder.conv_in, clip, flat)
    for layer in vae.encoder.down_blocks:
        if hasattr(layer, "mode"):
            x = _downsample(layer, x)
            cell *= 2
        else:
            x = _residual(layer, x, flat and cell <= FINE)
    return _middle(vae.encoder.mid_block, x)


def decode(vae: Any, latent: Tensor, flat: bool = False) -> Tensor:
    """A clip of 4t - 3 frames, not clamped."""
    x = conv(vae.decoder.conv_in, conv(vae.post_quant_conv, latent))
    x = _middle(vae.decoder.mid_block, x)
    cell = CELL
    for block in vae.decoder.up_blocks:
        for layer in block.resnets:
            x = _residual(layer, x, flat and cell <= FINE)
        if block.upsamplers is not None:
            x = _upsample(block.upsamplers[0], x)
            cell //= 2
    return _head(vae.decoder, x, flat)


def conv(layer: Any, x: Tensor, flat: bool = False) -> Tensor:
    """A causal convolution over (B, C, t, h, w). With `flat`, and for a single frame, its last tap in time alone."""
    weight, bias = layer.weight, layer.bias
    rows, columns = weight.shape[-2] // 2, weight.shape[-1] // 2
    if flat or x.shape[2] == 1:
        return _frames(x, lambda frame: F.conv2d(frame, weight[:, :, -1], bias, padding=(rows, columns)))
    padded = F.pad(x, (columns, columns, rows, rows, weight.shape[2] - 1, 0))
    return F.conv3d(padded, weight, bias)


def _frames(x: Tensor, layer: Any) -> Tensor:
    """A layer of pictures on every frame: (B, C, t, h, w) to (B, C', t, h', w')."""
    batch, _, t = x.shape[:3]
    out = layer(x.transpose(1, 2).flatten(0, 1))
    return out.unflatten(0, (batch, t)).transpose(1, 2)


def _norm(layer: Any, x: Tensor) -> Tensor:
    normed = Norm.apply(x, layer.gamma)
    assert isinstance(normed, Tensor)
    return normed


def _residual(layer: Any, x: Tensor, flat: bool) -> Tensor:
    skipped = x if isinstance(layer.conv_shortcut, nn.Identity) else conv(layer.conv_shortcut, x, flat)
    x = conv(layer.conv1, F.silu(_norm(layer.norm1, x)), flat)
    return skipped + conv(layer.conv2, F.silu(_norm(layer.norm2, x)), flat)


def _middle(block: Any, x: Tensor) -> Tensor:
    x = _residual(block.resnets[0], x, flat=False)
    for attention, residual in zip(block.attentions, block.resnets[1:]):
        x = _residual(residual, attention(x), flat=False)
    return x


def _head(coder: Any, x: Tensor, flat: bool) -> Tensor:
    return conv(coder.conv_out, F.silu(_norm(coder.norm_out, x)), flat)


def _downsample(layer: Any, x: Tensor) -> Tensor:
    x = _frames(x, lambda frame: F.conv2d(F.pad(frame, (0, 1, 0, 1)), *_own(layer.resample[1]), stride=2))
    if layer.mode == "downsample3d" and x.shape[2] > 1:
        x = torch.cat([x[:, :, :1], F.conv3d(x, *_own(layer.time_conv), stride=(2, 1, 1))], dim=2)
    return x


def _upsample(layer: Any, x: Tensor) -> Tensor:
    if layer.mode == "upsample3d" and x.shape[2] > 1:
        pairs = conv(layer.time_conv, x[:, :, 1:]).unflatten(1, (2, -1))  # the first frame stays out of it
        x = torch.cat([x[:, :, :1], pairs.movedim(1, 3).flatten(2, 3)], dim=2)
    return _frames(x, lambda frame: F.conv2d(_doubled(frame), *_own(layer.resample[1]), padding=1))


def _doubled(frame: Tensor) -> Tensor:
    return F.interpolate(frame, scale_factor=2.0, mode="nearest")


def _own(layer: Any) -> tuple[Tensor, Tensor]:
    return layer.weight, layer.bias


def _refuse_size(clip: Tensor) -> None:
    if clip.ndim != 5 or clip.shape[1] != 3:
        raise ValueError(f"A clip must be (B, 3, T, H, W), got {tuple(clip.shape)}.")
    length, height, width = clip.shape[2:]
    WAN_VAE.check("The clip", width, height, length)

"""Wan-Alpha's RGBA VAE in training: what is learnt is a merge block after the stock encoder and two LoRAs on the stock
decoder, one that paints colour and one that paints alpha.

    features of hard-rendered colour, features of alpha -> merge block -> raw latent -> colour decoder, alpha decoder

Layout   rgb (B, 3, T, H, W), alpha (B, 1, T, H, W); T = 4t - 3, H and W multiples of 8. Raw latent (B, 16, t, h, w).
Range    -1..1, straight colour, alpha 1 = opaque.
Keys     `published` gives those of Wan-Alpha-VAE.bin: `vae_fgr.decoder.*`, `vae_pha.decoder.*` (see `decoder_change`)
         and `middle.block.*`.
Source   Wan-Alpha, arXiv:2509.24979, "VAE"; `train_vae.py` of its release: rank 128, AdamW 1e-4, 17 frames of 272².
Differs  The merge block starts as the stock encoder's own head on the features of the colour, so that the first latent
         is the stock latent and the first colours are the stock decoder's; alpha is all that is left to learn. How the
         reference starts it does not show in its files. Walls are drawn for each clip, not for each batch. `noise` and
         `prior` are ours: they keep the latent at the scale that the diffusion model knows. So is `psnr`: the paper's
         terms fell by a quarter once and left PSNR where it was.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...alpha.render import COLORS
from ...latent_grid.size_rule import to_latent_shape
from ...wan_alpha.latent_stats import STD, normalise
from ...wan_alpha.merge_block import PREFIX, MergeBlock, Residual
from ..draws import Draws
from ..models.decoder_change import change_convolutions, published_keys
from ..models.wan_names import official_vae_name
from ..models.whole_clip import decode, features
from .psnr_loss import seen_psnr
from .reconstruction import Perceptual, hard_rendered, plain_losses, reconstruction_losses
from .tabd import Form, Velocity, tabd_loss

RANK = 128
LOSS = "loss"
FLAT_LAYERS = ("up_blocks.2.", "up_blocks.3.", "conv_out")
"""What `whole_clip.decode` takes frame by frame when it is `flat`."""
PREFIXES = {"rgb": "vae_fgr.", "alpha": "vae_pha."}
"""Name of a decoder here to its prefix in published files."""


class RGBAVAE(nn.Module):
    """Parameters that want a gradient are the merge block's and the LoRAs'; all others are the base VAE's, frozen.

    base is diffusers' AutoencoderKLWan, which is copied. perceptual and dit are frozen too and are not among the
    weights of the result. Without `rendering` the encoder is shown the colour as it is and the loss compares it so.
    `flat` is `whole_clip`'s, for a base VAE that was trained with it. `noise` is the deviation of what is added to the
    normalised latent before it is decoded, `prior` the weight of its mean square in the loss; without noise the scale
    of a latent means nothing. `psnr` is the weight of a decibel, of what is seen and of alpha.
    """

    def __init__(
        self,
        base: Any,
        rank: int = RANK,
        rendering: bool = True,
        flat: bool = False,
        perceptual: Perceptual | None = None,
        tabd: Form | None = None,
        velocity: Velocity | None = None,
        noise: float = 0.0,
        prior: float = 0.0,
        psnr: float = 0.0,
    ) -> None:
        super().__init__()
        if (tabd is None) != (velocity is None):
            raise ValueError("TABD wants a form and a frozen diffusion model, got only one of them; give both or none.")
        if prior and not noise:
            raise ValueError("prior wants noise, without which the scale of a latent means nothing; give both or none.")
        self.merge = _merge_block(base)
        self.stock, self.rgb, self.alpha = (copy.deepcopy(base).requires_grad_(False) for _ in range(3))
        del self.stock.decoder, self.stock.post_quant_conv
        for part in (self.rgb, self.alpha):
            del part.encoder, part.quant_conv
            change_convolutions(part.decoder, rank, FLAT_LAYERS if flat else ())
        self.flat = flat
        self.rendering = rendering
        self.perceptual = perceptual
        self.tabd = tabd
        self.velocity = velocity
        self.noise, self.prior, self.psnr = noise, prior, psnr
        self.register_buffer("walls", torch.tensor(list(COLORS.values())), persistent=False)
        self.walls: Tensor

    def encode(self, rgb: Tensor, alpha: Tensor) -> Tensor:
        """The raw latent of colour, rendered already, and alpha."""
        with torch.no_grad():
            both = features(self.stock, torch.cat([rgb, alpha.expand(-1, 3, -1, -1, -1)]), self.flat)
        return self.merge(torch.cat(both.chunk(2), dim=1))

    def decode(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Colour and alpha, each (B, 3, T, H, W), not clamped."""
        return decode(self.rgb, latent, self.flat), decode(self.alpha, latent, self.flat)

    def through(self, rgb: Tensor, alpha: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The raw latent, and what both decoders make of it with the noise on it."""
        latent = self.encode(rgb, alpha)
        return latent, *self.decode(latent + noise.to(latent))

    def forward(self, batch: Mapping[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """`loss` and what it is made of. batch has `rgb` and `alpha`."""
        rgb, alpha = batch["rgb"], batch["alpha"]
        walls = self.walls[draws.choice(len(COLORS), 3)]
        shown = hard_rendered(rgb, alpha, walls[:, 0]) if self.rendering else rgb
        latent, *decoded = self.through(shown, alpha, self._noise(rgb, draws))
        painted, opacity = (clip.float() for clip in decoded)  # losses are not for 16 bits
        if self.rendering:
            terms = reconstruction_losses(painted, opacity, rgb, alpha, walls[:, 1], walls[:, 2], self.perceptual)
        else:
            terms = plain_losses(painted, opacity, rgb, alpha, self.perceptual)
        if self.tabd is not None and self.velocity is not None:
            terms["tabd"] = tabd_loss(self.velocity, latent.float(), alpha, self.tabd, draws)
        if self.prior:
            terms["prior"] = self.prior * normalise(latent.float()).square().mean()
        if self.psnr:
            terms["psnr"] = -self.psnr * seen_psnr(painted, opacity, rgb, alpha)
        return {LOSS: torch.stack(list(terms.values())).sum(), **terms}

    def _noise(self, rgb: Tensor, draws: Draws) -> Tensor:
        """What is added to the raw latent."""
        if not self.noise:
            return rgb.new_zeros(())
        spread = rgb.new_tensor(STD).reshape(-1, 1, 1, 1)
        return self.noise * spread * draws.normal(len(STD), *to_latent_shape(*rgb.shape[2:]))


class FrozenVelocity(nn.Module):
    """A diffusers WanTransformer3DModel on one text, with a gradient to x alone: what TABD asks.

    context (1, L, D) is the text encoder's output for the empty prompt.
    """

    def __init__(self, dit: nn.Module, context: Tensor) -> None:
        super().__init__()
        self.dit: Any = dit.requires_grad_(False).eval()
        self.register_buffer("context", context, persistent=False)
        self.context: Tensor

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        dtype = self.dit.patch_embedding.weight.dtype
        context = self.context.to(dtype).expand(x.shape[0], -1, -1)
        return self.dit(x.to(dtype), timesteps, context, return_dict=False)[0].to(x)


def published(trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was trained, by its names in RGBAVAE, in the keys of Wan-Alpha-VAE.bin. Raises ValueError for others."""
    merge = {name: tensor for name, tensor in trained.items() if name.startswith("merge.")}
    weights = {PREFIX + name.removeprefix("merge."): tensor for name, tensor in merge.items()}
    pairs = published_keys({name: tensor for name, tensor in trained.items() if name not in merge})
    for name, tensor in pairs.items():
        part, _, inside = name.partition(".")
        weights[PREFIXES[part] + official_vae_name(inside)] = tensor
    return weights


@torch.no_grad()
def _merge_block(base: Any) -> MergeBlock:
    """A merge block that gives the stock latent of the colour: its residual and attention layers add nothing yet."""
    encoder, quantise = base.encoder, base.quant_conv
    out = quantise.weight.shape[0] // 2  # the first half is the mean, the second the log variance
    channels = encoder.norm_out.gamma.shape[0]
    merge: Any = MergeBlock(2 * channels, channels, out)
    merge.conv1.weight.zero_()
    merge.conv1.weight[:, :channels, 0, 0, 0] = torch.eye(channels)
    merge.conv1.bias.zero_()
    for layer in merge.middle:
        last: Any = layer.residual[-1] if isinstance(layer, Residual) else layer.proj
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    norm, last = merge.head[0], merge.head[-1]
    mix = quantise.weight[:out, :, 0, 0, 0]
    head = encoder.conv_out
    norm.gamma.copy_(encoder.norm_out.gamma)
    last.weight.copy_(torch.einsum("om,mcthw->octhw", mix, head.weight))
    last.bias.copy_(mix @ head.bias + quantise.bias[:out])
    return merge

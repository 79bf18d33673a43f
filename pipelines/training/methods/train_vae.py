"""The command `vae`: trains Wan-Alpha's RGBA VAE on windows of the listed clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from einops import rearrange
from torch import Tensor

from ...alpha.decoded import join_decoded
from ..data.clip_items import Windows
from ..data.clip_list import read_rows
from ..draws import mix
from ..loop import train
from ..models.text_encoder import load_text_encoder
from ..models.vgg import find_vgg, load_vgg
from ..models.wan_models import load_dit, load_vae
from ..run_settings import OrNot, RunSettings, complain, loss
from .rgba_vae import RANK, RGBAVAE, FrozenVelocity, published
from .tabd import FORMS

SHOWN = 1
"""Mixed into the seed of the clips that are shown, so that they are others than those that are trained on."""


@dataclass(frozen=True, kw_only=True)
class TrainVAE(RunSettings):
    """Train the RGBA VAE: a feature merge block and LoRAs on two decoders of the stock Wan 2.1 VAE."""

    clips: Annotated[Path, "folder or .csv of the clips"]
    vae: Annotated[Path, "the stock Wan 2.1 VAE"]
    frames: Annotated[int, "of a window, 4n + 1"] = 17
    height: Annotated[int, "of a window in pixels, a multiple of 16"] = 272
    width: Annotated[int, "of a window in pixels, a multiple of 16"] = 272
    rank: Annotated[int, "of the decoder LoRAs"] = RANK
    rendering: Annotated[bool, "compare hard and soft renders; false compares the straight colour"] = True
    noise: Annotated[
        float, "deviation of what is added to the latent before it is decoded; the paper adds none, the demo 0.07"
    ] = 0.0
    prior: Annotated[
        float, "weight of the latent's mean square, which keeps its scale; wants noise; the demo's is 0.01"
    ] = 0.0
    psnr: Annotated[
        float, "weight of a decibel of PSNR, of what is seen and of alpha; the paper has none, the demo 0.06"
    ] = 0.0
    perceptual: Annotated[Path | None, "VGG16 weights of torchvision; looked up in torch.hub's cache"] = None
    tabd: Annotated[Literal["none", "released", "paper", "bounded"], "the loss through a frozen diffusion model"] = (
        "none"
    )
    dit: Annotated[Path | None, "Wan 2.1 text-to-video 1.3B, for tabd"] = None
    text_encoder: Annotated[Path | None, "UMT5 in 16 bits, for tabd's empty prompt"] = None
    broken: Annotated[OrNot, "on a clip that cannot be used"] = "stop"

    def __call__(self) -> None:
        rows = read_rows(self.clips, complain(self.broken))
        window = (self.frames, self.height, self.width)
        torch.manual_seed(self.seed)
        vgg = self.perceptual or find_vgg()
        model = RGBAVAE(
            load_vae(self.vae),
            self.rank,
            self.rendering,
            perceptual=load_vgg(vgg) if vgg else None,
            tabd=FORMS[self.tabd] if self.tabd != "none" else None,
            velocity=self._velocity() if self.tabd != "none" else None,
            noise=self.noise,
            prior=self.prior,
            psnr=self.psnr,
        )
        shown = Windows(rows, *window, mix(self.seed, SHOWN), complain(self.broken))
        weights = train(
            model,
            loss,
            Windows(rows, *window, self.seed, complain(self.broken)),
            self.as_run(),
            self.adamw,
            self.rate_at,
            sample=lambda trained, _: {"clip-and-again": again(trained, shown[0])},
        )
        self.write(published(weights))

    def _velocity(self) -> FrozenVelocity:
        if self.dit is None or self.text_encoder is None:
            raise ValueError("tabd wants dit and text_encoder: the frozen diffusion model and its empty prompt.")
        return FrozenVelocity(load_dit(self.dit, torch.bfloat16), load_text_encoder(self.text_encoder)([""]))


def again(model: Any, item: dict[str, Tensor]) -> Tensor:
    """A clip and what the VAE makes of it, side by side: (T, H, 2 W, 4)."""
    clips = {name: clip[None].to(next(model.parameters()).device) for name, clip in item.items()}
    painted, opacity = model.decode(model.encode(clips["rgb"], clips["alpha"]))
    pairs = ((clips["rgb"], clips["alpha"].expand_as(clips["rgb"])), (painted, opacity))
    shown = [[(rearrange(clip, "1 c t h w -> t h w c").clamp(-1, 1) + 1) / 2 for clip in pair] for pair in pairs]
    return torch.cat([join_decoded(rgb, grey, "mean") for rgb, grey in shown], dim=2)

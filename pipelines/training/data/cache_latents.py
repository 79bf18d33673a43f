"""The command `cache`: latents, ellipses and contexts of the listed clips, for the command `dora`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from ..models.rgba_codec import load_rgba_encoder
from ..models.text_encoder import load_text_encoder
from ..run_settings import OrNot, complain
from .buckets import AREA, Area
from .clip_items import hard_rendered_clip, prompt_of, subject_of, whole_clip_of
from .clip_list import Row, read_rows
from .latent_cache import cache


@dataclass(frozen=True, kw_only=True)
class CacheLatents:
    """Cache latents, fitted ellipses and contexts; stopped, it goes on where it was."""

    clips: Annotated[Path, "folder or .csv of the clips with captions"]
    vae: Annotated[Path, "the stock Wan 2.1 VAE"]
    weights: Annotated[Path, "Wan-Alpha-VAE with its feature merge block"]
    text_encoder: Annotated[Path, "UMT5 in 16 or 32 bits"]
    cache: Annotated[Path, "folder for the result"]
    area: Area = AREA
    frames: Annotated[int, "at most; 4n + 1 are taken"] = 81
    variants: Annotated[int, "of each clip: other wall, labels on the other side"] = 1
    seed: Annotated[int, "of walls and labels"] = 0
    device: Annotated[str, "such as cuda"] = "cuda" if torch.cuda.is_available() else "cpu"
    broken: Annotated[OrNot, "on a clip that cannot be used"] = "stop"

    def __call__(self) -> None:
        rows = read_rows(self.clips, complain(self.broken))
        encoder = load_rgba_encoder(self.vae, self.weights).to(self.device)
        texts = load_text_encoder(self.text_encoder).to(self.device)

        def make(row: Row, seed: int) -> dict[str, Tensor]:
            rgba = whole_clip_of(row, self.frames, self.area)
            context = texts([prompt_of(row, seed)])[0]
            shown = {name: clip[None].to(self.device) for name, clip in hard_rendered_clip(rgba, seed).items()}
            latent = encoder(shown["rgb"], shown["alpha"])[0]
            return {"latent": latent.cpu(), "subject": subject_of(rgba), "context": context.cpu()}

        made_with = f"{self.vae.name} {self.weights.name} {self.text_encoder.name} {self.area} {self.frames}"
        cache(rows, self.cache, make, made_with, complain(self.broken), self.variants, self.seed)

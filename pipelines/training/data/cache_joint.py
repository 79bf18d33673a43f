"""The command `cache-joint`: latents of colour and of alpha, and contexts, for the command `transpixeler`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from ...alpha.render import COLORS
from ...media.footage import is_footage
from ...transpixeler.families import COGVIDEOX, MOCHI, WAN
from ..models.joint_models import JointFiles, JointText, JointVAE
from ..run_settings import OrNot, complain
from .buckets import AREA, Area
from .clip_items import before_a_blurred_background, one_of, over_a_wall, prompt_of, whole_clip_of
from .clip_list import Row, read_rows
from .footage import opened
from .latent_cache import cache
from .windows import covering

FAMILIES = {family.name: family for family in (COGVIDEOX, MOCHI, WAN)}


@dataclass(frozen=True, kw_only=True)
class CacheJoint:
    """Cache latents of colour and alpha by themselves, and contexts; stopped, it goes on where it was."""

    clips: Annotated[Path, "folder or .csv of the clips with captions"]
    cache: Annotated[Path, "folder for the result"]
    family: Annotated[Literal["cogvideox", "mochi", "wan"], "the model that will be trained"]
    model: Annotated[Path | None, "folder of CogVideoX-5B or Mochi in diffusers' layout"] = None
    vae: Annotated[Path | None, "for wan: the stock Wan 2.1 VAE"] = None
    text_encoder: Annotated[Path | None, "for wan: UMT5 in 16 or 32 bits"] = None
    backgrounds: Annotated[Path | None, "folder of stills or videos to blur; else one of 8 colours"] = None
    decontaminate: Annotated[Literal["none", "levels", "choke"], "take the background out of soft edges"] = "none"
    area: Area = AREA
    frames: Annotated[int, "at most"] = 49
    variants: Annotated[int, "of each clip: other background, labels on the other side"] = 1
    seed: Annotated[int, "of backgrounds and labels"] = 0
    device: Annotated[str, "such as cuda"] = "cuda" if torch.cuda.is_available() else "cpu"
    broken: Annotated[OrNot, "on a clip that cannot be used"] = "stop"

    def __call__(self) -> None:
        rows = read_rows(self.clips, complain(self.broken))
        files = JointFiles(FAMILIES[self.family], self.model, vae=self.vae, text_encoder=self.text_encoder)
        vae, texts = JointVAE(files).to(self.device), JointText(files).to(self.device)

        def make(row: Row, seed: int) -> dict[str, Tensor]:
            rgba = whole_clip_of(row, self.frames, self.area, files.family.sizes)
            said = texts(prompt_of(row, seed, "TransPixeler"))
            pair = self._before_something(rgba, seed)
            domains = {"rgb": pair["rgb"], "alpha": pair["alpha"].expand_as(pair["rgb"])}
            latents = {name: vae.encode(clip[None].to(self.device))[0].cpu() for name, clip in domains.items()}
            return {**latents, **{name: tensor.cpu() for name, tensor in said.items()}}

        made_with = [self.family, self.model, self.vae, self.text_encoder, self.backgrounds, self.decontaminate]
        settings = " ".join(map(str, [*made_with, self.area, self.frames]))
        cache(rows, self.cache, make, settings, complain(self.broken), self.variants, self.seed)

    def _before_something(self, rgba: Tensor, seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        if self.backgrounds is None:
            return over_a_wall(rgba, one_of(list(COLORS.values()), generator))
        found = [path for path in sorted(self.backgrounds.iterdir()) if is_footage(path)]
        if not found:
            raise ValueError(f"{self.backgrounds}: there is no still and no video in it.")
        background = covering(opened(one_of(found, generator)).read(count=1)[..., :3], *rgba.shape[1:3])[0].clamp(0, 1)
        reading = None if self.decontaminate == "none" else self.decontaminate
        return before_a_blurred_background(rgba, background, reading)

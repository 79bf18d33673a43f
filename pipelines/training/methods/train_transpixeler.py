"""The command `transpixeler`: trains TransPixeler's LoRA on latents that the command `cache-joint` has made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from ...alpha.decoded import join_decoded
from ...transpixeler.families import sight
from ...transpixeler.halves import split
from ..data.cache_joint import FAMILIES
from ..data.latent_cache import CachedItems
from ..draws import Draws
from ..loop import train
from ..models.joint_models import JointFiles, JointVAE, load_transformer
from ..run_settings import RunSettings, loss
from .alpha_tokens import ATTENTION, LAYERS, Additions
from .joint_sample import joint_sample
from .transpixeler import TransPixeler, published

OUTPUT = ATTENTION[-1]


@dataclass(frozen=True, kw_only=True)
class TrainTransPixeler(RunSettings):
    """Train the LoRA of alpha tokens and the domain embedding of CogVideoX, Mochi or Wan."""

    cache: Annotated[Path, "folder that the command cache-joint has made"]
    family: Annotated[Literal["cogvideox", "mochi", "wan"], "the model"]
    model: Annotated[Path | None, "folder of CogVideoX-5B or Mochi in diffusers' layout"] = None
    dit: Annotated[Path | None, "for wan: Wan 2.1 text-to-video"] = None
    vae: Annotated[Path | None, "for wan: the stock VAE, for sample clips"] = None
    dtype: Annotated[Literal["float32", "bfloat16"], "numbers of the frozen model"] = "bfloat16"
    rank: Annotated[int, "of the LoRA; its scale is 1 / rank"] = 128
    outputs: Annotated[bool, "adapt the attention's output too, as the release does and the paper does not"] = True
    everywhere: Annotated[bool, "let the LoRA act on text and RGB too"] = False
    embedding: Annotated[bool, "train a domain embedding"] = True
    shared_positions: Annotated[bool, "give alpha the positions of RGB; false: those that follow"] = True
    text_to_alpha: Annotated[Literal["blocked (paper)", "as released", "open"], "what text sees"] = "blocked (paper)"
    rgb_to_alpha: Annotated[bool, "let RGB see alpha"] = True
    same_noise: Annotated[bool, "one noise for both domains"] = False
    level_shift: Annotated[float, "for wan: trains on noisier levels when above 1; the release's is 1"] = 1.0
    spare_memory: Annotated[bool, "compute activations again instead of keeping them"] = False

    def __call__(self) -> None:
        torch.manual_seed(self.seed)
        family = FAMILIES[self.family]
        files = JointFiles(family, self.model, self.dit, self.vae)
        transformer = load_transformer(files, getattr(torch, self.dtype))
        if self.spare_memory:
            transformer.enable_gradient_checkpointing()
        additions = Additions(
            self.rank,
            tuple(layer for layer in LAYERS[self.family] if self.outputs or layer != OUTPUT),
            self.everywhere,
            self.embedding,
            self.shared_positions,
            sight(family, self.text_to_alpha, self.rgb_to_alpha),
        )
        items = CachedItems(self.cache, self.samples_per_step, self.seed, size_of="rgb")
        weights = train(
            TransPixeler(transformer, family, additions, self.same_noise, self.level_shift),
            loss,
            items,
            self.as_run(),
            self.adamw,
            self.rate_at,
            sample=self._look_at(files, items[0]),
        )
        self.write(published(weights, family))

    def _look_at(self, files: JointFiles, item: dict[str, Tensor]) -> Callable[[Any, int], dict[str, Tensor]] | None:
        """What makes the sample clips, if they are wanted and there is something to decode them with."""
        if not self.sample_every or (files.folder is None and files.vae is None):
            return None
        vae = JointVAE(files)

        def show(model: Any, _: int) -> dict[str, Tensor]:
            device = next(model.parameters()).device
            vae.to(device)
            latent = joint_sample(model, item, Draws(self.seed, [0], device))
            rgb, alpha = ((vae.decode(half)[0].movedim(0, -1).cpu() + 1) / 2 for half in split(latent))
            return {"sample": join_decoded(rgb, alpha, "max")}

        return show

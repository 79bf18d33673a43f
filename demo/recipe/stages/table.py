"""The stages by name, and base models from elsewhere in the place of the stages that train them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.training.models.wan_models import load_dit, load_vae
from pipelines.weights.fit import refuse_other_state
from pipelines.weights.weights_file import named, read_weights

from .. import base_dit, base_vae
from ..text_encoder import read_text_encoder
from .adapters import train_dora, train_rgba_vae, train_transpixeler
from .dit import make_tokenizer, train_dit_clips, train_dit_stills
from .recipe import DIT, TEXT_ENCODER, VAE, Recipe, read_result, write_result
from .vae import train_vae_stills, whiten_vae

STAGES: Mapping[str, Callable[[Recipe], Mapping[str, Tensor]]] = {
    "vae_stills": train_vae_stills,
    "vae_clips": whiten_vae,
    "dit_stills": train_dit_stills,
    "dit_clips": train_dit_clips,
    "rgba_vae": train_rgba_vae,
    "dora": train_dora,
    "transpixeler": train_transpixeler,
}
"""Every stage that trains, in an order in which each finds what it needs."""
LAST = ("dora", "transpixeler")
"""The stages that no other needs: they call all the others that are not finished yet."""


def go_on_from(models: Path, recipe: Recipe) -> None:
    """Take the base models of a models folder for the results of the stages that train them.

    Raises ValueError, naming the file, for one that is not there or not what the recipe trains, and when the recipe's
    folder has base models of its own already.
    """
    weights = read_weights(models / TEXT_ENCODER)
    with named(models / TEXT_ENCODER):
        text, words = read_text_encoder(weights)
        if words.model != make_tokenizer().model:
            raise ValueError("expected the tokenizer of the demo's captions, got another; train from nothing.")
    found: dict[str, tuple[str, nn.Module, dict[str, nn.Module]]] = {
        "base_vae_whitened": (VAE, base_vae.BaseVAE(), {"vae": load_vae(models / VAE)}),
        "dit_clips": (DIT, base_dit.PromptedDiT(len(words)), {"text": text, "dit": load_dit(models / DIT)}),
    }
    for name, (file, model, parts) in found.items():
        taken = nn.ModuleDict(parts).state_dict()
        with named(models / file):
            refuse_other_state("the demo's base model", taken, model.state_dict())
        own = read_result(recipe.folder / name)
        if own is None:
            write_result(recipe.folder / name, taken)
        elif not all(torch.equal(own[key], tensor) for key, tensor in taken.items()):
            raise ValueError(f"{recipe.folder / name} has a base model of its own; choose another folder.")

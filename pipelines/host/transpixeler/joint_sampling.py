"""One run of the host's KSampler over both domains: a latent of one domain in, RGB and alpha out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import comfy.sample
import comfy.utils
import latent_preview
from comfy.patcher_extension import WrappersMP

from ..core.notices import warn
from .joint_latent import JOINT, halves_of, joined, one_domain
from .joint_model import KEY

if TYPE_CHECKING:
    from ..core.sockets import Conditioning, Latent, ModelPatcher

EMPTY_LATENT_HINTS: Final = ("downscale_ratio_spacial", "downscale_ratio_temporal")
"""What an empty latent says of itself, so that the host can fit it to the model; nothing to say of a sampled one."""


def sample(
    model: ModelPatcher,
    latent: Latent,
    positive: Conditioning,
    negative: Conditioning,
    *,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    denoise: float,
) -> tuple[Latent, Latent]:
    """The RGB latent and the alpha latent: what KSampler makes of the doubled latent.

    `latent` is one domain, which is doubled, or both (RGBAJointLatent, RGBAJointFirstFrame). Warns of a model without
    TransPixeler. Raises ValueError for a latent that is no video or has other channels than the model, and for what
    TransPixeler refuses when sampling starts: sides that are no multiples of 16, context windows, conditionings that
    add rows. Raises the host's interrupt when Cancel was pressed.
    """
    if not model.get_wrappers(WrappersMP.OUTER_SAMPLE, KEY):
        warn("model has no TransPixeler, so alpha will be a clip of its own; connect RGBAApplyTransPixeler before it.")
    if not latent.get(JOINT):
        one_domain("latent_image", latent)  # the host would make five dimensions of a picture's four
    hints = [latent.get(key) for key in EMPTY_LATENT_HINTS]
    fitted = comfy.sample.fix_empty_latent_channels(model, latent["samples"], *hints)
    latent = latent.copy()
    for key in EMPTY_LATENT_HINTS:
        latent.pop(key, None)
    latent["samples"] = fitted
    both = latent if latent.get(JOINT) else joined(latent)
    _refuse_other_channels(model, both)
    samples = comfy.sample.sample(
        model,
        comfy.sample.prepare_noise(both["samples"], seed, both.get("batch_index")),
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        both["samples"],
        denoise=denoise,
        noise_mask=both.get("noise_mask"),
        callback=latent_preview.prepare_callback(model, steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=seed,
    )
    return halves_of({**both, "samples": samples})


def _refuse_other_channels(model: ModelPatcher, latent: Latent) -> None:
    wanted, got = model.get_model_object("latent_format").latent_channels, latent["samples"].shape[1]
    if got != wanted:
        raise ValueError(
            f"latent_image has {got} channels, but this model samples {wanted}; encode with the VAE of the model."
        )

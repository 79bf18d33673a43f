"""What differs between the releases of LayerDiffuse: the latent's width, and where alpha stands among the channels.

Source   lllyasviel/LayerDiffuse_DiffusersCLI, sd-forge-layerdiffuse (SDXL, SD 1.5), RedAIGC/Flux-version-LayerDiffuse.
Differs  The factor on the encoder's offset is 300 in the command line release and for Flux, 1 in the Forge release,
         each for its own files. Whether the tensors differ by it was not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

DIFFUSERS_FILE = "ld_diffusers"
"""How the command line release's files begin."""


@dataclass(frozen=True)
class Variant:
    """latent_channels  width of the latent
    alpha_first      alpha before red, green and blue, in what the encoder takes and the decoder gives; else behind
    offset_scale     the release's factor on the encoder's offset
    """

    latent_channels: int
    alpha_first: bool
    offset_scale: float


STABLE_DIFFUSION = Variant(4, alpha_first=True, offset_scale=1.0)
FLUX = Variant(16, alpha_first=False, offset_scale=300.0)
VARIANTS = {variant.latent_channels: variant for variant in (STABLE_DIFFUSION, FLUX)}


def variant_of(latent_channels: int) -> Variant:
    """Raises ValueError for a width that no release has."""
    if latent_channels not in VARIANTS:
        known = " or ".join(map(str, VARIANTS))
        raise ValueError(f"LayerDiffuse has latents of {known} channels, got {latent_channels}; choose another file.")
    return VARIANTS[latent_channels]


def offset_scale(file: str, variant: Variant) -> float:
    """The factor that belongs to an encoder of this name."""
    return 300.0 if file.startswith(DIFFUSERS_FILE) else variant.offset_scale


def part(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """`decoder` or `encoder` out of a file that holds both (TransparentVAE.pth), or the whole of a file that is one."""
    inside = {key.removeprefix(f"{name}."): tensor for key, tensor in weights.items() if key.startswith(f"{name}.")}
    return inside or dict(weights)

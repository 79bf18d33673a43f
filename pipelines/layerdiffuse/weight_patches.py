"""SDXL's LayerDiffuse files: changes of UNet weights, stored as a patcher held them.

Keys     `diffusion_model.X.weight::lora::0` is up and `::1` down; `diffusion_model.X.weight::diff::0` is added as is.
Layout   up (out, r), down (r, in); a difference has its weight's shape, but the first convolution's may be wider: room
         for condition latents behind the four noise channels, where the base counts as zero.
Source   lllyasviel/stable-diffusion-webui-forge, load_frozen_patcher and merge_lora_to_weight.
Differs  Nothing. There is no alpha in these files: a pair counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..lora.low_rank import LowRank, low_rank_from_parts
from ..weights.key_dialects import Part, list_names
from ..weights.kinds.layerdiffuse import LATENT_CHANNELS, LAYER_PATCH

CONV_IN = "diffusion_model.input_blocks.0.0.weight"


@dataclass(frozen=True, eq=False)
class WeightPatches:
    """{weight: its low-rank change} and {weight: its difference}, names as ComfyUI's models have them."""

    pairs: Mapping[str, LowRank]
    differences: Mapping[str, Tensor]

    @property
    def conditions(self) -> int:
        """How many latents the patched model wants beside the noise: 0, 1 or 2."""
        widened = self.differences.get(CONV_IN)
        return 0 if widened is None else widened.shape[1] // LATENT_CHANNELS - 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """{weight: the shape that it has in the model that the file was made for}."""
        found = {name: pair.shape for name, pair in self.pairs.items()}
        found |= {name: tuple(tensor.shape) for name, tensor in self.differences.items()}
        if self.conditions:
            out, _, *kernel = found[CONV_IN]
            found[CONV_IN] = (out, LATENT_CHANNELS, *kernel)
        return found


def read_weight_patches(weights: Mapping[str, Tensor]) -> WeightPatches:
    """Raises ValueError, naming them, for keys in another spelling and for halves of a pair."""
    parts: dict[str, dict[Part, Tensor]] = {}
    differences: dict[str, Tensor] = {}
    unknown = []
    for key, tensor in weights.items():
        match = LAYER_PATCH.fullmatch(key)
        if match is None:
            unknown.append(key)
        elif match["part"] == "diff::0":
            differences[match["weight"]] = tensor
        else:
            parts.setdefault(match["weight"], {})["up" if match["part"] == "lora::0" else "down"] = tensor
    if unknown:
        raise ValueError(f"expected keys such as {CONV_IN}::diff::0, got {list_names(unknown)}.")
    return WeightPatches({name: low_rank_from_parts(name, each) for name, each in parts.items()}, differences)

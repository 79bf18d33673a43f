"""Decoder LoRAs: what turns the stock Wan 2.1 decoder into one that paints colour and one that paints alpha.

    W' = W + (1 / r) B A, for every convolution of the decoder; norms and biases, the encoder and both 1x1 convolutions
    between encoder, latent and decoder stay as they are.

Keys     vae_fgr.decoder.{layer}[.conv3D].lora_{A,B}[.adapter].weight, vae_pha. for alpha. Everything else in the
         file is passed over (encoder, base_layer, merge block: the trainer stores all it has).
Layout   A (r, in, *kernel), B (out, r, 1, ...), contracted over r for each kernel tap.
Source   WeChatCV/Wan-Alpha, wan/modules/vae.py; scale 1 / r because it was trained with lora_alpha = 1.
Differs  The reference has a float32 VAE; we compute in float32 and return the dtype of the VAE that was given. The
         reference decodes with half a file; we refuse it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ..lora.low_rank import LowRank, add_low_rank, low_rank_from_parts
from ..weights.key_dialects import by_target, list_names

RGB_PREFIX = "vae_fgr."
ALPHA_PREFIX = "vae_pha."
LATENT_CHANNELS = 16


@dataclass(frozen=True, eq=False)
class DecoderLoRAs:
    """Two sets of {weight name in the Wan VAE: its change}, such as decoder.conv1.weight."""

    rgb: Mapping[str, LowRank]
    alpha: Mapping[str, LowRank]


def read_decoder_loras(weights: Mapping[str, Tensor]) -> DecoderLoRAs | None:
    """Both decoders' LoRAs, or None if the file has neither.

    Raises ValueError when only one decoder is there, or a layer lacks its A or B.
    """
    loras = DecoderLoRAs(_read_one(weights, RGB_PREFIX), _read_one(weights, ALPHA_PREFIX))
    if not loras.rgb and not loras.alpha:
        return None
    if not loras.rgb or not loras.alpha:
        present, lacking = (RGB_PREFIX, ALPHA_PREFIX) if loras.rgb else (ALPHA_PREFIX, RGB_PREFIX)
        raise ValueError(
            f"expected LoRAs for two decoders, found {present}decoder.* and no {lacking}decoder.*."
            " The file is incomplete; download it again."
        )
    return loras


def merge_decoder(base: Mapping[str, Tensor], loras: Mapping[str, LowRank]) -> dict[str, Tensor]:
    """The state dict of a Wan VAE with one decoder's LoRAs merged in; computed in float32, kept in base's dtype.

    What is not merged is shared with base. Raises ValueError when base is no Wan 2.1 VAE, lacks a layer, or is of
    another width than the LoRAs.
    """
    _refuse_misfit(base, loras)
    return dict(base) | {name: add_low_rank(base[name], pair).to(base[name]) for name, pair in loras.items()}


def vae_width(base: Mapping[str, Tensor]) -> int:
    """Channels of the last decoder level: 96 for the released VAE. Raises ValueError for anything but a Wan 2.1 VAE."""
    if "decoder.middle.0.residual.0.gamma" not in base or "decoder.head.0.gamma" not in base:
        raise ValueError(
            "expected the stock Wan 2.1 VAE (decoder.middle.0.residual.0.gamma),"
            f" got {list_names(base.keys(), most=3)}. Choose wan_2.1_vae."
        )
    channels = base["decoder.conv1.weight"].shape[1] if "decoder.conv1.weight" in base else 0
    if channels != LATENT_CHANNELS:
        raise ValueError(
            f"expected the Wan 2.1 VAE with {LATENT_CHANNELS} latent channels, got {channels}"
            f"{' (the Wan 2.2 VAE)' if channels == 48 else ''}. Choose wan_2.1_vae."
        )
    return base["decoder.head.0.gamma"].shape[0]


def _read_one(weights: Mapping[str, Tensor], prefix: str) -> dict[str, LowRank]:
    ours = {
        key.removeprefix(prefix): tensor
        for key, tensor in weights.items()
        if key.startswith(f"{prefix}decoder.") and ".lora_" in key
    }
    pairs = {target: low_rank_from_parts(f"{prefix}{target}", parts) for target, parts in by_target(ours)[0].items()}
    return {
        f"{target.removesuffix('.conv3D')}.weight": replace(pair, scale=1 / pair.rank) for target, pair in pairs.items()
    }


def _refuse_misfit(base: Mapping[str, Tensor], loras: Mapping[str, LowRank]) -> None:
    width = vae_width(base)
    missing = [name for name in loras if name not in base]
    if missing:
        raise ValueError(f"the decoder LoRAs change layers that this VAE does not have: {list_names(missing)}.")
    other = [name for name, pair in loras.items() if tuple(base[name].shape) != pair.shape]
    if not other:
        return
    head = loras.get("decoder.head.2.weight")
    if head is not None and head.shape[1] != width:
        raise ValueError(
            f"the decoder LoRAs were made for a VAE of width {head.shape[1]}, the chosen VAE has width {width}."
            " Choose the VAE that they were trained on (the released ones: wan_2.1_vae, width 96)."
        )
    raise ValueError(f"the decoder LoRAs do not fit this VAE's {list_names(other)}.")

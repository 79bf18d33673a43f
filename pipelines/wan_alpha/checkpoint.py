"""What a Wan-Alpha VAE file holds: decoder LoRAs, the feature merge block, or both.

Source   `decoder.bin` has the LoRAs. `Wan-Alpha-VAE.bin` is a training checkpoint, with the merge block, the LoRAs, and
         whatever else the trainer had in hand; we pick by prefix, as the reference does.
Differs  The reference reads each part with a reader of its own and from a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..weights.key_dialects import list_names
from .decoder_lora import DecoderLoRAs, read_decoder_loras
from .merge_block import read_merge_block


@dataclass(frozen=True, eq=False)
class VAEWeights:
    """`decoders` is needed for decoding, `merge_block` (a state dict) for encoding; None where the file has none."""

    decoders: DecoderLoRAs | None
    merge_block: Mapping[str, Tensor] | None


def split_vae_weights(weights: Mapping[str, Tensor]) -> VAEWeights:
    """The parts of a Wan-Alpha VAE file. Raises ValueError if it has neither, or half a pair of decoders."""
    parts = VAEWeights(read_decoder_loras(weights), read_merge_block(weights))
    if parts.decoders is None and parts.merge_block is None:
        raise ValueError(
            "expected decoder LoRAs (vae_fgr.decoder.*, vae_pha.decoder.*) or a merge block (middle.block.*),"
            f" got {list_names(weights.keys(), most=3)}. Choose decoder.bin or Wan-Alpha-VAE.bin."
        )
    return parts

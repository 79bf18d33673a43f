"""LayerDiffuse's files: weight patches, attention sharing, transparent decoders and encoders, and Flux LoRAs."""

from __future__ import annotations

import re

from .kind import Kind, Shapes, has_key, list_numbers

LATENT_CHANNELS = 4
"""Of Stable Diffusion: a first convolution that takes more has room for condition latents."""
LAYER_PATCH = re.compile(r"(?P<weight>diffusion_model\..+)::(?P<part>lora::[01]|diff::0)")
LAYER_UNIT = re.compile(r"hookers\.layers\.(\d+)\.to_q_lora\.(\d+)\.down\.weight")
LAYER_DECODER = re.compile(r"(?:decoder\.)?latent_conv_in\.weight")
LAYER_ENCODER = re.compile(r"(?:encoder\.)?blocks\.16\.weight")
FLUX_LAYER = re.compile(
    r"(?:transformer\.)?single_transformer_blocks\.\d+\.attn\.to_q\.lora_(?:A|down)(?:\.\w+)?\.weight"
)


def _count_condition_latents(shapes: Shapes) -> int:
    widened = shapes.get("diffusion_model.input_blocks.0.0.weight::diff::0")
    return 0 if widened is None else widened.shape[1] // LATENT_CHANNELS - 1


def _describe_patches(shapes: Shapes) -> str:
    counts = {part: sum(f"::{part}" in key for key in shapes) for part in ("lora::0", "diff::0")}
    latents = {0: "", 1: ", wants one latent beside the noise", 2: ", wants two latents beside the noise"}
    of_both = f"{counts['lora::0']} low-rank changes and {counts['diff::0']} differences"
    return of_both + latents.get(_count_condition_latents(shapes), "")


def _count_layers(shapes: Shapes) -> int:
    """How many layers an attention sharing file makes; 0 for another file."""
    return len({match[2] for key in shapes if (match := LAYER_UNIT.fullmatch(key))})


def _describe_units(shapes: Shapes) -> str:
    units = len({match[1] for key in shapes if (match := LAYER_UNIT.fullmatch(key))})
    source = ", from a given layer" if any(key.startswith("kwargs_encoder.") for key in shapes) else ""
    layers = _count_layers(shapes)
    return f"{units} units, {layers} {'layer' if layers == 1 else 'layers'}{source}"


def _is_encoder(shapes: Shapes) -> bool:
    first = shapes.get("blocks.0.weight") or shapes.get("encoder.blocks.0.weight")
    return has_key(shapes, LAYER_ENCODER) and first is not None and first.shape[1:2] == (4,)


def _describe_latents(shapes: Shapes) -> str:
    widths = {info.shape[1] for key, info in shapes.items() if LAYER_DECODER.fullmatch(key)}
    widths |= {info.shape[0] for key, info in shapes.items() if LAYER_ENCODER.fullmatch(key)}
    return f"for latents of {list_numbers(widths)} channels"


LAYER_CONDITION = Kind(
    "LayerDiffuse condition file for SDXL",
    lambda shapes: has_key(shapes, LAYER_PATCH) and _count_condition_latents(shapes) > 0,
    _describe_patches,
)
LAYER_WEIGHTS = Kind("LayerDiffuse file for SDXL", lambda shapes: has_key(shapes, LAYER_PATCH), _describe_patches)
LAYER_SINGLE = Kind("LayerDiffuse file for SD 1.5", lambda shapes: _count_layers(shapes) == 1, _describe_units)
LAYER_JOINT = Kind("LayerDiffuse layers file for SD 1.5", lambda shapes: _count_layers(shapes) > 1, _describe_units)
LAYER_VAE = Kind(
    "LayerDiffuse transparent decoder and encoder",
    lambda shapes: has_key(shapes, LAYER_DECODER) and _is_encoder(shapes),
    _describe_latents,
)
LAYER_DECODER_FILE = Kind(
    "LayerDiffuse transparent decoder", lambda shapes: has_key(shapes, LAYER_DECODER), _describe_latents
)
LAYER_ENCODER_FILE = Kind("LayerDiffuse transparent encoder", _is_encoder, _describe_latents)
FLUX_LORA = Kind(
    "Flux LoRA",
    lambda shapes: has_key(shapes, FLUX_LAYER),
    lambda shapes: f"{sum('.lora_A.' in key or '.lora_down.' in key for key in shapes)} layers",
)

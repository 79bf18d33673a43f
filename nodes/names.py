"""Which node, by its title on the canvas, and which of its inputs take which kind of file.

Imports nothing, so that `python -m nodes FILE` and a node's error say the same.
"""

from __future__ import annotations

LOAD_TEXT_ENCODER = "Load text encoder (UMT5, any size)"
LOAD_WAN_ALPHA_VAE = "Load Wan-Alpha VAE"
VAE_FROM_PAIR = "RGBA VAE from a pair"
APPLY_DORA = "Apply Wan-Alpha DoRA"
LOAD_SUBJECT = "Load subject (gauss_mask)"
LOAD_COGVIDEOX = "Load CogVideoX"
APPLY_TRANSPIXELER = "Apply TransPixeler"
APPLY_LAYERDIFFUSE = "Apply LayerDiffuse"
LAYERDIFFUSE_CONDITION = "LayerDiffuse condition (SDXL)"
LAYERDIFFUSE_LAYERS = "LayerDiffuse layers (SD 1.5)"
LAYERDIFFUSE_DECODE = "LayerDiffuse decode"
LAYERDIFFUSE_ENCODE = "LayerDiffuse encode"

_VAE_WEIGHTS = f"{LOAD_WAN_ALPHA_VAE} takes it as weights_name"
_LAYER_PATCHES = f"{APPLY_LAYERDIFFUSE} takes it as weights_name"

TAKEN_BY: dict[str, str] = {
    "Wan-Alpha VAE with decoder LoRAs and feature merge block": _VAE_WEIGHTS,
    "Wan-Alpha decoder LoRA file": _VAE_WEIGHTS,
    "Wan-Alpha feature merge block": (
        f"no node takes it alone; {LOAD_WAN_ALPHA_VAE} needs Wan-Alpha-VAE.bin, which has the decoders too"
    ),
    "Wan 2.2 VAE": "Load VAE takes it as vae_name; Wan-Alpha needs the Wan 2.1 VAE",
    "Wan 2.1 VAE": (
        f"{LOAD_WAN_ALPHA_VAE} takes the stock one as vae_name, {VAE_FROM_PAIR} takes an RGB and an alpha one through "
        "Load VAE"
    ),
    "TransPixeler RGBA LoRA": f"{APPLY_TRANSPIXELER} takes it as weights_name",
    "CogVideoX model": f"{LOAD_COGVIDEOX} takes it as model_name",
    "LayerDiffuse condition file for SDXL": f"{LAYERDIFFUSE_CONDITION} takes it as weights_name",
    "LayerDiffuse file for SDXL": _LAYER_PATCHES,
    "LayerDiffuse file for SD 1.5": _LAYER_PATCHES,
    "LayerDiffuse layers file for SD 1.5": f"{LAYERDIFFUSE_LAYERS} takes it as weights_name",
    "LayerDiffuse transparent decoder and encoder": (
        f"{LAYERDIFFUSE_DECODE} and {LAYERDIFFUSE_ENCODE} take it as weights_name"
    ),
    "LayerDiffuse transparent decoder": f"{LAYERDIFFUSE_DECODE} takes it as weights_name",
    "LayerDiffuse transparent encoder": f"{LAYERDIFFUSE_ENCODE} takes it as weights_name",
    "Flux LoRA": f"{APPLY_LAYERDIFFUSE} takes it as weights_name, if it is LayerDiffuse's layerlora",
    "Wan-Alpha DoRA": f"{APPLY_DORA} takes it as dora_name",
    "Wan LoRA": f"{APPLY_DORA} takes it as speed_lora_name, if it is a step-distillation LoRA such as lightx2v",
    "Wan diffusion model": "Load Diffusion Model takes it as unet_name",
    "T5 text encoder": f"{LOAD_TEXT_ENCODER} takes it as text_encoder_name",
    "Wan-Alpha gauss_mask": f"{LOAD_SUBJECT} takes it as file",
    "file of a kind that this pack does not know": "no node of this pack takes it",
}
"""{name of a kind in `pipelines.weights.kinds`: which node and input take it, as a clause}."""

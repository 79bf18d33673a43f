"""TransPixeler's LoRAs, and the CogVideoX models that they were made for."""

from __future__ import annotations

import re

from .kind import Kind, Shapes, count_blocks, has_key, list_numbers

TRANSPIXELER_KEYS = re.compile(r"domain_emb|(?:\w+\.)?modality_embedding|block_\d+\.to_[a-z]+_lora\.[01]\.weight")
COGVIDEOX_LAYER = re.compile(
    r"(?:model\.diffusion_model\.)?(?:transformer_blocks\.\d+\.(?:attn1\.to_q|norm1\.linear|ff\.net\.2)|blocks\.\d+\.ff_proj"
    r"|patch_embed\.text_proj)\.weight"
)


def _describe_transpixeler(shapes: Shapes) -> str:
    family = "Wan 2.1" if any("modality_embedding" in key for key in shapes) else "CogVideoX"
    if any(key.startswith("block_") for key in shapes):
        family = "Mochi"
    downs = {key: info.shape for key, info in shapes.items() if key.endswith((".lora_A.weight", "_lora.0.weight"))}
    ranks, widths = {shape[0] for shape in downs.values()}, {shape[1] for shape in downs.values() if shape[1:]}
    return f"for {family}, rank {list_numbers(ranks)}, {len(downs)} layers, widths in {list_numbers(widths)}"


def _describe_cogvideox(shapes: Shapes) -> str:
    widths = {info.shape[0] for key, info in shapes.items() if key.endswith(("text_proj.weight", "net.2.weight"))}
    blocks = count_blocks(key.replace("transformer_", "") for key in shapes)
    return f"width {list_numbers(widths)}, {blocks} in this file"


TRANSPIXELER = Kind("TransPixeler RGBA LoRA", lambda shapes: has_key(shapes, TRANSPIXELER_KEYS), _describe_transpixeler)
COGVIDEOX = Kind("CogVideoX model", lambda shapes: has_key(shapes, COGVIDEOX_LAYER), _describe_cogvideox)

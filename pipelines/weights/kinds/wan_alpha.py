"""Wan-Alpha's files: decoder LoRAs, feature merge block, both in one, the DoRA, and a released gauss_mask."""

from __future__ import annotations

from .kind import Kind, Shapes, list_numbers
from .wan import describe_lora, lora_targets

DECODERS = {"vae_fgr.decoder.": "RGB", "vae_pha.decoder.": "alpha"}
MERGE = "middle.block."


def _has_decoder_loras(shapes: Shapes) -> bool:
    return any(key.startswith(tuple(DECODERS)) and ".lora_" in key for key in shapes)


def _has_merge_block(shapes: Shapes) -> bool:
    return any(key.startswith(MERGE) for key in shapes)


def _describe_decoder_loras(shapes: Shapes) -> str:
    counts, ranks, widths = [], set[int](), set[int]()
    for prefix, name in DECODERS.items():
        down = {key: info.shape for key, info in shapes.items() if key.startswith(prefix) and ".lora_A." in key}
        counts.append(f"{len(down)} {name} layers")
        ranks |= {shape[0] for shape in down.values()}
        widths |= {shape[1] for key, shape in down.items() if key.startswith(f"{prefix}head.2.")}
    return f"{' and '.join(counts)}, rank {list_numbers(ranks)}, for a Wan 2.1 VAE of width {list_numbers(widths)}"


def _describe_merge_block(shapes: Shapes) -> str:
    entry = shapes.get(f"{MERGE}conv1.weight")
    widths = f"{entry.shape[1]} channels in, {entry.shape[0]} inside" if entry else "without its first layer"
    return f"{sum(key.startswith(MERGE) for key in shapes)} tensors, {widths}"


def _describe_both(shapes: Shapes) -> str:
    return f"{_describe_decoder_loras(shapes)}; merge block: {_describe_merge_block(shapes)}"


def _is_dora(shapes: Shapes) -> bool:
    return any("magnitude" in parts for parts in lora_targets(shapes).values())


def _describe_dora(shapes: Shapes) -> str:
    spelling = "ComfyUI" if any(key.endswith(".dora_scale") for key in shapes) else "native"
    return f"{describe_lora(shapes)}, {spelling} key names"


def _is_subject(shapes: Shapes) -> bool:
    return len(shapes) == 1 and all(len(info.shape) == 3 and "float" in info.dtype for info in shapes.values())


def _describe_subject(shapes: Shapes) -> str:
    t, h, w = next(iter(shapes.values())).shape
    return f"{t} latent frames of {h} x {w}"


WAN_ALPHA_VAE = Kind(
    "Wan-Alpha VAE with decoder LoRAs and feature merge block",
    lambda shapes: _has_decoder_loras(shapes) and _has_merge_block(shapes),
    _describe_both,
)
DECODER_LORAS = Kind("Wan-Alpha decoder LoRA file", _has_decoder_loras, _describe_decoder_loras)
MERGE_BLOCK = Kind("Wan-Alpha feature merge block", _has_merge_block, _describe_merge_block)
DORA = Kind("Wan-Alpha DoRA", _is_dora, _describe_dora)
SUBJECT = Kind("Wan-Alpha gauss_mask", _is_subject, _describe_subject)

"""What a weights file is, from its keys and shapes alone, and which node takes it.

KINDS is read from the top and the first match counts, so a kind stands above those that it would also match. A new kind
is one more entry: a name, what takes it, a condition, and a description for people.

Differs  Repackaged Wan-Alpha VAEs (RGB and alpha, already merged) have the same keys and shapes as the stock Wan 2.1
         VAE: the three cannot be told apart, and the description says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .key_dialects import Part, by_target, list_names
from .weights_file import TensorInfo

Shapes = Mapping[str, TensorInfo]

WAN_LAYER = re.compile(r"blocks\.\d+\.(?:self_attn|cross_attn|ffn)\..+")
DECODERS = {"vae_fgr.decoder.": "RGB", "vae_pha.decoder.": "alpha"}
MERGE = "middle.block."
TRANSPIXELER_KEYS = re.compile(r"domain_emb|(?:\w+\.)?modality_embedding|block_\d+\.to_[a-z]+_lora\.[01]\.weight")
COGVIDEOX_LAYER = re.compile(
    r"(?:model\.diffusion_model\.)?(?:transformer_blocks\.\d+\.(?:attn1\.to_q|norm1\.linear|ff\.net\.2)|blocks\.\d+\.ff_proj"
    r"|patch_embed\.text_proj)\.weight"
)
LATENT_CHANNELS = 4
"""Of Stable Diffusion: a first convolution that takes more has room for condition latents."""
LAYER_PATCH = re.compile(r"(?P<weight>diffusion_model\..+)::(?P<part>lora::[01]|diff::0)")
LAYER_UNIT = re.compile(r"hookers\.layers\.(\d+)\.to_q_lora\.(\d+)\.down\.weight")
LAYER_DECODER = re.compile(r"(?:decoder\.)?latent_conv_in\.weight")
LAYER_ENCODER = re.compile(r"(?:encoder\.)?blocks\.16\.weight")
FLUX_LAYER = re.compile(
    r"(?:transformer\.)?single_transformer_blocks\.\d+\.attn\.to_q\.lora_(?:A|down)(?:\.\w+)?\.weight"
)
MODELS = {("5120", "40 blocks"): "Wan 14B,", ("3072", "30 blocks"): "Wan 5B,", ("1536", "30 blocks"): "Wan 1.3B,"}


@dataclass(frozen=True)
class Kind:
    """A sort of file. `taken_by` is a clause for messages: "NODE takes it as INPUT"."""

    name: str
    taken_by: str
    matches: Callable[[Shapes], bool]
    describe: Callable[[Shapes], str]


@dataclass(frozen=True)
class FileKind:
    """What `identify` found: the kind, and this file's rank, layers and widths in words."""

    kind: Kind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind.name} ({self.detail})"


def identify(shapes: Shapes) -> FileKind:
    """The first of KINDS that matches, UNKNOWN if none does."""
    kind = next(kind for kind in KINDS if kind.matches(shapes))
    return FileKind(kind, kind.describe(shapes))


def refuse_unless(shapes: Shapes, wanted: Sequence[Kind], file: str, taker: str) -> FileKind:
    """What the file is, if it is one of the wanted kinds.

    taker is the node and its input, such as "RGBAApplyDoRA dora_name". Raises ValueError that says what was wanted,
    what the file is, and what takes it.
    """
    found = identify(shapes)
    if found.kind in wanted:
        return found
    names = " or ".join(kind.name for kind in wanted)
    raise ValueError(
        f"{taker} wants {_article(names)} {names}, but {file} is {_article(found.kind.name)} {found};"
        f" {found.kind.taken_by}."
    )


def _article(noun: str) -> str:
    return "an" if noun[0].lower() in "aeiou" else "a"


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
    return f"{' and '.join(counts)}, rank {_numbers(ranks)}, for a Wan 2.1 VAE of width {_numbers(widths)}"


def _describe_merge_block(shapes: Shapes) -> str:
    entry = shapes.get(f"{MERGE}conv1.weight")
    widths = f"{entry.shape[1]} channels in, {entry.shape[0]} inside" if entry else "without its first layer"
    return f"{sum(key.startswith(MERGE) for key in shapes)} tensors, {widths}"


def _describe_both(shapes: Shapes) -> str:
    return f"{_describe_decoder_loras(shapes)}; merge block: {_describe_merge_block(shapes)}"


def _is_wan_vae(shapes: Shapes) -> bool:
    return "decoder.middle.0.residual.0.gamma" in shapes and "decoder.head.0.gamma" in shapes


def _describe_wan_vae(shapes: Shapes) -> str:
    return f"width {shapes['decoder.head.0.gamma'].shape[0]}; stock, RGB or alpha, which keys and shapes cannot tell"


def _targets(shapes: Shapes) -> dict[str, dict[Part, TensorInfo]]:
    """The parts of layers that belong to a Wan diffusion model."""
    try:
        targets, _ = by_target(shapes)
    except ValueError:  # two spellings at once: no kind of ours
        return {}
    return targets if any(WAN_LAYER.fullmatch(target) for target in targets) else {}


def _is_dora(shapes: Shapes) -> bool:
    return any("magnitude" in parts for parts in _targets(shapes).values())


def _describe_dora(shapes: Shapes) -> str:
    spelling = "ComfyUI" if any(key.endswith(".dora_scale") for key in shapes) else "native"
    return f"{_describe_lora(shapes)}, {spelling} key names"


def _describe_lora(shapes: Shapes) -> str:
    targets = _targets(shapes)
    pairs = sum("down" in parts for parts in targets.values())
    diffs = sum(part.startswith("diff") for parts in targets.values() for part in parts)
    ranks = {parts["down"].shape[0] for parts in targets.values() if "down" in parts}
    widths = {parts["down"].shape[1] for name, parts in targets.items() if name.endswith("attn.q") and "down" in parts}
    return (
        f"rank {_numbers(ranks)}, {pairs} layers{f' and {diffs} differences' if diffs else ''}"
        f", for {_model(widths, _blocks(targets))}"
    )


def _is_dit(shapes: Shapes) -> bool:
    return bool(_head_widths(shapes)) and any(key.endswith("blocks.0.self_attn.q.weight") for key in shapes)


def _describe_dit(shapes: Shapes) -> str:
    return _model(_head_widths(shapes), _blocks(shapes))


def _head_widths(shapes: Shapes) -> set[int]:
    names = ("head.modulation", "model.diffusion_model.head.modulation")
    return {shapes[name].shape[-1] for name in names if name in shapes}


def _blocks(names: Mapping[str, object]) -> str:
    numbers = {match[1] for name in names if (match := re.search(r"(?:^|\.)blocks\.(\d+)(?:\.|$)", name))}
    return f"{len(numbers)} {'block' if len(numbers) == 1 else 'blocks'}"


def _model(widths: set[int], blocks: str) -> str:
    return MODELS.get((_numbers(widths), blocks), "a model of") + f" dim {_numbers(widths)} and {blocks}"


def _numbers(found: set[int]) -> str:
    return ", ".join(str(number) for number in sorted(found)) or "unknown"


def _describe_cogvideox(shapes: Shapes) -> str:
    widths = {info.shape[0] for key, info in shapes.items() if key.endswith(("text_proj.weight", "net.2.weight"))}
    return f"width {_numbers(widths)}, {_blocks({key.replace('transformer_', ''): 0 for key in shapes})} in this file"


def _describe_transpixeler(shapes: Shapes) -> str:
    family = "Wan 2.1" if any("modality_embedding" in key for key in shapes) else "CogVideoX"
    if any(key.startswith("block_") for key in shapes):
        family = "Mochi"
    downs = {key: info.shape for key, info in shapes.items() if key.endswith((".lora_A.weight", "_lora.0.weight"))}
    ranks, widths = {shape[0] for shape in downs.values()}, {shape[1] for shape in downs.values() if shape[1:]}
    return f"for {family}, rank {_numbers(ranks)}, {len(downs)} layers, widths in {_numbers(widths)}"


def _condition_latents(shapes: Shapes) -> int:
    widened = shapes.get("diffusion_model.input_blocks.0.0.weight::diff::0")
    return 0 if widened is None else widened.shape[1] // LATENT_CHANNELS - 1


def _describe_layer_patches(shapes: Shapes) -> str:
    counts = {part: sum(f"::{part}" in key for key in shapes) for part in ("lora::0", "diff::0")}
    wanted = {0: "", 1: ", wants one latent beside the noise", 2: ", wants two latents beside the noise"}
    of_both = f"{counts['lora::0']} low-rank changes and {counts['diff::0']} differences"
    return of_both + wanted.get(_condition_latents(shapes), "")


def _layers(shapes: Shapes) -> int:
    """How many layers an attention sharing file makes; 0 for another file."""
    return len({match[2] for key in shapes if (match := LAYER_UNIT.fullmatch(key))})


def _describe_layer_units(shapes: Shapes) -> str:
    units = len({match[1] for key in shapes if (match := LAYER_UNIT.fullmatch(key))})
    given = ", from a given layer" if any(key.startswith("kwargs_encoder.") for key in shapes) else ""
    return f"{units} units, {_layers(shapes)} {'layer' if _layers(shapes) == 1 else 'layers'}{given}"


def _has(shapes: Shapes, key: re.Pattern[str]) -> bool:
    return any(key.fullmatch(name) for name in shapes)


def _is_layer_encoder(shapes: Shapes) -> bool:
    first = shapes.get("blocks.0.weight") or shapes.get("encoder.blocks.0.weight")
    return _has(shapes, LAYER_ENCODER) and first is not None and first.shape[1:2] == (4,)


def _describe_latents(shapes: Shapes) -> str:
    widths = {info.shape[1] for key, info in shapes.items() if LAYER_DECODER.fullmatch(key)}
    widths |= {info.shape[0] for key, info in shapes.items() if LAYER_ENCODER.fullmatch(key)}
    return f"for latents of {_numbers(widths)} channels"


def _is_umt5(shapes: Shapes) -> bool:
    return "shared.weight" in shapes and "encoder.block.0.layer.0.SelfAttention.q.weight" in shapes


def _describe_umt5(shapes: Shapes) -> str:
    blocks = {name.split(".")[2] for name in shapes if name.startswith("encoder.block.")}
    tokenizer = "with" if "spiece_model" in shapes else "without"
    vocabulary, width = shapes["shared.weight"].shape
    return f"width {width}, {len(blocks)} layers, {vocabulary} tokens, {tokenizer} its tokenizer inside"


def _is_subject(shapes: Shapes) -> bool:
    return len(shapes) == 1 and all(len(info.shape) == 3 and "float" in info.dtype for info in shapes.values())


def _describe_subject(shapes: Shapes) -> str:
    t, h, w = next(iter(shapes.values())).shape
    return f"{t} latent frames of {h} x {w}"


VAE_WEIGHTS = "RGBALoadWanAlphaVAE takes it as weights_name"

WAN_ALPHA_VAE = Kind(
    "Wan-Alpha VAE with decoder LoRAs and feature merge block",
    VAE_WEIGHTS,
    lambda shapes: _has_decoder_loras(shapes) and _has_merge_block(shapes),
    _describe_both,
)
DECODER_LORAS = Kind("Wan-Alpha decoder LoRA file", VAE_WEIGHTS, _has_decoder_loras, _describe_decoder_loras)
MERGE_BLOCK = Kind(
    "Wan-Alpha feature merge block",
    "no node takes it alone; RGBALoadWanAlphaVAE wants Wan-Alpha-VAE.bin, which has the decoders too",
    _has_merge_block,
    _describe_merge_block,
)
WAN22_VAE = Kind(
    "Wan 2.2 VAE",
    "VAELoader takes it as vae_name; Wan-Alpha needs the Wan 2.1 VAE",
    lambda shapes: _is_wan_vae(shapes) and "decoder.upsamples.0.upsamples.0.residual.2.weight" in shapes,
    lambda shapes: f"{len(shapes)} tensors",
)
WAN21_VAE = Kind(
    "Wan 2.1 VAE",
    "RGBALoadWanAlphaVAE takes the stock one as vae_name, RGBAVAEFromPair an RGB and an alpha one through VAELoader",
    _is_wan_vae,
    _describe_wan_vae,
)
TRANSPIXELER = Kind(
    "TransPixeler RGBA LoRA",
    "RGBAApplyTransPixeler takes it as weights_name",
    lambda shapes: any(TRANSPIXELER_KEYS.fullmatch(key) for key in shapes),
    _describe_transpixeler,
)
COGVIDEOX = Kind(
    "CogVideoX model",
    "RGBALoadCogVideoX takes it as model_name",
    lambda shapes: any(COGVIDEOX_LAYER.fullmatch(key) for key in shapes),
    _describe_cogvideox,
)
LAYER_CONDITION = Kind(
    "LayerDiffuse condition file for SDXL",
    "RGBALayerDiffuseCondition takes it as weights_name",
    lambda shapes: _has(shapes, LAYER_PATCH) and _condition_latents(shapes) > 0,
    _describe_layer_patches,
)
LAYER_WEIGHTS = Kind(
    "LayerDiffuse file for SDXL",
    "RGBAApplyLayerDiffuse takes it as weights_name",
    lambda shapes: _has(shapes, LAYER_PATCH),
    _describe_layer_patches,
)
LAYER_SINGLE = Kind(
    "LayerDiffuse file for SD 1.5",
    "RGBAApplyLayerDiffuse takes it as weights_name",
    lambda shapes: _layers(shapes) == 1,
    _describe_layer_units,
)
LAYER_JOINT = Kind(
    "LayerDiffuse layers file for SD 1.5",
    "RGBALayerDiffuseJoint takes it as weights_name",
    lambda shapes: _layers(shapes) > 1,
    _describe_layer_units,
)
LAYER_VAE = Kind(
    "LayerDiffuse transparent decoder and encoder",
    "RGBADecodeLayerDiffuse and RGBAEncodeLayerDiffuse take it as weights_name",
    lambda shapes: _has(shapes, LAYER_DECODER) and _is_layer_encoder(shapes),
    _describe_latents,
)
LAYER_DECODER_FILE = Kind(
    "LayerDiffuse transparent decoder",
    "RGBADecodeLayerDiffuse takes it as weights_name",
    lambda shapes: _has(shapes, LAYER_DECODER),
    _describe_latents,
)
LAYER_ENCODER_FILE = Kind(
    "LayerDiffuse transparent encoder",
    "RGBAEncodeLayerDiffuse takes it as weights_name",
    _is_layer_encoder,
    _describe_latents,
)
FLUX_LORA = Kind(
    "Flux LoRA",
    "RGBAApplyLayerDiffuse takes it as weights_name, if it is LayerDiffuse's layerlora",
    lambda shapes: _has(shapes, FLUX_LAYER),
    lambda shapes: f"{sum('.lora_A.' in key or '.lora_down.' in key for key in shapes)} layers",
)
DORA = Kind("Wan-Alpha DoRA", "RGBAApplyDoRA takes it as dora_name", _is_dora, _describe_dora)
WAN_LORA = Kind(
    "Wan LoRA",
    "RGBAApplyDoRA takes it as speed_lora_name, if it is a step-distillation LoRA such as lightx2v",
    lambda shapes: bool(_targets(shapes)),
    _describe_lora,
)
WAN_DIT = Kind("Wan diffusion model", "UNETLoader takes it as unet_name", _is_dit, _describe_dit)
TEXT_ENCODER = Kind("T5 text encoder", "RGBALoadTextEncoder takes it as text_encoder_name", _is_umt5, _describe_umt5)
SUBJECT = Kind("Wan-Alpha gauss_mask", "RGBALoadSubject takes it as file", _is_subject, _describe_subject)
UNKNOWN = Kind(
    "file of a kind that this pack does not know",
    "no node of this pack takes it",
    lambda shapes: True,
    lambda shapes: f"keys {list_names(shapes.keys(), most=3)}",
)

KINDS: tuple[Kind, ...] = (
    WAN_ALPHA_VAE,
    DECODER_LORAS,
    MERGE_BLOCK,
    WAN22_VAE,
    WAN21_VAE,
    TRANSPIXELER,
    LAYER_CONDITION,
    LAYER_WEIGHTS,
    LAYER_SINGLE,
    LAYER_JOINT,
    LAYER_VAE,
    LAYER_DECODER_FILE,
    LAYER_ENCODER_FILE,
    FLUX_LORA,
    DORA,
    WAN_LORA,
    WAN_DIT,
    COGVIDEOX,
    TEXT_ENCODER,
    SUBJECT,
    UNKNOWN,
)

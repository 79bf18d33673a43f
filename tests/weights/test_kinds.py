import pytest
import torch

from pipelines.weights.kinds.layerdiffuse import (
    FLUX_LORA,
    LAYER_CONDITION,
    LAYER_DECODER_FILE,
    LAYER_ENCODER_FILE,
    LAYER_JOINT,
    LAYER_SINGLE,
    LAYER_VAE,
    LAYER_WEIGHTS,
)
from pipelines.weights.kinds.table import KINDS, UNKNOWN, OtherKind, identify, refuse_unless, refused_kind
from pipelines.weights.kinds.transpixeler import COGVIDEOX, TRANSPIXELER
from pipelines.weights.kinds.wan import WAN21_VAE, WAN22_VAE, WAN_DIT, WAN_LORA
from pipelines.weights.kinds.wan_alpha import DECODER_LORAS, DORA, MERGE_BLOCK, SUBJECT, WAN_ALPHA_VAE
from pipelines.weights.weights_file import TensorInfo, shapes_of


def infos(shapes: dict[str, tuple[int, ...]]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(shape, "bfloat16") for name, shape in shapes.items()}


def released_dora() -> dict[str, TensorInfo]:
    """Keys and shapes of the released 14B DoRA in ComfyUI's spelling: rank 32, 10 layers in each of 40 blocks."""
    sizes = {f"{attention}.{name}": (5120, 5120) for attention in ("self_attn", "cross_attn") for name in "qkvo"}
    sizes |= {"ffn.0": (13824, 5120), "ffn.2": (5120, 13824)}
    shapes = {}
    for block in range(40):
        for name, (out, into) in sizes.items():
            layer = f"diffusion_model.blocks.{block}.{name}"
            shapes[f"{layer}.lora_A.weight"] = (32, into)
            shapes[f"{layer}.lora_B.weight"] = (out, 32)
            shapes[f"{layer}.dora_scale"] = (out, 1)
    return infos(shapes)


@pytest.fixture
def files(dora_goldens, decoder_goldens, encoder_goldens) -> dict[str, dict[str, TensorInfo]]:
    decoders, merge = decoder_goldens.under("lora/"), encoder_goldens.under("merge/")
    return {
        "decoder.bin": shapes_of(decoders),
        "Wan-Alpha-VAE.bin": shapes_of({**decoders, **merge, "vae_fgr.encoder.conv1.weight": torch.ones(1)}),
        "merge.bin": shapes_of(merge),
        "wan_2.1_vae.safetensors": shapes_of(decoder_goldens.under("base/")),
        "t2v.safetensors": shapes_of(dora_goldens.under("dora/")),
        "lightx2v.safetensors": shapes_of(dora_goldens.under("lightx2v/")),
        "wan2.1.safetensors": shapes_of(dora_goldens.under("base/")),
        "gauss_mask": {"": TensorInfo((21, 96, 170), "float32")},
    }


@pytest.mark.parametrize(
    ("file", "kind", "detail"),
    [
        ("decoder.bin", DECODER_LORAS, "38 RGB layers and 38 alpha layers, rank 4, for a Wan 2.1 VAE of width 4"),
        ("Wan-Alpha-VAE.bin", WAN_ALPHA_VAE, "merge block: 33 tensors, 32 channels in, 16 inside"),
        ("merge.bin", MERGE_BLOCK, "33 tensors, 32 channels in, 16 inside"),
        ("wan_2.1_vae.safetensors", WAN21_VAE, "width 4; stock, RGB or alpha, which keys and shapes cannot tell"),
        ("t2v.safetensors", DORA, "rank 4, 10 layers, for a model of dim 24 and 1 block, native key names"),
        ("lightx2v.safetensors", WAN_LORA, "rank 3, 11 layers and 20 differences, for a model of dim 24"),
        ("wan2.1.safetensors", WAN_DIT, "a model of dim 24 and 1 block"),
        ("gauss_mask", SUBJECT, "21 latent frames of 96 x 170"),
    ],
)
def test_each_file_is_what_it_is(files, file: str, kind, detail: str):
    found = identify(files[file])
    assert found.kind is kind
    assert detail in found.detail


def test_the_released_dora_is_described_by_its_size():
    found = identify(released_dora())
    assert found.kind is DORA
    assert found.detail == "rank 32, 400 layers, for Wan 14B, dim 5120 and 40 blocks, ComfyUI key names"


def test_a_quantised_checkpoint_with_a_prefix_is_a_diffusion_model():
    names = {"blocks.0.self_attn.q.weight": (1536, 1536), "head.modulation": (1, 2, 1536), "scaled_fp8": (2,)}
    shapes = infos({f"model.diffusion_model.{name}": shape for name, shape in names.items()})
    assert identify(shapes).kind is WAN_DIT
    assert identify(shapes).detail == "a model of dim 1536 and 1 block"


def test_a_wan_22_vae_is_not_taken_for_a_21_one():
    shapes = {"decoder.middle.0.residual.0.gamma": (640, 1, 1, 1), "decoder.head.0.gamma": (160, 1, 1, 1)}
    shapes["decoder.upsamples.0.upsamples.0.residual.2.weight"] = (640, 640, 3, 3, 3)
    assert identify(infos(shapes)).kind is WAN22_VAE


@pytest.mark.parametrize(
    "key", ["domain_emb", "diffusion_model.modality_embedding", "block_0.to_q_lora.0.weight", "modality_embedding"]
)
def test_a_transpixeler_file_is_not_taken_for_a_speed_lora(key: str):
    layer = {"diffusion_model.blocks.0.self_attn.q.lora_A.weight": (4, 24)}
    assert identify(infos({**layer, key: (1, 24)})).kind is TRANSPIXELER


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"domain_emb": (1, 24), "transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": (4, 24)}, "CogVideoX"),
        ({"modality_embedding": (1, 24), "blocks.0.self_attn.q.lora_A.weight": (4, 24)}, "Wan 2.1"),
        ({"block_0.to_q_lora.0.weight": (4, 24), "block_0.to_q_lora.1.weight": (24, 4)}, "Mochi"),
    ],
)
def test_a_transpixeler_file_says_for_which_model_it_is(shapes: dict, family: str):
    found = identify(infos(shapes))
    assert found.kind is TRANSPIXELER
    assert found.detail == f"for {family}, rank 4, 1 layers, widths in 24"


@pytest.mark.parametrize(
    "shapes",
    [
        {"patch_embed.text_proj.weight": (48, 16), "transformer_blocks.0.attn1.to_q.weight": (48, 48)},
        {"model.diffusion_model.blocks.0.ff_proj.weight": (192, 48), "patch_embed.text_proj.weight": (48, 16)},
    ],
)
def test_a_cogvideox_model_is_known_in_both_spellings(shapes: dict):
    found = identify(infos(shapes))
    assert found.kind is COGVIDEOX
    assert found.detail == "width 48, 1 block in this file"


CONV_IN = "diffusion_model.input_blocks.0.0.weight::diff::0"
UNIT = "hookers.layers.{}.to_q_lora.{}.down.weight"
LAYERDIFFUSE = {
    "layer_xl_transparent_attn": ({"diffusion_model.a.weight::lora::0": (8, 4)}, LAYER_WEIGHTS, "1 low-rank changes"),
    "layer_xl_transparent_conv": ({CONV_IN: (320, 4, 3, 3)}, LAYER_WEIGHTS, "0 low-rank changes and 1 differences"),
    "layer_xl_fg2ble": ({CONV_IN: (320, 8, 3, 3)}, LAYER_CONDITION, "wants one latent beside the noise"),
    "layer_xl_bgble2fg": ({CONV_IN: (320, 12, 3, 3)}, LAYER_CONDITION, "wants two latents beside the noise"),
    "layer_sd15_transparent_attn": ({UNIT.format(0, 0): (256, 320)}, LAYER_SINGLE, "1 units, 1 layer"),
    "layer_sd15_joint": (
        {UNIT.format(unit, layer): (256, 320) for unit in range(32) for layer in range(3)},
        LAYER_JOINT,
        "32 units, 3 layers",
    ),
    "layer_sd15_fg2bg": (
        {UNIT.format(0, layer): (256, 320) for layer in range(2)} | {"kwargs_encoder.blocks_0.0.weight": (32, 3, 3, 3)},
        LAYER_JOINT,
        "1 units, 2 layers, from a given layer",
    ),
    "vae_transparent_decoder": ({"latent_conv_in.weight": (64, 4, 1, 1)}, LAYER_DECODER_FILE, "latents of 4 channels"),
    "vae_transparent_encoder": (
        {"blocks.0.weight": (32, 4, 3, 3), "blocks.16.weight": (4, 256, 3, 3)},
        LAYER_ENCODER_FILE,
        "for latents of 4 channels",
    ),
    "TransparentVAE": (
        {
            "decoder.latent_conv_in.weight": (64, 16, 1, 1),
            "encoder.blocks.0.weight": (32, 4, 3, 3),
            "encoder.blocks.16.weight": (16, 256, 3, 3),
        },
        LAYER_VAE,
        "for latents of 16 channels",
    ),
    "layerlora": (
        {"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": (64, 3072)}, FLUX_LORA, "1 layers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("file", LAYERDIFFUSE)
def test_each_layerdiffuse_file_is_what_it_is(file: str):
    shapes, kind, detail = LAYERDIFFUSE[file]
    found = identify(infos(shapes))
    assert found.kind is kind
    assert detail in found.detail


@pytest.mark.parametrize(
    "shapes",
    [
        {"a": (3, 4)},
        {"unet.lora_up.weight": (3, 4), "unet.dora_scale": (3,)},
        {"blocks.0.self_attn.q.lora_A.weight": (4, 8), "diffusion_model.blocks.0.self_attn.q.lora_down.weight": (4, 8)},
    ],
)
def test_what_is_none_of_these_is_unknown(shapes: dict):
    assert identify(infos(shapes)).kind is UNKNOWN


def test_a_tensor_of_integers_is_no_subject():
    assert identify({"": TensorInfo((2, 3, 4), "int64")}).kind is UNKNOWN


def test_every_kind_is_in_the_table_and_has_a_name_of_its_own():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert KINDS[-1] is UNKNOWN


def test_refuse_unless_returns_what_was_wanted(files):
    assert refuse_unless(files["t2v.safetensors"], (DORA,), "t2v.safetensors", "dora_name").kind is DORA


@pytest.mark.parametrize(
    ("file", "wanted", "input_name", "message"),
    [
        (
            "wan_2.1_vae.safetensors",
            (DORA,),
            "dora_name",
            r"^dora_name wants a Wan-Alpha DoRA, but wan_2\.1_vae\.safetensors is a Wan 2\.1 VAE \(width 4; .*\)\.$",
        ),
        ("lightx2v.safetensors", (DORA,), "dora_name", r"is a Wan LoRA \(rank 3,.*\)\.$"),
        ("t2v.safetensors", (WAN_LORA,), "speed_lora_name", r"is a Wan-Alpha DoRA \("),
        (
            "merge.bin",
            (DECODER_LORAS, WAN_ALPHA_VAE),
            "weights_name",
            r"wants a Wan-Alpha decoder LoRA file or Wan-Alpha VAE with .*, but merge\.bin is a Wan-Alpha feature",
        ),
        ("wan2.1.safetensors", (SUBJECT,), "file", r"is a Wan diffusion model \("),
    ],
)
def test_the_wrong_file_is_refused_with_what_it_is(files, file, wanted, input_name: str, message: str):
    with pytest.raises(OtherKind, match=message) as refusal:
        refuse_unless(files[file], wanted, file, input_name)
    assert refusal.value.kind is identify(files[file]).kind


def test_a_refused_kind_is_found_behind_what_names_file_and_input(files):
    with pytest.raises(ValueError, match="outer") as problem:
        try:
            refuse_unless(files["t2v.safetensors"], (WAN_LORA,), "t2v.safetensors", "speed_lora_name")
        except ValueError as refusal:
            raise ValueError("outer") from refusal
    assert refused_kind(problem.value) is DORA
    assert refused_kind(ValueError("of another sort")) is None

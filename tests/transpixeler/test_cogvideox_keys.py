import json
from pathlib import Path

import pytest

from pipelines.transpixeler.cogvideox_keys import TABLE, native_keys

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "data" / "transpixeler" / "cogvideox_tiny_model_dev.json").read_text(encoding="utf-8")
)
SHAPES = {key: tuple(tensor["shape"]) for key, tensor in GOLDEN["tensors"].items()}
NATIVE_SHAPES = {name: SHAPES[key] for key, name in native_keys(SHAPES).items()}
PATCHES = "patch_embed.proj.weight"


def test_diffusers_names_become_comfyuis():
    keys = native_keys(SHAPES)
    assert keys.keys() == SHAPES.keys() and len(set(keys.values())) == len(SHAPES)
    assert {key: keys[key] for key in keys if key.startswith("transformer_blocks.1.") and key.endswith("weight")} == {
        f"transformer_blocks.1.{theirs}.weight": f"blocks.1.{ours}.weight"
        for theirs, ours in (
            ("norm1.linear", "norm1.linear"), ("norm1.norm", "norm1.norm"), ("attn1.to_q", "q"), ("attn1.to_k", "k"),
            ("attn1.to_v", "v"), ("attn1.norm_q", "norm_q"), ("attn1.norm_k", "norm_k"),
            ("attn1.to_out.0", "attn_out"), ("norm2.linear", "norm2.linear"), ("norm2.norm", "norm2.norm"),
            ("ff.net.0.proj", "ff_proj"), ("ff.net.2", "ff_out"),
        )
    }  # fmt: skip
    assert keys["time_embedding.linear_2.bias"] == "time_embedding_linear_2.bias"
    assert keys["norm_out.norm.weight"] == "norm_out.norm.weight"


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_comfyuis_own_names_stay(prefix):
    keys = native_keys({prefix + name: shape for name, shape in NATIVE_SHAPES.items()})
    assert keys == {prefix + name: name for name in NATIVE_SHAPES}


@pytest.mark.parametrize("leaf", ["scale_weight", "weight_scale", "comfy_quant"])
def test_what_a_quantisation_keeps_beside_a_weight_goes_with_it(leaf):
    keys = native_keys({**SHAPES, f"transformer_blocks.0.attn1.to_q.{leaf}": (), "scaled_fp8": (0,)})
    assert keys[f"transformer_blocks.0.attn1.to_q.{leaf}"] == f"blocks.0.q.{leaf}"
    assert keys["scaled_fp8"] == "scaled_fp8"


def test_the_learned_positions_of_the_i2v_model_are_kept():
    shapes = {**SHAPES, PATCHES: (128, 32, 2, 2), TABLE: (1, 298, 128)}
    assert native_keys(shapes)[TABLE] == TABLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({PATCHES: (1920, 16, 2, 2)}, "this is CogVideoX-2B: it is 1920 wide .* want 3072"),
        ({PATCHES: (3072, 128)}, "this is CogVideoX 1.5, whose patches span two latent frames"),
        ({PATCHES: (3072, 48, 2, 2)}, "16 input channels, CogVideoX-5B-I2V 32, this has 48"),
        ({PATCHES: (3072, 32, 2, 2)}, "learned positions; patch_embed.pos_embedding is missing"),
        ({"transformer_blocks.0.attn2.to_q.weight": (1, 1)}, r"none of its layers: transformer_blocks.0.attn2.to_q.we"),
        ({f"extra.{k}": (1,) for k in range(6)}, "extra.4 and 1 more"),
    ],
)
@pytest.mark.parametrize("base", [SHAPES, NATIVE_SHAPES], ids=["diffusers", "comfyui"])
def test_other_files_are_refused_with_the_reason(base, change, message):
    with pytest.raises(ValueError, match=message):
        native_keys({**base, **change})


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("transformer_blocks.1.attn1.to_v.weight", "missing: blocks.1.v"),
        ("proj_out.weight", "missing: proj_out"),
        ("transformer_blocks.", "missing: blocks.0.attn_out, .* and 7 more"),
    ],
)
def test_missing_layers_are_listed(lost, message):
    with pytest.raises(ValueError, match=message):
        native_keys({key: shape for key, shape in SHAPES.items() if not key.startswith(lost)})


def test_a_file_of_another_model_is_refused():
    with pytest.raises(ValueError, match=r"none of its layers: blocks.0.self_attn.q.weight"):
        native_keys({"blocks.0.self_attn.q.weight": (8, 8)})

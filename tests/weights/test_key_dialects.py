import pytest

from pipelines.weights.key_dialects import LoRAKey, by_target, list_names, parse_key

Q = "blocks.0.self_attn.q"


PREFIXES = [
    "",
    "diffusion_model.",
    "pipe.dit.",
    "transformer.",
    "base_model.model.",
    "base_model.model.diffusion_model.",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("suffix", "part"),
    [
        ("lora_A.default.weight", "down"),
        ("lora_A.weight", "down"),
        ("lora_down.weight", "down"),
        ("lora_B.default.weight", "up"),
        ("lora_B.weight", "up"),
        ("lora_up.weight", "up"),
        ("lora_magnitude_vector.default.weight", "magnitude"),
        ("lora_magnitude_vector.weight", "magnitude"),
        ("dora_scale", "magnitude"),
        ("alpha", "alpha"),
        ("diff", "diff"),
        ("diff_b", "diff_b"),
        ("diff_m", "diff_m"),
    ],
)
def test_every_spelling_names_the_same_layer(prefix: str, suffix: str, part: str):
    assert parse_key(f"{prefix}{Q}.{suffix}") == LoRAKey(Q, part)


@pytest.mark.parametrize("prefix", ["lora_unet_", "lycoris_"])
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("blocks_0_self_attn_q", Q),
        ("blocks_39_cross_attn_k_img", "blocks.39.cross_attn.k_img"),
        ("blocks_12_self_attn_norm_q", "blocks.12.self_attn.norm_q"),
        ("blocks_7_ffn_2", "blocks.7.ffn.2"),
        ("text_embedding_2", "text_embedding.2"),
        ("time_embedding_0", "time_embedding.0"),
        ("time_projection_1", "time_projection.1"),
        ("head_head", "head.head"),
        ("img_emb_proj_1", "img_emb.proj.1"),
        ("patch_embedding", "patch_embedding"),
    ],
)
def test_kohyas_names_are_those_of_wans_modules(prefix: str, name: str, target: str):
    assert parse_key(f"{prefix}{name}.lora_down.weight") == LoRAKey(target, "down")
    assert parse_key(f"{prefix}{name}.alpha") == LoRAKey(target, "alpha")


def test_kohyas_names_of_other_models_stay_as_they_are():
    name = "lora_unet_down_blocks_0_attentions_0"
    assert parse_key(f"{name}.alpha") == LoRAKey(name, "alpha")


@pytest.mark.parametrize(
    "key", ["", "diff", f"{Q}.weight", f"{Q}.lora_A", f"{Q}.lora_A.a.b.weight", f"{Q}.lora_mid.weight"]
)
def test_other_keys_are_unknown(key: str):
    assert parse_key(key) is None


def test_by_target_groups_parts_and_returns_what_it_does_not_know():
    table = {f"{Q}.lora_A.weight": 1, f"{Q}.lora_B.weight": 2, "head.diff_m": 3, "modality_embedding": 4}
    assert by_target(table) == ({Q: {"down": 1, "up": 2}, "head": {"diff_m": 3}}, ("modality_embedding",))


def test_by_target_refuses_one_part_in_two_spellings():
    with pytest.raises(ValueError, match=r"blocks\.0\.self_attn\.q has its down part twice, once as diffusion_model\."):
        by_target({f"{Q}.lora_A.weight": 1, f"diffusion_model.{Q}.lora_down.weight": 2})


def test_list_names_shows_five_and_counts_the_rest():
    assert list_names(["b", "a"]) == "a, b"
    assert list_names("gfedcba") == "a, b, c, d, e and 2 more"

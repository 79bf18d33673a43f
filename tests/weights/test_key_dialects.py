import pytest

from pipelines.weights.key_dialects import LoRAKey, by_target, list_names, parse_key

Q = "blocks.0.self_attn.q"


@pytest.mark.parametrize("prefix", ["", "diffusion_model.", "pipe.dit."])
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

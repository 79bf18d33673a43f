import pytest
import torch

from pipelines.lora.low_rank import add_low_rank
from pipelines.lora.speed_lora import read_speed_lora

Q = "blocks.0.self_attn.q"
PAIR = {f"{Q}.lora_down.weight": torch.ones(2, 3), f"{Q}.lora_up.weight": torch.ones(4, 2)}


def test_speed_lora_alone_matches_the_reference(dora_goldens):
    lora = read_speed_lora(dora_goldens.under("lightx2v/"))
    for name, expected in dora_goldens.under("eff/lightx2v/").items():
        merged = add_low_rank(dora_goldens[f"base/{name}"], lora.pairs[name.removesuffix(".weight")])
        torch.testing.assert_close(merged, expected, rtol=0, atol=1e-6)


def test_differences_match_the_reference(dora_goldens):
    lora = read_speed_lora(dora_goldens.under("lightx2v/"))
    expected = dora_goldens.under("eff/dora_then_lightx2v/")
    names = expected.keys() & lora.diffs.keys()
    assert {name.rpartition(".")[2] for name in names} == {"weight", "bias", "modulation"}
    for name in names:
        merged = dora_goldens[f"base/{name}"].float() + lora.diffs[name]
        torch.testing.assert_close(merged, expected[name], rtol=0, atol=1e-6)


def test_every_changed_parameter_of_the_reference_is_known(dora_goldens):
    lora = read_speed_lora(dora_goldens.under("lightx2v/"))
    changed = {f"{target}.weight" for target in lora.pairs} | lora.diffs.keys()
    assert dora_goldens.under("eff/dora_then_lightx2v/").keys() <= changed
    assert lora.unknown == ()


def test_prefix_and_spelling_do_not_matter(dora_goldens):
    table = dora_goldens.under("lightx2v/")
    peft = {
        key.removeprefix("diffusion_model.").replace("lora_down", "lora_A").replace("lora_up", "lora_B"): tensor
        for key, tensor in table.items()
    }
    one, other = read_speed_lora(table), read_speed_lora(peft)
    assert one.pairs.keys() == other.pairs.keys()
    assert all(torch.equal(one.pairs[target].up, other.pairs[target].up) for target in one.pairs)
    assert one.diffs.keys() == other.diffs.keys()


def test_a_pair_wins_over_a_difference_of_the_same_weight_but_not_of_the_bias():
    lora = read_speed_lora(PAIR | {f"{Q}.diff": torch.ones(4, 3), f"{Q}.diff_b": torch.ones(4)})
    assert lora.pairs.keys() == {Q}
    assert lora.diffs.keys() == {f"{Q}.bias"}


def test_alpha_over_rank_is_applied():
    lora = read_speed_lora(PAIR | {f"{Q}.alpha": torch.tensor(1.0)})
    assert torch.equal(add_low_rank(torch.zeros(4, 3), lora.pairs[Q]), torch.ones(4, 3))


def test_strength_scales_the_pair():
    assert torch.equal(
        add_low_rank(torch.zeros(4, 3), read_speed_lora(PAIR).pairs[Q], strength=0.25), torch.full((4, 3), 0.5)
    )


def test_unknown_keys_are_returned():
    assert read_speed_lora(PAIR | {"img_emb.something": torch.ones(1)}).unknown == ("img_emb.something",)


def test_a_file_without_any_known_key_is_refused():
    with pytest.raises(ValueError, match=r"expected LoRA keys .* got blocks\.0\.weight"):
        read_speed_lora({"blocks.0.weight": torch.ones(1)})


def test_half_a_pair_is_refused():
    with pytest.raises(ValueError, match=r"blocks\.0\.self_attn\.q: expected an up and a down matrix, up is missing"):
        read_speed_lora({f"{Q}.lora_down.weight": torch.ones(2, 3)})


def test_a_dora_is_refused(dora_goldens):
    with pytest.raises(ValueError, match=r"it is a DoRA"):
        read_speed_lora(dora_goldens.under("dora/"))

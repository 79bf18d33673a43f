"""SDXL's files: what is in them, against what the official loader makes of them."""

import pytest
import torch

from pipelines.layerdiffuse.weight_patches import CONV_IN, read_weight_patches
from pipelines.lora.low_rank import add_low_rank

CASES = {"attn_lora": 0, "conv_diff": 0, "concat4_diff": 1, "concat8_diff": 2}


@pytest.mark.parametrize("case", CASES)
def test_merged_weights_match_the_reference(golden, case):
    goldens = golden("weight_files")
    base, merged = goldens.under("base."), goldens.under(f"{case}.merged.")
    patches = read_weight_patches(goldens.under(f"{case}.file."))
    assert patches.conditions == CASES[case]
    assert patches.pairs.keys() | patches.differences.keys() == merged.keys()
    assert all(shape == tuple(base[name].shape) for name, shape in patches.shapes().items())
    for name, pair in patches.pairs.items():
        assert add_low_rank(base[name], pair).allclose(merged[name], rtol=0, atol=1e-5)
    for name, difference in patches.differences.items():
        widened = torch.zeros_like(difference)
        widened[tuple(map(slice, base[name].shape))] = base[name]
        assert (widened + difference).equal(merged[name])


def test_foreign_keys_and_half_a_pair_are_refused():
    key = "diffusion_model.middle_block.1.proj_in.weight"
    with pytest.raises(ValueError, match=rf"{CONV_IN}::diff::0, got {key}"):
        read_weight_patches({key: torch.zeros(1)})
    with pytest.raises(ValueError, match=r"down is missing"):
        read_weight_patches({f"{key}::lora::0": torch.zeros(3, 2)})

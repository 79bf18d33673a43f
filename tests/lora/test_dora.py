from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipelines.lora import dora as dora_module
from pipelines.lora.dora import DoRALayer, dora_weight, read_dora, row_scale, scale_rows_
from pipelines.lora.low_rank import LowRank, add_low_rank, add_product_
from pipelines.lora.speed_lora import read_speed_lora

Q = "blocks.0.self_attn.q"
TARGETS = (Q, "blocks.0.cross_attn.v", "blocks.0.ffn.0", "blocks.0.ffn.2")


def random_layer(out: int, rank: int, into: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, DoRALayer]:
    generator = torch.Generator().manual_seed(out + into)
    weight, up, down = (
        torch.randn(shape, generator=generator, dtype=dtype) for shape in [(out, into), (out, rank), (rank, into)]
    )
    magnitude = torch.rand(out, generator=generator, dtype=dtype) + 0.5
    return weight, DoRALayer(LowRank(up, down), magnitude)


def respelled(native: dict[str, Tensor], prefix: str, renames: dict[str, str]) -> dict[str, Tensor]:
    table = {}
    for key, tensor in native.items():
        for old, new in renames.items():
            key = key.replace(old, new)
        table[prefix + key] = tensor.unsqueeze(1) if key.endswith("dora_scale") else tensor
    return table


WITHOUT_ADAPTER = {".default.weight": ".weight"}
COMFYUI = {".default.weight": ".weight", "lora_magnitude_vector.weight": "dora_scale"}
COMFYUI_UP_DOWN = {**COMFYUI, "lora_A": "lora_down", "lora_B": "lora_up"}


@pytest.mark.parametrize(("variant", "ratio"), [("dora", 1.0), ("dora_ratio0.5", 0.5)])
def test_dora_matches_the_reference(dora_goldens, variant: str, ratio: float):
    layers = read_dora(dora_goldens.under("dora/"))
    for target in TARGETS:
        adapted = dora_weight(dora_goldens[f"base/{target}.weight"], layers[target], ratio)
        expected = dora_goldens[f"eff/{variant}/{target}.weight"]
        torch.testing.assert_close(adapted, expected, rtol=0, atol=1e-6)


def test_dora_then_speed_lora_matches_the_reference(dora_goldens):
    layers, lora = read_dora(dora_goldens.under("dora/")), read_speed_lora(dora_goldens.under("lightx2v/"))
    for target in TARGETS:
        adapted = dora_weight(dora_goldens[f"base/{target}.weight"], layers[target])
        expected = dora_goldens[f"eff/dora_then_lightx2v/{target}.weight"]
        torch.testing.assert_close(add_low_rank(adapted, lora.pairs[target]), expected, rtol=0, atol=1e-6)


def test_speed_lora_then_dora_is_something_else(dora_goldens):
    layers, lora = read_dora(dora_goldens.under("dora/")), read_speed_lora(dora_goldens.under("lightx2v/"))
    sped_up = add_low_rank(dora_goldens[f"base/{Q}.weight"], lora.pairs[Q])
    reversed_order = dora_weight(sped_up, layers[Q])
    expected = dora_goldens[f"eff/NOTOFFICIAL_lightx2v_then_dora/{Q}.weight"]
    torch.testing.assert_close(reversed_order, expected, rtol=0, atol=1e-6)
    assert (reversed_order - dora_goldens[f"eff/dora_then_lightx2v/{Q}.weight"]).abs().max() > 0.05


def test_the_reference_differs_from_us_only_by_multiplying_in_the_files_dtype(dora_goldens):
    for target in TARGETS:
        layer = read_dora(dora_goldens.under("dora/"))[target]
        product = (layer.low_rank.up @ layer.low_rank.down).float()  # in bfloat16, as the file
        rounded = replace(layer, low_rank=LowRank(product, torch.eye(product.shape[1])))
        weight, expected = dora_goldens[f"base/{target}.weight"], dora_goldens[f"eff/dora_bf16file/{target}.weight"]
        torch.testing.assert_close(dora_weight(weight, rounded), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(dora_weight(weight, layer), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("prefix", ["", "diffusion_model.", "pipe.dit."])
@pytest.mark.parametrize("renames", [{}, WITHOUT_ADAPTER, COMFYUI, COMFYUI_UP_DOWN])
def test_every_spelling_gives_the_same_bits(dora_goldens, prefix: str, renames: dict[str, str]):
    native = dora_goldens.under("dora/")
    expected, layers = read_dora(native), read_dora(respelled(native, prefix, renames))
    assert layers.keys() == expected.keys()
    for target, layer in layers.items():
        weight = dora_goldens[f"base/{target}.weight"]
        assert torch.equal(dora_weight(weight, layer), dora_weight(weight, expected[target]))


def test_row_lengths_are_the_magnitudes():
    weight, layer = random_layer(7, 2, 5)
    for ratio in (0.0, 0.5, 1.0):
        lengths = dora_weight(weight, layer, ratio, dtype=torch.float64).norm(dim=1)
        torch.testing.assert_close(lengths, layer.magnitude, rtol=0, atol=1e-12)


def test_ratio_zero_keeps_the_magnitude_and_is_not_the_base_model():
    weight, layer = random_layer(7, 2, 5)
    expected = weight / weight.norm(dim=1, keepdim=True) * layer.magnitude.unsqueeze(1)
    torch.testing.assert_close(dora_weight(weight, layer, ratio=0.0, dtype=torch.float64), expected, rtol=0, atol=1e-12)


def test_a_row_of_zeros_stays_zero_instead_of_dividing_by_nothing():
    layer = DoRALayer(LowRank(torch.zeros(2, 1), torch.ones(1, 3)), torch.ones(2))
    assert torch.equal(dora_weight(torch.zeros(2, 3), layer), torch.zeros(2, 3))
    assert torch.equal(row_scale(torch.zeros(2, 3), layer), torch.full((2,), 1e8))


def test_row_scale_is_the_magnitude_over_the_adapted_rows_length():
    weight, layer = random_layer(7, 2, 5)
    adapted = weight + 0.5 * layer.low_rank.up @ layer.low_rank.down
    scale = row_scale(weight, layer, 0.5, dtype=torch.float64)
    torch.testing.assert_close(scale, layer.magnitude / adapted.norm(dim=1), rtol=0, atol=1e-12)


def add_change_(output: Tensor, x: Tensor, layer: DoRALayer, ratio: float = 1.0) -> None:
    low_rank = layer.low_rank
    add_product_(output, functional.linear(x, low_rank.down.to(x)), low_rank.up.to(x), ratio * low_rank.scale)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_unmerged_equals_merged(ratio: float):
    weight, layer = random_layer(7, 2, 5)
    x, bias = torch.randn(3, 4, 5, dtype=torch.float64), torch.randn(7, dtype=torch.float64)
    merged = functional.linear(x, dora_weight(weight, layer, ratio, dtype=torch.float64), bias)
    scale = row_scale(weight, layer, ratio, dtype=torch.float64)
    unmerged = functional.linear(x, weight, bias)
    add_change_(unmerged, x, layer, ratio)
    scale_rows_(unmerged, scale, (1 - scale) * bias)
    torch.testing.assert_close(unmerged, merged, rtol=0, atol=1e-12)


def test_unmerged_reference_layers_equal_merged_ones_in_float32(dora_goldens):
    for target, layer in read_dora(dora_goldens.under("dora/")).items():
        weight = dora_goldens[f"base/{target}.weight"].float()
        x = torch.randn(6, weight.shape[1], generator=torch.Generator().manual_seed(1))
        scale = row_scale(weight, layer)
        unmerged = functional.linear(x, weight)
        add_change_(unmerged, x, layer)
        scale_rows_(unmerged, scale, torch.zeros_like(scale))
        torch.testing.assert_close(unmerged, functional.linear(x, dora_weight(weight, layer)), rtol=0, atol=2e-5)


def test_rows_in_portions_equal_all_rows_at_once(monkeypatch: pytest.MonkeyPatch):
    weight, layer = random_layer(11, 2, 5)
    at_once = dora_weight(weight, layer, dtype=torch.float64), row_scale(weight, layer, dtype=torch.float64)
    monkeypatch.setattr(dora_module, "ROWS", 4)
    in_portions = dora_weight(weight, layer, dtype=torch.float64), row_scale(weight, layer, dtype=torch.float64)
    torch.testing.assert_close(in_portions, at_once, rtol=0, atol=1e-14)


def test_a_half_precision_base_gives_float32_norms():
    weight, layer = random_layer(7, 2, 4096, torch.float32)
    big = (weight * 100).half()  # the square of a row's length does not fit into half precision
    scale = row_scale(big, layer)
    assert scale.dtype == torch.float32
    adapted = big.double() + layer.low_rank.up.double() @ layer.low_rank.down.double()
    torch.testing.assert_close(scale.double(), layer.magnitude / adapted.norm(dim=1), rtol=1e-5, atol=0)


def test_alpha_over_rank_scales_the_low_rank_part(dora_goldens):
    native = dora_goldens.under("dora/")
    halved = read_dora(native | {f"{target}.alpha": torch.tensor(2.0) for target in read_dora(native)})  # the rank is 4
    weight = dora_goldens[f"base/{Q}.weight"]
    assert torch.equal(dora_weight(weight, halved[Q]), dora_weight(weight, read_dora(native)[Q], ratio=0.5))


def test_inputs_are_left_alone():
    weight, layer = random_layer(7, 2, 5)
    before = weight.clone(), layer.magnitude.clone()
    dora_weight(weight, layer, dtype=torch.float64)
    assert torch.equal(weight, before[0])
    assert torch.equal(layer.magnitude, before[1])


def test_a_layer_without_its_magnitude_is_refused(dora_goldens):
    table = {key: tensor for key, tensor in dora_goldens.under("dora/").items() if "ffn.0.lora_magnitude" not in key}
    with pytest.raises(
        ValueError, match=r"has a down, an up and a magnitude part, missing: blocks\.0\.ffn\.0 \(magnitude\)"
    ):
        read_dora(table)


def test_many_incomplete_layers_are_counted(dora_goldens):
    table = {key: tensor for key, tensor in dora_goldens.under("dora/").items() if "lora_B" not in key}
    with pytest.raises(ValueError, match=r"\(up\) and 5 more"):
        read_dora(table)


def test_foreign_keys_are_listed(dora_goldens):
    table = dora_goldens.under("dora/") | {"text_encoder.weight": torch.ones(1), "head.diff_m": torch.ones(1)}
    with pytest.raises(ValueError, match=r"this file also has head\.diff_m, text_encoder\.weight"):
        read_dora(table)


def test_two_ranks_are_refused(dora_goldens):
    table = dora_goldens.under("dora/")
    table |= {f"{Q}.lora_A.default.weight": torch.ones(5, 24), f"{Q}.lora_B.default.weight": torch.ones(24, 5)}
    with pytest.raises(ValueError, match=r"a DoRA has one rank, this file has \[4, 5\]"):
        read_dora(table)


@pytest.mark.parametrize("shape", [(23,), (1, 24), (24, 2)])
def test_a_magnitude_along_the_wrong_axis_is_refused(dora_goldens, shape: tuple[int, ...]):
    table = dora_goldens.under("dora/") | {f"{Q}.lora_magnitude_vector.default.weight": torch.ones(shape)}
    with pytest.raises(ValueError, match=rf"{Q}: expected one magnitude per output, \[24\] or \[24, 1\], got"):
        read_dora(table)


def test_a_convolution_is_refused():
    table = {
        "conv.lora_A.weight": torch.ones(2, 3, 1, 1),
        "conv.lora_B.weight": torch.ones(4, 2, 1, 1),
        "conv.dora_scale": torch.ones(4),
    }
    with pytest.raises(ValueError, match=r"a DoRA layer is linear, this one is made for a weight of \[4, 3, 1, 1\]"):
        read_dora(table)


def test_a_weight_of_another_shape_is_refused():
    weight, layer = random_layer(7, 2, 5)
    for apply in (dora_weight, row_scale):
        with pytest.raises(ValueError, match=r"made for a weight of \[7, 5\], got \[5, 7\]"):
            apply(weight.T, layer)

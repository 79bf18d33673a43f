import torch
from torch import Tensor

from pipelines.transpixeler.alpha_lora import AlphaLoRALayer, add_low_rank_


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(weight: Tensor):
    return lambda x: x @ weight.T


def test_only_the_last_rows_change_and_by_the_low_rank_product():
    x, output, down, up = normal(2, 9, 5), normal(2, 9, 7, seed=1), normal(3, 5, seed=2), normal(7, 3, seed=3)
    before = output.clone()
    assert add_low_rank_(output, x, 4, linear(down), [linear(up)], 0.5) is output
    assert torch.equal(output[:, :5], before[:, :5])
    torch.testing.assert_close(output[:, 5:], before[:, 5:] + 0.5 * x[:, 5:] @ (up @ down).T)


def test_the_lora_is_computed_for_the_last_rows_alone():
    seen = []

    def down(x):
        seen.append(x.shape)
        return x

    add_low_rank_(normal(2, 9, 5), normal(2, 9, 5), 4, down, [lambda x: seen.append(x.shape) or x], 1.0)
    assert seen == [(2, 4, 5), (2, 4, 5)]


def test_a_fused_layer_is_its_parts_side_by_side():
    """Of three widths."""
    downs, ups = [normal(3, 5, seed=n) for n in range(3)], [normal(n, 3, seed=n) for n in (4, 6, 2)]
    x, output = normal(2, 4, 5), normal(2, 4, 12, seed=1)
    expected = output + torch.cat([2.0 * x @ down.T @ up.T for down, up in zip(downs, ups)], dim=-1)
    add_low_rank_(output, x, 4, linear(torch.cat(downs)), [linear(up) for up in ups], 2.0)
    torch.testing.assert_close(output, expected)


def test_half_precision_has_room_for_what_a_small_factor_leaves():
    """down gives 256 and up 512 of it: more than half precision holds, before a factor of 1 / 128."""
    x, output = torch.full((1, 1, 1), 256.0, dtype=torch.float16), torch.zeros(1, 1, 1, dtype=torch.float16)
    add_low_rank_(output, x, 1, lambda x: x, [lambda x: 512 * x], 1 / 128)
    assert output.item() == 1024


def test_a_layer_knows_its_rank_and_the_weight_it_goes_with():
    layer = AlphaLoRALayer(torch.zeros(9, 5), tuple(torch.zeros(6, 3) for _ in range(3)))
    assert (layer.rank, layer.shape, layer.everywhere) == (3, (18, 5), False)

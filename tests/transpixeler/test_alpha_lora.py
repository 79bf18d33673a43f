import torch
from torch import Tensor

from pipelines.transpixeler.alpha_lora import AlphaLoRALayer, add_to_last_rows_, low_rank_output


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(weight: Tensor):
    return lambda x: x @ weight.T


def test_only_the_last_rows_change_and_by_the_low_rank_product():
    x, output, down, up = normal(2, 9, 5), normal(2, 9, 7, seed=1), normal(3, 5, seed=2), normal(7, 3, seed=3)
    before = output.clone()

    def change(rows):
        return low_rank_output(rows, linear(down), [linear(up)])

    assert add_to_last_rows_(output, x, 4, change, 0.5) is output
    assert torch.equal(output[:, :5], before[:, :5])
    torch.testing.assert_close(output[:, 5:], before[:, 5:] + 0.5 * x[:, 5:] @ (up @ down).T)


def test_the_lora_is_computed_for_the_last_rows_alone():
    seen = []
    add_to_last_rows_(normal(2, 9, 5), normal(2, 9, 5), 4, lambda x: seen.append(x.shape) or x, 1.0)
    assert seen == [(2, 4, 5)]


def test_a_fused_layer_is_its_parts_side_by_side():
    x, downs, ups = normal(2, 4, 5), [normal(3, 5, seed=n) for n in range(3)], [normal(6, 3, seed=n) for n in (3, 4, 5)]
    fused = low_rank_output(x, linear(torch.cat(downs)), [linear(up) for up in ups])
    apart = [x @ down.T @ up.T for down, up in zip(downs, ups)]
    torch.testing.assert_close(fused, torch.cat(apart, dim=-1))


def test_a_layer_knows_its_rank_and_the_weight_it_goes_with():
    layer = AlphaLoRALayer(torch.zeros(9, 5), tuple(torch.zeros(6, 3) for _ in range(3)))
    assert (layer.rank, layer.shape, layer.everywhere) == (3, (18, 5), False)

import pytest
import torch
from torch.nn import functional

from pipelines.lora.low_rank import LowRank, add_low_rank, add_product_, low_rank_from_parts


def test_add_low_rank_by_hand():
    pair = LowRank(up=torch.tensor([[1.0], [2.0]]), down=torch.tensor([[3.0, 4.0, 5.0]]), scale=0.5)
    expected = torch.tensor([[4.0, 5.0, 6.0], [7.0, 9.0, 11.0]])
    assert torch.equal(add_low_rank(torch.ones(2, 3), pair, strength=2.0), expected)


def test_a_merged_convolution_equals_the_two_thin_ones_beside_it():
    generator = torch.Generator().manual_seed(0)
    weight, down, up, x = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in [(6, 5, 3, 3, 3), (2, 5, 3, 3, 3), (6, 2, 1, 1, 1), (1, 5, 4, 5, 7)]
    )
    merged = add_low_rank(weight, LowRank(up, down, scale=0.25), dtype=torch.float64)
    beside = functional.conv3d(x, weight) + 0.25 * functional.conv3d(functional.conv3d(x, down), up)
    torch.testing.assert_close(functional.conv3d(x, merged), beside, rtol=0, atol=1e-12)


def test_add_low_rank_leaves_its_inputs_alone_and_computes_in_float32():
    weight, pair = torch.ones(4, 4, dtype=torch.bfloat16), LowRank(torch.ones(4, 2), torch.ones(2, 4))
    assert add_low_rank(weight, pair).dtype == torch.float32
    assert torch.equal(weight, torch.ones(4, 4, dtype=torch.bfloat16))
    assert torch.equal(pair.up, torch.ones(4, 2))


def test_alpha_over_rank_is_the_scale_and_without_alpha_it_is_one():
    parts = {"up": torch.ones(4, 2), "down": torch.ones(2, 3)}
    assert low_rank_from_parts("q", parts).scale == 1.0
    assert low_rank_from_parts("q", {**parts, "alpha": torch.tensor(1.0)}).scale == 0.5


def test_rank_and_shape_come_from_the_matrices():
    pair = LowRank(torch.ones(6, 2, 1, 1), torch.ones(2, 5, 3, 3))
    assert (pair.rank, pair.shape) == (2, (6, 5, 3, 3))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"up": torch.ones(4, 2)}, r"^q: expected an up and a down matrix, down is missing"),
        ({"alpha": torch.tensor(1.0)}, r"up and down is missing"),
        ({"up": torch.ones(4, 2), "down": torch.ones(3, 5)}, r"^q: expected up \[out, r\].* got \[4, 2\] and \[3, 5\]"),
        ({"up": torch.ones(4, 2), "down": torch.ones(2, 5, 3, 3)}, r"got \[4, 2\] and \[2, 5, 3, 3\]"),
        ({"up": torch.ones(4, 2, 3, 3), "down": torch.ones(2, 5, 3, 3)}, r"got \[4, 2, 3, 3\]"),
        ({"up": torch.ones(4), "down": torch.ones(4)}, r"got \[4\] and \[4\]"),
    ],
)
def test_matrices_that_do_not_belong_together_are_refused(parts: dict, message: str):
    with pytest.raises(ValueError, match=message):
        low_rank_from_parts("q", parts)


def test_add_low_rank_refuses_a_weight_of_another_shape():
    with pytest.raises(ValueError, match=r"made for a weight of \[4, 3\], got \[3, 4\]"):
        add_low_rank(torch.ones(3, 4), LowRank(torch.ones(4, 2), torch.ones(2, 3)))


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "columns"])
def test_a_product_is_added_in_place(layout: str):
    output, x, matrix = torch.randn(2, 5, 7), torch.randn(2, 5, 3), torch.randn(7, 3)
    if layout == "transposed":
        output = output.transpose(0, 1).contiguous().transpose(0, 1)
    if layout == "columns":
        output = torch.randn(2, 5, 12)[..., 3:10]
    expected, where = output + 0.5 * x @ matrix.T, output.data_ptr()
    add_product_(output, x, matrix, 0.5)
    assert output.data_ptr() == where
    torch.testing.assert_close(output, expected)


def test_an_added_product_is_rounded_once():
    """Half precision has no room for the product alone, and for the sum it has."""
    output = torch.full((1, 1), -60000.0).half()
    add_product_(output, torch.full((1, 2), 250.0).half(), torch.full((1, 2), 240.0).half(), 0.75)
    assert output.item() == 30000

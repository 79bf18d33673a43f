import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pipelines.transpixeler.layout import Layout
from pipelines.transpixeler.split_attention import (
    ALL,
    LESS,
    NOTHING,
    Sight,
    bias_on_alpha,
    split_attention,
    without_alpha,
)

GOLDEN = load_file(Path(__file__).parents[1] / "data" / "transpixeler" / "cogvideox_attention_dev.safetensors")
HEADS, WIDTH = 2, 8
LAYOUTS = [Layout(6, 3), Layout(6, 3, text_first=False), Layout(6)]
SIGHTS = [Sight(*seen) for seen in itertools.product((ALL, LESS, NOTHING), repeat=2)]


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    return scaled_dot_product_attention(q, k, v, attn_mask=bias)


def qkv(layout: Layout, batch: int = 1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, HEADS, layout.total, WIDTH)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3)]


def mask_of(layout: Layout, sight: Sight) -> Tensor:
    """The dense mask that is never built elsewhere."""
    mask = torch.zeros(layout.total, layout.total, dtype=torch.float64)
    added = {ALL: 0.0, LESS: -1.0, NOTHING: -torch.inf}
    mask[layout.text_rows, layout.alpha_rows] = added[sight.text]
    mask[layout.rgb_rows, layout.alpha_rows] = added[sight.rgb]
    return mask


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("batch", [1, 2])
def test_split_attention_equals_masked_attention(layout, sight, batch):
    q, k, v = qkv(layout, batch)
    masked = scaled_dot_product_attention(q, k, v, attn_mask=mask_of(layout, sight))
    torch.testing.assert_close(split_attention(q, k, v, layout, sight, attend, 2, 2), masked, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("sight", "name"), [(Sight(NOTHING), "blocked"), (Sight(LESS), "additive")])
def test_split_attention_is_the_official_one(sight, name):
    q, k, v = (GOLDEN[f"mid.{part}"] for part in "qkv")
    got = split_attention(q, k, v, Layout(72, 10), sight, attend, 2, 2)
    torch.testing.assert_close(got, GOLDEN[f"mid.sdpa_out_{name}"], rtol=0, atol=5e-7)


def test_the_official_masks_are_the_two_sights():
    """Ones and zeros that are added: rows of ones alone are no bias, and zero under ones is one of -1."""
    layout = Layout(72, 10)
    added = GOLDEN["mid.mask_official_float"].double() - 1
    assert torch.equal(added, mask_of(layout, Sight(LESS)))
    assert torch.equal(GOLDEN["mid.mask_blocked_bool"], mask_of(layout, Sight(NOTHING)) == 0)


@pytest.mark.parametrize(
    ("layout", "sight", "calls"),
    [
        (Layout(6, 3), Sight(NOTHING), [(3, 9), (6, 15), (6, 15)]),
        (Layout(6, 3), Sight(LESS), [(3, 15), (6, 15), (6, 15)]),
        (Layout(6, 3), Sight(ALL), [(15, 15)]),
        (Layout(6, 3), Sight(NOTHING, NOTHING), [(9, 9), (6, 15)]),
        (Layout(6, 3), Sight(ALL, NOTHING), [(3, 15), (6, 9), (6, 15)]),
        (Layout(6, 3, text_first=False), Sight(NOTHING), [(3, 9), (6, 15), (6, 15)]),
        (Layout(6, 3, text_first=False), Sight(NOTHING, NOTHING), [(3, 9), (6, 9), (6, 15)]),
        (Layout(6), Sight(NOTHING), [(12, 12)]),
        (Layout(6), Sight(NOTHING, NOTHING), [(6, 6), (6, 12)]),
    ],
)
def test_each_part_is_one_call_on_the_keys_that_it_sees(layout, sight, calls):
    made = []

    def watch(q, k, v, bias):
        made.append((q.shape[2], k.shape[2]))
        return attend(q, k, v, bias)

    split_attention(*qkv(layout), layout, sight, watch, 2, 2)
    assert made == calls


def test_a_bias_has_one_row_in_memory():
    biases = []

    def watch(q, k, v, bias):
        biases.append(bias)
        return attend(q, k, v, bias)

    layout = Layout(6, 3)
    split_attention(*qkv(layout), layout, Sight(LESS), watch, 2, 2)
    bias, *none = biases
    assert bias.shape == (3, 15) and bias.untyped_storage().nbytes() == 15 * bias.element_size()
    assert none == [None, None]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_output_may_have_its_rows_elsewhere(layout):
    """As the host's attention: heads apart in q, k and v, joined in what comes out."""

    def joined(q, k, v, bias):
        return attend(q, k, v, bias).transpose(1, 2).flatten(2)

    q, k, v = qkv(layout)
    sight = Sight(NOTHING, NOTHING)
    apart = split_attention(q, k, v, layout, sight, attend, 2, 2)
    assert torch.equal(split_attention(q, k, v, layout, sight, joined, 2), apart.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_parts_of_a_layout_are_all_rows_once(layout):
    rows = torch.cat(
        [torch.arange(layout.total)[part] for part in (layout.text_rows, layout.rgb_rows, layout.alpha_rows)]
    )
    assert sorted(rows.tolist()) == list(range(layout.total))
    assert layout.alpha_rows.start == layout.rgb_rows.stop
    left = without_alpha(torch.arange(layout.total)[None], layout)[0]
    assert sorted([*left.tolist(), *range(*layout.alpha_rows.indices(layout.total))]) == list(range(layout.total))


def test_a_bias_follows_device_and_dtype_of_the_keys():
    assert bias_on_alpha(torch.zeros(1, 15, 8, dtype=torch.bfloat16), Layout(6, 3)).dtype == torch.bfloat16

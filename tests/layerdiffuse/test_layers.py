"""Which rows of a batch are which layer."""

import pytest
import torch

from pipelines.layerdiffuse.decoder import attend
from pipelines.layerdiffuse.layers import by_layer, interleaved, refuse_other_batch, with_own_prompts


def test_layers_come_apart_and_together_again():
    rows = torch.arange(12.0).reshape(6, 2)
    apart = by_layer(rows, 3)
    assert [each[:, 0].tolist() for each in apart] == [[0, 6], [2, 8], [4, 10]]
    assert interleaved(apart).equal(rows)


@pytest.mark.parametrize(("rows", "layers", "advice"), [(4, 3, "3 or 6"), (1, 3, "3"), (5, 2, "4 or 6")])
def test_a_batch_of_broken_pictures_is_refused(rows, layers, advice):
    with pytest.raises(ValueError, match=rf"batch of {rows}.*{layers} layers.*use a batch of {advice}\."):
        refuse_other_batch(rows, layers, "latent_image")
    refuse_other_batch(2 * layers, layers, "latent_image")


def test_own_prompts_go_to_the_positive_rows_of_their_layer():
    context = torch.zeros(8, 3, 2)
    own = [torch.ones(1, 3, 2), None]
    shown = with_own_prompts(context, own, torch.tensor([False] * 4 + [True] * 4))
    assert shown[:, 0, 0].tolist() == [0, 0, 0, 0, 1, 0, 1, 0]
    assert context.eq(0).all()


def test_repeating_prompts_to_one_length_is_invisible_to_attention():
    short, long = torch.randn(1, 2, 8, dtype=torch.float64), torch.randn(1, 3, 8, dtype=torch.float64)
    context = torch.randn(2, 2, 8, dtype=torch.float64)
    shown = with_own_prompts(context, [long, short], torch.tensor([True, True]))
    assert shown.shape == (2, 6, 8)
    q = torch.randn(1, 4, 8, dtype=torch.float64)
    for row, prompt in enumerate((long, short)):
        assert attend(q, shown[row : row + 1], shown[row : row + 1], 2).allclose(attend(q, prompt, prompt, 2))

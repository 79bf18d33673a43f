"""The transparent decoder and its eight views, against what the official implementation computed."""

import pytest
import torch

from pipelines.layerdiffuse.decoder import build_decoder
from pipelines.layerdiffuse.views import VIEWS, median_of_views, one_view, seen, unseen


@pytest.fixture(scope="module")
def goldens(golden):
    return golden("decoder")


@pytest.fixture(scope="module")
def decoder(goldens):
    return build_decoder(goldens.under("sd."))


def test_one_pass_matches_the_reference(goldens, decoder):
    made = decoder(goldens["in.pixel"], goldens["in.latent"])
    assert (made - goldens["out.single_pass"]).abs().max() < 2e-5


def test_a_turned_view_matches_the_reference(goldens, decoder):
    made = one_view(decoder, goldens["in.pixel"], goldens["in.latent"], mirrored=True, turns=1)
    assert (made - goldens["out.view_flip1_rot1"]).abs().max() < 2e-5


def test_the_lower_median_of_eight_views_matches_the_reference(goldens, decoder):
    made = median_of_views(decoder, goldens["in.pixel"], goldens["in.latent"])
    assert (made - goldens["out.augmented_median"]).abs().max() < 2e-5
    rgba = torch.cat([made[:, 1:], made[:, :1]], dim=1).movedim(1, -1)
    off = ((rgba * 255).to(torch.uint8).int() - goldens["out.rgba_u8"].int()).abs()
    assert off.max() <= 1 and (off > 0).float().mean() < 1e-3


def test_every_view_is_another_and_comes_back():
    picture = torch.arange(24.0).reshape(1, 1, 4, 6)
    views = [seen(picture, *view) for view in VIEWS]
    assert len({(tuple(view.shape), tuple(view.flatten().tolist())) for view in views}) == 8
    assert all(unseen(view, *how).equal(picture) for view, how in zip(views, VIEWS))


def test_the_median_of_eight_is_the_fourth_smallest():
    numbers = iter([7.0, 1.0, 3.0, 8.0, 2.0, 5.0, 4.0, 6.0])
    picture, latent = torch.zeros(1, 1, 2, 2), torch.zeros(1, 4, 1, 1)
    made = median_of_views(lambda pixel, latent: pixel + next(numbers) / 10, picture, latent)
    assert made.allclose(torch.full((1, 1, 2, 2), 0.4))


def test_a_decoder_with_a_missing_and_a_foreign_weight_is_refused(goldens):
    state = {name: tensor for name, tensor in goldens.under("sd.").items() if name != "conv_out.bias"}
    with pytest.raises(ValueError, match=r"not transparent decoder; missing: conv_out.bias; unknown: foreign"):
        build_decoder(state | {"foreign": torch.zeros(1)})

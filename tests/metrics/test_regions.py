import torch
from scipy.ndimage import maximum_filter, minimum_filter

from pipelines.metrics.regions import soft_edge, visible


def test_one_level_of_eight_bits_is_visible():
    assert visible(torch.tensor([0.0, 1 / 255, 1.0])).tolist() == [False, True, True]


def test_a_hard_edge_has_a_band_of_two_pixels_on_both_sides():
    alpha = torch.zeros(1, 5, 10, 1)
    alpha[:, :, 5:] = 1
    assert soft_edge(alpha)[0, 2, :, 0].nonzero().flatten().tolist() == [3, 4, 5, 6]


def test_an_even_translucent_plane_has_no_edge():
    assert not soft_edge(torch.full((2, 5, 7, 1), 0.4)).any()


def test_the_band_is_where_scipys_extremes_differ():
    alpha = torch.rand(2, 9, 11, 1, generator=torch.Generator().manual_seed(0)) * 0.15
    band = soft_edge(alpha)
    for frame, found in zip(alpha[..., 0].numpy(), band[..., 0]):
        spread = maximum_filter(frame, 5, mode="nearest") - minimum_filter(frame, 5, mode="nearest")
        assert torch.equal(found, torch.from_numpy(spread > 0.1))
    assert band.any() and not band.all()
